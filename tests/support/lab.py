"""Topics and records of one engine test on a real Kafka."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError

from carewatch.processors.base import Processor, Record
from carewatch.settings import KafkaSettings, Settings, WorkerSettings
from support.counting import counting_processor

_numbers = itertools.count(1)


class Address(Protocol):
    """What a test needs of the suite's broker."""

    @property
    def bootstrap_servers(self) -> str: ...


@dataclass(frozen=True)
class Lab:
    """A source, a results topic and a changelog nobody else uses, with `partitions` each."""

    bootstrap_servers: str
    partitions: int = 1
    name: str = field(default_factory=lambda: f"lab{next(_numbers)}")

    @property
    def source(self) -> str:
        return f"{self.name}.source"

    @property
    def results(self) -> str:
        return f"{self.name}.results"

    @property
    def processor(self) -> Processor:
        return counting_processor(self.name, reads=self.source, results=self.results)

    @property
    def changelog(self) -> str:
        return self.processor.changelog

    def settings(self, **worker: object) -> Settings:
        """Short intervals, and a metrics port of the system's choice."""
        return Settings(
            kafka=KafkaSettings(bootstrap_servers=self.bootstrap_servers),
            worker=WorkerSettings(
                **{"metrics_port": 0, "flush_interval_ms": 50, "session_timeout_ms": 6000, **worker}  # type: ignore[arg-type]
            ),
        )

    async def create(self, *, changelog_partitions: int | None = None) -> "Lab":
        await create_topics(
            self.bootstrap_servers,
            {self.source: self.partitions, self.results: self.partitions},
        )
        await create_topics(
            self.bootstrap_servers,
            {self.changelog: changelog_partitions or self.partitions},
            {"cleanup.policy": "compact", "max.message.bytes": "1048576"},
        )
        return self

    async def produce(self, keys: Sequence[str], *, partition: int = 0, value: bytes = b"x") -> int:
        """Appends one record per key to the source; returns the last one's offset."""
        return await produce(self.bootstrap_servers, self.source, keys, partition, value)

    async def read(self, topic: str, partition: int = 0) -> list[Record]:
        return await read_committed(self.bootstrap_servers, topic, partition)

    async def counted(self, partition: int = 0) -> list[str]:
        """The committed results of one partition, in order."""
        return [(r.value or b"").decode() for r in await self.read(self.results, partition)]

    async def until_counted(self, expected: Sequence[str], partition: int = 0) -> None:
        """Waits for exactly these results; on a time-out the comparison is the report."""
        found: list[str] = []

        async def equal() -> bool:
            found[:] = await self.counted(partition)
            return len(found) >= len(expected)

        await eventually(equal)
        assert found == list(expected)


def expected_counts(keys: Sequence[str]) -> list[str]:
    """What the counting processor must say about `keys`, each exactly once and in order."""
    seen: dict[str, int] = {}
    found = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        found.append(f"{key}:{seen[key]}")
    return found


async def create_topics(
    bootstrap_servers: str, counts: dict[str, int], config: dict[str, str] | None = None
) -> None:
    """Creates what does not exist yet, and returns when the broker's metadata has it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        for topic, count in counts.items():
            answer = await admin.create_topics(
                [NewTopic(topic, count, 1, topic_configs=config or {})]
            )
            for _, code, text in answer.topic_errors:
                assert code in {0, TopicAlreadyExistsError.errno}, text

        async def known() -> bool:
            return set(counts) <= set(await admin.list_topics())

        await eventually(known)
    finally:
        await admin.close()


async def produce(
    bootstrap_servers: str,
    topic: str,
    keys: Sequence[str],
    partition: int,
    value: bytes,
    headers: Sequence[tuple[str, bytes]] = (),
) -> int:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic, value, key=key.encode(), partition=partition, headers=list(headers)
            )
            for key in keys
        ]
        stored = await asyncio.gather(*sent)
        return int(stored[-1].offset)
    finally:
        await producer.stop()


async def read_committed(bootstrap_servers: str, topic: str, partition: int) -> list[Record]:
    """Every committed record of one partition, by code that shares nothing with the engine's."""
    where = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        end = (await consumer.end_offsets([where]))[where]
        first = (await consumer.beginning_offsets([where]))[where]
        consumer.assign([where])
        consumer.seek(where, first)
        found: list[Record] = []
        while first < end and await consumer.position(where) < end:
            batch = await consumer.getmany(where, timeout_ms=200)
            found += [
                Record(r.offset, r.key, r.value, tuple(r.headers)) for r in batch.get(where, ())
            ]
        return found
    finally:
        await consumer.stop()


async def eventually(
    condition: Callable[[], Awaitable[bool]], *, deadline_s: float = 45, every_s: float = 0.05
) -> None:
    """Returns once the condition holds or the deadline is over; the caller compares."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not await condition() and loop.time() < end:
        await asyncio.sleep(every_s)


async def commit_group_offset(lab: Lab, offset: int) -> None:
    """Leaves a group offset behind, as a worker's advisory commits do."""
    where = TopicPartition(lab.source, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=lab.bootstrap_servers,
        group_id=lab.processor.group,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign([where])
        await consumer.commit({where: offset})
    finally:
        await consumer.stop()


async def delete_before(lab: Lab, offset: int) -> None:
    """Removes the source's oldest records, as its retention would."""
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(lab.source, 0): RecordsToDelete(offset)})
    finally:
        await admin.close()


async def add_partition(lab: Lab) -> None:
    """Gives the source one partition more, as somebody with the rights may do at any time."""
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_partitions({lab.source: NewPartitions(lab.partitions + 1)})
    finally:
        await admin.close()


async def delete_topics(bootstrap_servers: str, *topics: str) -> None:
    """Deletes topics, and returns when they are gone for everybody who asks."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics(list(topics))

        async def gone() -> bool:
            return not set(topics) & set(await admin.list_topics())

        await eventually(gone)
    finally:
        await admin.close()


async def recreate(lab: Lab) -> None:
    """Deletes the source and creates it anew, empty."""
    await delete_topics(lab.bootstrap_servers, lab.source)
    await create_topics(lab.bootstrap_servers, {lab.source: lab.partitions})
