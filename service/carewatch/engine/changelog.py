"""Reading a log to its last stable offset: what a restore stands on, on aiokafka."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from carewatch.domain.errors import Retryable
from carewatch.engine.closing import close_consumer
from carewatch.engine.ports import Fenced, Log
from carewatch.engine.starting import started
from carewatch.processors.base import Record, Row
from carewatch.wire.rows import MARKER_KEY

BATCH_RECORDS = 1_000
"""So many are looked at at once: a takeover reads some ten partitions side by side, and what it
needs for a moment the allocator keeps for good."""
POLL_MS = 500
STALLED_POLLS = 60
"""Empty polls in a row after which a read counts as stuck (half a minute)."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The newest row of every key, tombstones removed, and the marker."""

    newest: dict[bytes, bytes]
    """The rows by their keys, without the marker."""
    marker: bytes | None
    read: int
    headers: Sequence[tuple[str, bytes]] = ()
    """Of the marker's record: the driver's own part."""

    def take_rows(self) -> Iterator[Row]:
        """The rows, one by one, each taken out: a million are as large as what they become.

        It ends where somebody else has taken the others.
        """
        for key in list(self.newest):
            value = self.newest.pop(key, None)
            if value is None:
                return
            yield Row(key, value)


Progress = Callable[[int, int], None]
"""Told after each batch: how many rows were read, and about how many are left."""


async def read_newest(
    log: Log,
    topic: str,
    partition: int,
    progress: Progress | None = None,
    *,
    owned: bool = True,
) -> Restored:
    """The state that the committed rows of one changelog partition add up to.

    Ask only after the partition's producer was started: from then on the end cannot move. If it
    does move, another owner has taken over, whose newer rows may have made compaction take away
    older ones before they were read: raises Fenced, since this is the state of no instant. Who
    only looks at the state of another (not `owned`) sees it as of about now.
    """
    newest: dict[bytes, bytes] = {}
    headers: Sequence[tuple[str, bytes]] = ()
    read = 0
    end = await log.stable_end(topic, partition)
    async for records in log.read(topic, partition, end):
        for record in records:
            key = record.key or b""
            if record.value is None:
                newest.pop(key, None)
            else:
                newest[key] = record.value
                if key == MARKER_KEY:
                    headers = record.headers
        read += len(records)
        if progress is not None:
            progress(read, end - records[-1].offset - 1)
    now = await log.stable_end(topic, partition) if owned else end
    if now != end:
        raise Fenced(f"{topic} partition {partition} went from {end} to {now} while it was read")
    marker = newest.pop(MARKER_KEY, None)
    return Restored(newest, marker, read, headers)


class KafkaLog:
    """A `Log` on Kafka. Each read has a consumer of its own, so that restores run side by side."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    async def first_offset(self, topic: str, partition: int) -> int:
        where = TopicPartition(topic, partition)
        async with self._consumer() as consumer:
            return int((await consumer.beginning_offsets([where]))[where])

    async def stable_end(self, topic: str, partition: int) -> int:
        where = TopicPartition(topic, partition)
        async with self._consumer() as consumer:
            return int((await consumer.end_offsets([where]))[where])

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        where = TopicPartition(topic, partition)
        async with self._consumer() as consumer:
            consumer.assign([where])
            consumer.seek(where, offset)
            for _ in range(STALLED_POLLS):
                found = await consumer.getmany(where, timeout_ms=POLL_MS, max_records=1)
                for r in found.get(where, ()):
                    if r.offset != offset:
                        return None
                    return Record(r.offset, r.key, r.value, tuple(r.headers))
                if await consumer.position(where) > offset:
                    return None
        raise Retryable(f"reading {topic} partition {partition} at {offset} came to no end")

    async def read(self, topic: str, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        where = TopicPartition(topic, partition)
        async with self._consumer() as consumer:
            first = int((await consumer.beginning_offsets([where]))[where])
            if first >= end:
                return
            consumer.assign([where])
            # An explicit position: left to itself, a consumer that has just been given a
            # partition may still reset it, and a restore would read nothing, silently.
            consumer.seek(where, first)
            stalled = 0
            while await consumer.position(where) < end:
                found = await consumer.getmany(where, timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
                records = [
                    Record(r.offset, r.key, r.value, tuple(r.headers))
                    for r in found.get(where, ())
                    if r.offset < end
                ]
                stalled = 0 if found else stalled + 1
                if stalled >= STALLED_POLLS:
                    at = await consumer.position(where)
                    raise Retryable(
                        f"reading {topic} partition {partition} stopped at {at} of {end}"
                    )
                if records:
                    yield records

    @contextlib.asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        with _translated():
            consumer = AIOKafkaConsumer(
                **self._options,
                group_id=None,
                # aiokafka sends this with ListOffsets too: the end is then the last stable offset.
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_wait_ms=100,
                request_timeout_ms=10_000,
            )
            try:
                await started(consumer.start)
                yield consumer
            finally:
                await close_consumer(consumer)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (KafkaError, AssertionError, OSError) as error:
        raise Retryable(f"reading the log: {error!r}") from error
