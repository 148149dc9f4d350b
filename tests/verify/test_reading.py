"""Reading a cluster that does not answer ends with a reason, not with a trace."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from carewatch.verify.reading import CannotJudge, Cluster


class Silent:
    """A consumer before a broker that does not answer, and whose end cancels its own requests."""

    def assign(self, places: list[TopicPartition]) -> None:
        """Nothing is asked yet."""

    async def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        raise KafkaTimeoutError

    async def stop(self) -> None:
        raise asyncio.CancelledError


def cluster() -> Cluster:
    found = Cluster({})
    found._consumer = Silent()
    found._partitions = {"care.events": 1}
    return found


async def test_offsets_that_nobody_tells_are_no_judgement() -> None:
    with pytest.raises(CannotJudge, match=r"does not say where care\.events ends"):
        await cluster().extent("care.events")


async def test_a_cancellation_of_the_client_s_own_requests_is_not_ours() -> None:
    await cluster().__aexit__(None, None, None)


async def test_one_that_is_meant_for_us_is_passed_on() -> None:
    async def meant() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await cluster().__aexit__(None, None, None)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(meant())
