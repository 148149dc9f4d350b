"""Membership in the consumer group of one stage, and the way its records come in, on aiokafka.

aiokafka rebalances eagerly: every revocation takes all partitions, every assignment gives all
anew. So an assignment only takes note and pauses; what is new is opened, and what is gone is
closed, outside the callbacks, where heartbeats and the next rebalance go on meanwhile.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from carewatch.domain.errors import Retryable
from carewatch.engine.closing import close_consumer
from carewatch.engine.ports import Fetched, Lag, NotOwner, OnRevoke
from carewatch.engine.starting import started
from carewatch.processors.base import Record
from carewatch.settings import WorkerSettings

logger = logging.getLogger(__name__)

FETCH_MS: Final = 100
FETCH_RECORDS: Final = 20_000
PROBE_SECONDS: Final = 5
STOP_SECONDS: Final = 4
_DAY_MS: Final = 86_400_000


class KafkaGroup(ConsumerRebalanceListener):  # type: ignore[misc]
    """A `Membership` on Kafka."""

    def __init__(
        self,
        *,
        topic: str,
        group: str,
        options: dict[str, Any],
        settings: WorkerSettings,
        on_revoke: OnRevoke,
    ) -> None:
        self.changed = asyncio.Event()
        """Set at every assignment."""
        self.generation = 0
        """Counts assignments."""
        self._topic = topic
        self._name = group
        self._on_revoke = on_revoke
        self._assigned: frozenset[int] | None = None
        self._tokens: dict[int, int] = {}
        self._last_token = 0
        self._reached: dict[int, int] = {}
        self._committing = asyncio.Lock()
        self._options = options
        self._settings = settings
        self._consumer = self._new_consumer()

    def _new_consumer(self) -> AIOKafkaConsumer:
        settings = self._settings
        return AIOKafkaConsumer(
            **self._options,
            group_id=self._name,
            group_instance_id=f"{self._name}-{settings.slot}" if settings.slot else None,
            # Own results are read back in a transaction's two states: only committed ones count.
            isolation_level="read_committed",
            # StickyPartitionAssignor keeps its assignment in class attributes: two consumers of
            # one process would overwrite each other's.
            partition_assignment_strategy=(
                type("OwnStickyAssignor", (StickyPartitionAssignor,), {}),
            ),
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 4,
            rebalance_timeout_ms=max(15_000, settings.session_timeout_ms),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=1_048_576,
            # aiokafka refuses to rejoin when nobody polled for this long, and nobody polls while
            # nothing is assigned: after a broker's outage no partition would ever come back.
            max_poll_interval_ms=_DAY_MS,
        )

    async def start(self) -> None:
        """Joins the group; `changed` tells when partitions come.

        Raises Retryable without a broker: it may be tried again.
        """
        try:
            await started(self._consumer.start)
        except (KafkaError, OSError, AssertionError) as error:
            await self._close()
            self._consumer = self._new_consumer()  # one that has failed cannot be started again
            raise Retryable(f"joining group {self._name}: {error!r}") from error
        except BaseException:
            await self._close()
            raise
        self._consumer.subscribe([self._topic], listener=self)

    async def stop(self) -> None:
        """Leaves the group for good and closes, in bounded time."""
        # A static member sends no LeaveGroup: its partitions would idle for the whole session.
        if self._consumer._coordinator is not None:  # noqa: SLF001
            self._consumer._coordinator._group_instance_id = None  # noqa: SLF001
        await self._close()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await close_consumer(self._consumer)
        except (TimeoutError, KafkaError) as error:
            logger.warning("group %s: leaving took too long: %r", self._name, error)

    @property
    def assigned(self) -> frozenset[int] | None:
        """The partitions of the current assignment; None while the group rebalances."""
        return self._assigned

    def token(self, partition: int) -> int | None:
        return self._tokens.get(partition)

    async def committed(self, partition: int) -> int | None:
        try:
            offset = await self._consumer.committed(TopicPartition(self._topic, partition))
        except (KafkaError, AssertionError) as error:
            raise Retryable(f"group {self._name}: {error!r}") from error
        return None if offset is None else int(offset)

    async def prove(self, partition: int, offset: int) -> None:
        try:
            if not await self._commit({partition: offset}):
                raise NotOwner(f"group {self._name} partition {partition}")
        except (CommitFailedError, IllegalStateError) as error:
            raise NotOwner(f"group {self._name} partition {partition}: {error!r}") from error
        except (KafkaError, AssertionError) as error:
            raise Retryable(f"group {self._name}: {error!r}") from error

    def seek(self, partition: int, offset: int) -> None:
        where = TopicPartition(self._topic, partition)
        if partition not in self._tokens:
            raise NotOwner(f"group {self._name} partition {partition}")
        try:
            self._consumer.seek(where, offset)
        except IllegalStateError as error:
            raise NotOwner(f"group {self._name} partition {partition}") from error
        self._tokens[partition] = self._next_token()

    def resume(self, partition: int) -> None:
        """Lets records of an owned partition come; they are paused at every assignment."""
        if partition in self._tokens:
            self._consumer.resume(TopicPartition(self._topic, partition))

    def pause(self, partition: int) -> None:
        """Keeps an owned partition's records back until `resume`."""
        if partition in self._tokens:
            self._consumer.pause(TopicPartition(self._topic, partition))

    async def fetch(self) -> list[Fetched]:
        """What has arrived, waiting a tenth of a second for something (longer in a rebalance)."""
        tokens = dict(self._tokens)
        found = await self._consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)
        for where, records in found.items():
            self._reached[where.partition] = int(records[-1].timestamp)
        return [
            Fetched(
                where.partition,
                tokens.get(where.partition),
                [Record(r.offset, r.key, r.value, tuple(r.headers)) for r in records],
            )
            for where, records in found.items()
        ]

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Tells lag tools where we are: advisory, so errors are noted."""
        try:
            await self._commit(offsets)
        except (KafkaError, AssertionError, TimeoutError) as error:
            logger.info("group %s: advisory commit not taken: %r", self._name, error)

    async def _commit(self, offsets: Mapping[int, int]) -> bool:
        """Commits what is ours when its turn comes; False, and nothing is sent, if nothing is.

        A commit that falls into a join is refused for its old generation; aiokafka then forgets
        its own and joins once more, and the next commits, which had to wait meanwhile, fall into
        that join: without an end. So they come one by one, and a join waits for the last of them.
        """
        async with asyncio.timeout(PROBE_SECONDS), self._committing:
            mine = {
                TopicPartition(self._topic, partition): offset
                for partition, offset in offsets.items()
                if partition in self._tokens
            }
            if mine:
                await self._consumer.commit(mine)
        return bool(mine)

    def lag(self, partition: int) -> Lag | None:
        """What of an owned partition was not fetched yet; None before the first fetch."""
        where = TopicPartition(self._topic, partition)
        try:
            stable = self._consumer.last_stable_offset(where)
            end = self._consumer.highwater(where)
            position = self._consumer._subscription.subscription.assignment.state_value(  # noqa: SLF001
                where
            ).position
        except (IllegalStateError, AssertionError, AttributeError):
            return None
        if stable is None or stable < 0 or end is None:
            return None
        behind = max(0, int(stable) - int(position))
        return Lag(behind, self._reached.get(partition), int(stable), int(end))

    @property
    def partition_count(self) -> int | None:
        """How many partitions the source has by the newest metadata; None while unknown."""
        known = self._consumer.partitions_for_topic(self._topic)
        return len(known) if known else None

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Every token is over; what is in memory is flushed, and kept in case it comes back."""
        self._assigned = None
        self._tokens.clear()
        if revoked:
            await self._on_revoke()
        async with self._committing:
            pass  # the one on its way, at most PROBE_SECONDS: the join begins after this callback

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Takes note and returns: the group waits for this callback."""
        places = list(assigned)
        self._consumer.pause(*places)
        self._tokens = {place.partition: self._next_token() for place in places}
        self._assigned = frozenset(self._tokens)
        self.generation += 1
        self.changed.set()

    def _next_token(self) -> int:
        self._last_token += 1
        return self._last_token
