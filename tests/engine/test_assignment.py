"""Proofs of membership and rebalances: neither may bring the other about."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiokafka import TopicPartition

from carewatch.domain.errors import Retryable
from carewatch.engine.assignment import KafkaGroup
from carewatch.engine.ports import NotOwner
from carewatch.local.ports import free_port
from carewatch.settings import WorkerSettings

PLACES = [TopicPartition("care.events", number) for number in range(2)]


class SlowConsumer:
    """Commits as aiokafka does: one after the other, each answered when it is let."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.answer = asyncio.Event()
        self._lock = asyncio.Lock()

    def pause(self, *places: TopicPartition) -> None:
        """Nothing comes here anyway."""

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        async with self._lock:
            self.sent += [place.partition for place in offsets]
            await self.answer.wait()


@pytest.fixture
async def group() -> AsyncIterator[tuple[KafkaGroup, SlowConsumer]]:
    """A member that was given two partitions, before a coordinator that takes its time."""

    async def nothing_to_flush() -> None:
        pass

    group = KafkaGroup(
        topic="care.events",
        group="carewatch-track",
        options={},
        settings=WorkerSettings(),
        on_revoke=nothing_to_flush,
    )
    real, group._consumer = group._consumer, SlowConsumer()
    group.on_partitions_assigned(PLACES)
    yield group, group._consumer
    await real.stop()


async def turns() -> None:
    """Everybody who can go on has done so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_proof_that_waited_for_another_is_not_sent_into_a_join(
    group: tuple[KafkaGroup, SlowConsumer],
) -> None:
    """A commit behind the join is refused for its generation; aiokafka then forgets its own and
    joins once more, and two members could go on doing that to each other for ever."""
    member, consumer = group
    proofs = [asyncio.create_task(member.prove(number, 7)) for number in range(2)]
    await turns()

    revoked = asyncio.create_task(member.on_partitions_revoked(PLACES))
    await turns()
    consumer.answer.set()
    await revoked
    told = await asyncio.gather(*proofs, return_exceptions=True)

    assert consumer.sent == [0]
    assert [type(one) for one in told] == [type(None), NotOwner]


async def test_no_join_overtakes_a_proof_on_its_way(
    group: tuple[KafkaGroup, SlowConsumer],
) -> None:
    member, consumer = group
    proof = asyncio.create_task(member.prove(0, 7))
    await turns()

    revoked = asyncio.create_task(member.on_partitions_revoked(PLACES))
    await turns()
    assert not revoked.done()

    consumer.answer.set()
    await asyncio.gather(revoked, proof)


async def test_an_advisory_commit_that_waited_for_a_proof_is_not_sent_into_a_join(
    group: tuple[KafkaGroup, SlowConsumer],
) -> None:
    member, consumer = group
    proof = asyncio.create_task(member.prove(0, 7))
    await turns()
    advisory = asyncio.create_task(member.commit({1: 9}))
    await turns()

    revoked = asyncio.create_task(member.on_partitions_revoked(PLACES))
    await turns()
    consumer.answer.set()
    await asyncio.gather(revoked, proof, advisory)

    assert consumer.sent == [0]


async def test_without_a_broker_joining_may_be_tried_again() -> None:
    """A broker may go away at any moment of a worker's start, and comes back."""

    async def nothing_to_flush() -> None:
        pass

    before = asyncio.all_tasks()
    group = KafkaGroup(
        topic="care.events",
        group="carewatch-track",
        options={"bootstrap_servers": f"127.0.0.1:{free_port()}"},
        settings=WorkerSettings(),
        on_revoke=nothing_to_flush,
    )
    for _ in range(2):
        with pytest.raises(Retryable, match="joining group carewatch-track"):
            await group.start()
    await group.stop()

    assert asyncio.all_tasks() == before
