"""A start that is cancelled comes to its end first: nothing is left open."""

import asyncio
import gc

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from carewatch.engine import starting
from carewatch.engine.starting import started
from carewatch.local.kafka import LocalKafka

SPINS = range(0, 4000, 50)
"""How often the loop goes round before the cancellation: from before the first byte until after
the answer."""


class Client:
    """Its start ends when it is told to."""

    def __init__(self) -> None:
        self.answer = asyncio.get_running_loop().create_future()
        self.cancelled = False

    async def start(self) -> None:
        try:
            await self.answer
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def cancelled(client: Client) -> "asyncio.Task[None]":
    """A start that was cancelled while the client waits for its answer."""
    task = asyncio.ensure_future(started(client.start))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    return task


async def test_a_cancelled_start_waits_for_the_answer() -> None:
    client = Client()
    task = await cancelled(client)
    waited = not task.done()
    client.answer.set_result(None)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert waited
    assert not client.cancelled


async def test_an_error_of_a_cancelled_start_is_nobodys() -> None:
    client = Client()
    task = await cancelled(client)
    client.answer.set_exception(KafkaConnectionError())

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_start_without_an_answer_is_cancelled_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "ANSWER_SECONDS", 0.01)
    client = Client()
    task = await cancelled(client)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.cancelled


async def test_a_second_cancellation_does_not_wait() -> None:
    client = Client()
    task = await cancelled(client)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert client.cancelled


async def test_an_error_is_passed_on() -> None:
    client = Client()
    client.answer.set_exception(KafkaConnectionError())

    with pytest.raises(KafkaConnectionError):
        await started(client.start)


@pytest.mark.broker
async def test_a_producer_cancelled_at_any_moment_leaves_no_connection(broker: LocalKafka) -> None:
    """What is left open is found when it is collected, as an unraisable warning."""
    for spins in SPINS:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        task = asyncio.ensure_future(started(producer.start))
        for _ in range(spins):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await producer.stop()
        del producer, task
        gc.collect()
