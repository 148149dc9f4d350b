"""Where records are safe: in Kafka, or in the spool until Kafka has them.

While a lane (a partition of a topic) has records in the spool, later ones queue behind them, so
that a conversation keeps its order. Each such lane is drained by a task of its own: a partition
without a leader holds up nobody else.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from aiokafka.errors import MessageSizeTooLargeError

from carewatch.engine.sealing import Seal
from carewatch.gateway.bugs import log_bug
from carewatch.gateway.dead import dead_record
from carewatch.gateway.producer import Outgoing, Unavailable
from carewatch.gateway.spool import Addressed, Lane, Spool
from carewatch.wire.partitions import partition_of
from carewatch.wire.topics import DEAD

AT_ONCE: Final = 256
"""Records of a lane that are fed at once; halved whenever Kafka does not take them in time."""

BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0)
"""Between attempts to feed a lane."""

DISK_TIMEOUT_S: Final = 2
"""A disk that has not synced by then has not taken the record: a provider waits three seconds."""


class Publishes(Protocol):
    """A `producer.Publisher`, or a list in tests."""

    @property
    def unready(self) -> str | None: ...
    @property
    def was_ready(self) -> bool: ...
    async def publish(self, records: Sequence[Outgoing]) -> None: ...


def lanes_by(partitions: Mapping[str, int]) -> Callable[[str, bytes | None], Lane]:
    """The lane of a topic's key, by the topics' counts of partitions."""

    def lane_of(topic: str, key: bytes | None) -> Lane:
        return Lane(topic, 0 if key is None else partition_of(key, partitions[topic]))

    return lane_of


class Delivery:
    """Stores records of several topics, each by its publisher. `start` first, `stop` last."""

    def __init__(
        self,
        publishers: Mapping[str, Publishes],
        lane_of: Callable[[str, bytes | None], Lane],
        spool: Spool | None,
        seal: Seal | None,
        backoff_s: Sequence[float] = BACKOFF_S,
    ) -> None:
        self._publishers = publishers
        self._lane_of = lane_of
        self._spool = spool
        self._seal = seal
        self._backoff_s = backoff_s
        self._drains: dict[Lane, asyncio.Task[None]] = {}
        self._closing: dict[Lane, asyncio.Event] = {}
        """Lanes whose last records are on their way: whoever comes now waits for them."""

    async def start(self) -> None:
        """Begins to feed what an earlier process left; raises ConfigError for a useless folder."""
        if self._spool is not None:
            await self._spool.open()
            self._feed(self._spool, self._spool.lanes)

    async def stop(self) -> None:
        """Ends the feeding; what waits stays in the spool."""
        for task in self._drains.values():
            task.cancel()
        await asyncio.gather(*self._drains.values(), return_exceptions=True)
        if self._spool is not None:
            await self._spool.close()

    async def store(self, records: Sequence[Addressed], *, spool: bool) -> bool:
        """Returns when all are safe: True when some of them are so by the spool alone.

        Without `spool` only Kafka will do. Raises Unavailable when they are safe nowhere; some may
        be nevertheless, with the ids of the retry.
        """
        if self._spool is None or not spool:
            await self._publish(records)
            return False
        direct, behind = await self._divided(self._spool, records)
        queueing = asyncio.create_task(self._append(self._spool, behind)) if behind else None
        try:
            failed = await self._try(direct)
            await self._append(self._spool, failed)
        finally:
            if queueing is not None:
                await queueing
        return bool(behind or failed)

    def readiness(self, now: int) -> tuple[bool, list[str]]:
        """Whether records can be taken at `now` (ms), and what people should know.

        With a spool that has room the gateway is of use without Kafka; but not before it has seen
        the topics once, since what is configured may be wrong.
        """
        told = [p.unready for p in self._publishers.values() if p.unready is not None]
        spool = self._spool
        if spool is None:
            return not told, told
        usable = all(p.was_ready for p in self._publishers.values())
        if spool.failed is not None or spool.size >= spool.limit_bytes:
            usable = usable and not told
            told.append(spool.failed or f"the spool is full ({spool.limit_bytes} bytes)")
        if (oldest_at := spool.oldest_at) is not None:
            seconds = (now - oldest_at) // 1000
            told.append(f"{spool.records} records wait in the spool, the oldest for {seconds} s")
        return usable, told

    async def _divided(
        self, spool: Spool, records: Sequence[Addressed]
    ) -> tuple[Sequence[Addressed], Sequence[Addressed]]:
        """Those that may go to Kafka, and those that must queue behind others of their lane."""
        if spool.empty:
            return records, ()
        lanes = [self._lane_of(topic, record.key) for topic, record in records]
        for lane in lanes:
            if (closing := self._closing.get(lane)) is not None:
                await closing.wait()
        direct: list[Addressed] = []
        behind: list[Addressed] = []
        for lane, one in zip(lanes, records, strict=True):
            (behind if spool.holds(lane) else direct).append(one)
        return direct, behind

    async def _publish(self, records: Sequence[Addressed]) -> None:
        failures = await self._published(_by_topic(records))
        for failure in failures.values():
            raise failure

    async def _try(self, records: Sequence[Addressed]) -> list[Addressed]:
        """Those that Kafka did not acknowledge."""
        by_topic = _by_topic(records)
        failures = await self._published(by_topic)
        for failure in failures.values():
            if not isinstance(failure, Unavailable):
                raise failure
        return [(topic, record) for topic in failures for record in by_topic[topic]]

    async def _published(self, by_topic: Mapping[str, list[Outgoing]]) -> dict[str, BaseException]:
        """The failures by topic."""
        if len(by_topic) == 1:
            # Nearly always: a task for it alone would cost as much as the rest of this.
            ((topic, some),) = by_topic.items()
            try:
                await self._publishers[topic].publish(some)
            except Exception as error:  # noqa: BLE001 - handed over, as gather does below
                return {topic: error}
            return {}
        outcomes = await asyncio.gather(
            *(self._publishers[topic].publish(some) for topic, some in by_topic.items()),
            return_exceptions=True,
        )
        return {
            topic: outcome
            for topic, outcome in zip(by_topic, outcomes, strict=True)
            if outcome is not None
        }

    async def _append(self, spool: Spool, records: Sequence[Addressed]) -> None:
        if not records:
            return
        try:
            async with asyncio.timeout(DISK_TIMEOUT_S):
                await spool.append(records)
        except TimeoutError as error:
            raise Unavailable("the disk of the spool did not answer in time") from error
        finally:
            self._feed(spool, [self._lane_of(topic, record.key) for topic, record in records])

    def _feed(self, spool: Spool, lanes: Sequence[Lane]) -> None:
        """Sees to it that each of the lanes is drained."""
        for lane in lanes:
            task = self._drains.get(lane)
            if (task is None or task.done()) and spool.holds(lane):
                self._drains[lane] = asyncio.create_task(self._drain(spool, lane))

    async def _drain(self, spool: Spool, lane: Lane) -> None:
        """Feeds a lane until nothing waits in it."""
        most, attempt, flows = AT_ONCE, 0, False
        while spool.holds(lane):
            try:
                records, places = await spool.head(lane, most)
                if not places:  # the first of them is still being written
                    await asyncio.sleep(self._backoff_s[0])
                    continue
                if flows and spool.ends_with(lane, places):
                    # Kafka takes them, and these are the last: nobody needs the disk any more.
                    self._closing[lane] = asyncio.Event()
                await self._take_up(lane, records)
                flows, attempt, most = True, 0, min(AT_ONCE, most * 2)
                await spool.drop(lane, places)
            except MessageSizeTooLargeError:
                flows, most = False, 1
            except Unavailable:
                flows, most = False, max(1, most // 2)
            except Exception as error:  # noqa: BLE001 - nothing may strand what is promised
                log_bug(f"feeding partition {lane.partition} of {lane.topic}", error)
                flows = False
            finally:
                if (closing := self._closing.pop(lane, None)) is not None:
                    closing.set()
            if not flows:
                await asyncio.sleep(self._backoff_s[min(attempt, len(self._backoff_s) - 1)])
                attempt += 1

    async def _take_up(self, lane: Lane, records: list[Outgoing]) -> None:
        """Publishes the first records of a lane.

        One that Kafka will never take, since the topic's limit was lowered, becomes a dead letter;
        among others it raises MessageSizeTooLargeError. Of a topic that is switched off meanwhile
        nothing may come any more: they are forgotten.
        """
        publisher = self._publishers.get(lane.topic)
        if publisher is None:
            return
        try:
            await publisher.publish(records)
        except MessageSizeTooLargeError:
            if len(records) > 1 or lane.topic == DEAD:
                raise
            letter = dead_record(records[0], *lane, seal=self._seal)
            await self._publishers[DEAD].publish([letter])


def _by_topic(records: Sequence[Addressed]) -> dict[str, list[Outgoing]]:
    found: dict[str, list[Outgoing]] = {}
    for topic, record in records:
        found.setdefault(topic, []).append(record)
    return found
