"""The same log twice, for one suite of expectations: in memory, and on a real Kafka."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carewatch.engine.changelog import KafkaLog
from carewatch.engine.ports import Log, Message, TransactionalProducer
from carewatch.engine.transaction import KafkaTransaction
from carewatch.processors.base import Record
from support.fake_clients import FakeProducer, FakeReader, Host, Weather
from support.fake_log import FakeLog
from support.world import World

_numbers = itertools.count(1)


class Backend(Protocol):
    """A log with one topic of one partition each, and clients for it."""

    log: Log

    def run(self, scenario: "Scenario") -> None:
        """Runs a scenario to its end, with everything closed afterwards."""

    async def topic(self, *, compact: bool = False, max_bytes: int | None = None) -> str:
        """A new topic of one partition; larger batches than `max_bytes` are refused."""

    def producer(self, transactional_id: str, *, timeout_ms: int = 10_000) -> TransactionalProducer:
        """A producer that is not started yet."""

    async def append(self, topic: str, message: Message) -> None:
        """Stores one record outside any transaction."""

    async def everything(self, topic: str) -> list[Record]:
        """What a reader sees that takes uncommitted and aborted records, too."""

    async def compacted(self, topic: str) -> None:
        """Returns when the older values of keys have been compacted away."""


Scenario = Callable[[Backend], Awaitable[None]]


class FakeBackend:
    """In memory, on virtual time."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        self.fake = FakeLog(self.world, {})
        self.host = Host(self.fake, self.world.process("test"), Weather())
        self.log: Log = FakeReader(self.host)

    def run(self, scenario: Scenario) -> None:
        async def whole() -> None:
            await scenario(self)

        try:
            self.world.complete(self.host.process.spawn(whole()))
        finally:
            self.world.close()

    async def topic(self, *, compact: bool = False, max_bytes: int | None = None) -> str:
        return self.fake.create(f"topic{next(_numbers)}", max_bytes=max_bytes)

    def producer(self, transactional_id: str, *, timeout_ms: int = 10_000) -> TransactionalProducer:
        self.fake.transaction_timeout_ms = timeout_ms
        return FakeProducer(self.host, transactional_id)

    async def append(self, topic: str, message: Message) -> None:
        self.fake.append(topic, 0, message)

    async def everything(self, topic: str) -> list[Record]:
        place = self.fake.partition(topic, 0)
        return list(place.records(0, place.end, committed_only=False))

    async def compacted(self, topic: str) -> None:
        place = self.fake.partition(topic, 0)
        place.compact(place.end)


class KafkaBackend:
    """On the suite's Kafka, with the engine's own clients."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.options: dict[str, Any] = {"bootstrap_servers": bootstrap_servers}
        self.log: Log = KafkaLog(self.options)
        self._producers: list[TransactionalProducer] = []

    def run(self, scenario: Scenario) -> None:
        async def whole() -> None:
            try:
                async with asyncio.timeout(120):
                    await scenario(self)
            finally:
                for producer in self._producers:
                    await producer.close()

        asyncio.run(whole())

    async def topic(self, *, compact: bool = False, max_bytes: int | None = None) -> str:
        name = f"contract{next(_numbers)}"
        config = {}
        if compact:
            config = {
                "cleanup.policy": "compact",
                "segment.ms": "200",
                "min.cleanable.dirty.ratio": "0.01",
                "max.compaction.lag.ms": "500",
            }
        if max_bytes is not None:
            config["max.message.bytes"] = str(max_bytes)
        admin = AIOKafkaAdminClient(**self.options)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, 1, 1, topic_configs=config)])
        finally:
            await admin.close()
        return name

    def producer(self, transactional_id: str, *, timeout_ms: int = 10_000) -> TransactionalProducer:
        producer = KafkaTransaction(
            transactional_id, options=self.options, transaction_timeout_ms=timeout_ms
        )
        self._producers.append(producer)
        return producer

    async def append(self, topic: str, message: Message) -> None:
        async with AIOKafkaProducer(**self.options, acks="all") as producer:
            await producer.send_and_wait(
                topic, message.value, key=message.key, headers=list(message.headers), partition=0
            )

    async def everything(self, topic: str) -> list[Record]:
        where = TopicPartition(topic, 0)
        found: list[Record] = []
        async with AIOKafkaConsumer(
            **self.options, isolation_level="read_uncommitted", auto_offset_reset="earliest"
        ) as consumer:
            end = (await consumer.end_offsets([where]))[where]
            consumer.assign([where])
            consumer.seek(where, 0)
            while await consumer.position(where) < end:
                batch = await consumer.getmany(where, timeout_ms=200)
                found += [
                    Record(r.offset, r.key, r.value, tuple(r.headers)) for r in batch.get(where, ())
                ]
        return found

    async def compacted(self, topic: str) -> None:
        """The segment in use is never compacted: newer records of other keys end it."""
        before = len(await self.everything(topic))
        for number in itertools.count():
            await self.append(topic, Message(f"filler{number}".encode(), b""))
            if len(await self.everything(topic)) < before + number + 1:
                return
            await asyncio.sleep(1)


async def committed(backend: Backend, topic: str) -> list[Record]:
    """Every committed record up to the last stable offset."""
    end = await backend.log.stable_end(topic, 0)
    return [record async for batch in backend.log.read(topic, 0, end) for record in batch]


async def until_stable_end(backend: Backend, topic: str, end: int) -> int:
    """Waits until the last stable offset has got to `end`; returns what it is then.

    A commit is decided before its marks are in the partitions, so that waiting is right.
    """
    deadline = asyncio.get_running_loop().time() + 30
    while (now := await backend.log.stable_end(topic, 0)) < end:
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.02)
    return now


async def sent(producer: TransactionalProducer, topic: str, messages: Sequence[Message]) -> None:
    """Sends messages and waits until they are stored."""
    await asyncio.gather(*await producer.send(topic, 0, messages))
