"""Reading a cluster, and nothing but reading: no group, no commit, no topic created."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

POLL_MS = 500
STALLED_POLLS = 60
"""So many polls without a record, before the end: the broker does not answer (30 s)."""


class CannotJudge(Exception):
    """The verdict cannot be given; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A committed record."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Extent:
    """The offsets of a topic at the moment of asking, by partition: first kept, and end."""

    topic: str
    first: Mapping[int, int]
    end: Mapping[int, int]

    @property
    def records(self) -> int:
        """About how many records there are: what was aborted, and markers, count too."""
        return sum(self.end.values()) - sum(self.first.values())


@dataclass(slots=True)
class Cluster:
    """A connection by which committed records of whole topics are read."""

    options: dict[str, Any]
    _consumer: AIOKafkaConsumer | None = field(default=None, init=False)
    _partitions: dict[str, int] = field(default_factory=dict, init=False)

    async def __aenter__(self) -> Self:
        admin = AIOKafkaAdminClient(**self.options)
        try:
            await admin.start()
            # Only topics that are listed are asked for, lest asking creates them.
            described = await admin.describe_topics(await admin.list_topics())
        except (KafkaError, OSError, AssertionError) as error:
            raise CannotJudge(f"the cluster does not say which topics it has: {error!r}") from error
        finally:
            await admin.close()
        self._partitions = {str(one["topic"]): len(one["partitions"]) for one in described}
        self._consumer = AIOKafkaConsumer(
            **self.options,
            group_id=None,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await self._consumer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._consumer is None:
            return
        try:
            await self._consumer.stop()
        except asyncio.CancelledError:
            # aiokafka's fetcher lets the cancellation of its own requests escape.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    async def extent(self, topic: str) -> Extent:
        """Where a topic begins and ends now; raises CannotJudge if there is none."""
        if topic not in self._partitions:
            raise CannotJudge(f"topic {topic} does not exist. Remedy: carewatch topics apply")
        consumer = self._connected()
        places = [TopicPartition(topic, one) for one in range(self._partitions[topic])]
        consumer.assign(places)
        try:
            first = await consumer.beginning_offsets(places)
            end = await consumer.end_offsets(places)
        except KafkaError as error:
            raise CannotJudge(f"the cluster does not say where {topic} ends: {error!r}") from error
        return Extent(
            topic,
            {one.partition: first[one] for one in places},
            {one.partition: end[one] for one in places},
        )

    async def read(self, extent: Extent) -> AsyncIterator[Stored]:
        """Every committed record of an extent, in order within each partition."""
        consumer = self._connected()
        left = {
            TopicPartition(extent.topic, one): end
            for one, end in extent.end.items()
            if extent.first[one] < end
        }
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, extent.first[place.partition])
        stalled = 0
        while left:
            found = await consumer.getmany(*left, timeout_ms=POLL_MS)
            for place, records in found.items():
                for one in records:
                    if one.offset < left[place]:
                        headers = dict(one.headers)
                        yield Stored(place.partition, one.offset, one.key, one.value, headers)
            left = {
                place: end for place, end in left.items() if await consumer.position(place) < end
            }
            stalled = 0 if found else stalled + 1
            if stalled > STALLED_POLLS:
                raise CannotJudge(f"reading {extent.topic} stopped before its end at {dict(left)}")

    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise CannotJudge("the cluster is not connected")
        return self._consumer
