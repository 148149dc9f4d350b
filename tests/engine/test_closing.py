"""Consumers are closed with their connections, also when aiokafka's own stop gives up half-way."""

import asyncio
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from carewatch.engine.closing import close_consumer


class Client:
    closed = False

    async def close(self) -> None:
        self.closed = True


class Consumer:
    """Its stop ends by an exception, or never."""

    def __init__(self, ends_by: BaseException | None) -> None:
        self._client = Client()
        self._ends_by = ends_by

    async def stop(self) -> None:
        if self._ends_by is not None:
            raise self._ends_by
        await asyncio.Event().wait()


def closing(consumer: Consumer) -> "asyncio.Task[None]":
    return asyncio.ensure_future(close_consumer(cast("AIOKafkaConsumer", cast("Any", consumer))))


async def test_a_cancellation_of_its_own_tasks_ends_nothing_else() -> None:
    consumer = Consumer(asyncio.CancelledError())
    await closing(consumer)

    assert consumer._client.closed


async def test_whoever_cancels_the_closing_leaves_no_connection_open() -> None:
    consumer = Consumer(None)
    task = closing(consumer)
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert consumer._client.closed


async def test_an_error_leaves_no_connection_open() -> None:
    consumer = Consumer(KafkaError())

    with pytest.raises(KafkaError):
        await closing(consumer)
    assert consumer._client.closed
