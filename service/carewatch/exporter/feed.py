"""Reads `care.metrics` and `care.rulebooks` from the beginning into a board, and goes on.

Every board reads everything (no consumer group): replicas show the same, and a restart needs no
state. Until the end of both topics as of the start was reached, nothing is shown: a half-read
total would look like a counter that was reset. After a failure the feed reads from the beginning
into a new board while the old one goes on to be shown, growing older, which the page says.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from carewatch.domain.board import Board
from carewatch.domain.errors import InvalidRecord, Refused, Retryable
from carewatch.engine.closing import close_consumer
from carewatch.engine.cluster import partition_counts
from carewatch.engine.stable import StableOffsets
from carewatch.engine.starting import started
from carewatch.exporter.shown import View
from carewatch.wire import topics
from carewatch.wire.points import read_point
from carewatch.wire.rulebooks import decode_document, decode_publication

logger = logging.getLogger(__name__)

_TOPICS: Final = (topics.METRICS, topics.RULEBOOKS)
_RETRY_S: Final = 1.0
_BATCH: Final = 250
"""Records that are folded at a stretch: more would be felt by whoever is answered meanwhile."""


class Feed:
    """The board of this process, kept up to date by `run`."""

    def __init__(self, kafka_options: Mapping[str, Any], *, tenants: tuple[str, ...] = ()) -> None:
        self._options = kafka_options
        self._tenants = tenants
        self._board: Board | None = None
        self._unreadable: dict[tuple[str, ...], int] = {}
        self._stable = StableOffsets()
        self._held: dict[tuple[str, ...], int] = {}
        self._behind: dict[tuple[str, ...], int] = {}
        self._view = View(snapshot=Board().snapshot(), tenants=tenants)
        self._reason = "starting: no connection to Kafka yet"
        self._told: list[Callable[[], None]] = []
        self.caught_up = asyncio.Event()

    def on_news(self, tell: Callable[[], None]) -> None:
        """Calls `tell` in the event loop whenever what is shown may have changed."""
        self._told.append(tell)

    @property
    def missing(self) -> str | None:
        """Why there is nothing to show yet; None once the board is complete."""
        return None if self.caught_up.is_set() else self._reason

    @property
    def view(self) -> View:
        """The view as of the last `refresh`; safe to read in any thread."""
        return self._view

    def refresh(self) -> View:
        """Takes a snapshot of the board as it stands now; only in the event loop."""
        if self._board is not None:
            self._view = View(
                snapshot=self._board.snapshot(),
                tenants=self._tenants,
                unreadable=dict(self._unreadable),
                held_ms=dict(self._held),
                behind=dict(self._behind),
            )
        return self._view

    async def run(self) -> None:
        """Follows both topics until it is cancelled."""
        while True:
            try:
                await self._follow()
            except (KafkaError, Refused, Retryable) as error:
                self._reason = f"{type(error).__name__}: {error}"
                logger.warning("%s; the next attempt is in %g s", self._reason, _RETRY_S)
            await asyncio.sleep(_RETRY_S)

    async def _follow(self) -> None:
        counts = await partition_counts(_TOPICS, dict(self._options))
        partitions = [
            TopicPartition(topic, number) for topic in _TOPICS for number in range(counts[topic])
        ]
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
        )
        try:
            await started(consumer.start)
            consumer.assign(partitions)
            board = Board()
            ends = await consumer.end_offsets(partitions)
            while True:
                fetched = await consumer.getmany(timeout_ms=100, max_records=_BATCH)
                for records in fetched.values():
                    for record in records:
                        self._fold(board, record)
                # With records at hand nothing in here waits: everybody else would, for all of them.
                await asyncio.sleep(0)
                await self._look_at_offsets(consumer, partitions)
                if self._board is not board and await self._reached(consumer, ends):
                    self._board = board
                    self.refresh()
                    self.caught_up.set()
                    logger.info("caught up with %d partitions", len(partitions))
                if fetched and self._board is board:
                    for tell in self._told:
                        tell()
        finally:
            await close_consumer(consumer)

    async def _reached(
        self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
    ) -> bool:
        """Whether everything that stood in the topics at the start was read."""
        behind = 0
        for partition, end in ends.items():
            behind += max(0, end - await consumer.position(partition))
        self._reason = f"reading {topics.METRICS}: {behind} records behind"
        return behind == 0

    async def _look_at_offsets(
        self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
    ) -> None:
        """How far behind the reading is, and what open transactions hold back."""
        now = int(asyncio.get_running_loop().time() * 1000)
        for place in partitions:
            stable, end = consumer.last_stable_offset(place), consumer.highwater(place)
            if stable is not None and end is not None:
                name = place.topic, str(place.partition)
                held = self._stable.held_ms(*place, stable=stable, end=end, now=now)
                self._held[name] = held
                self._behind[name] = max(0, stable - await consumer.position(place))

    def _fold(self, board: Board, record: "ConsumerRecord[bytes, bytes]") -> None:
        """Folds one record; what cannot be understood is counted and passed over.

        It stays where it is, for people to look at: the first of each kind is named in the log.
        """
        try:
            if record.topic == topics.METRICS:
                fold_point(board, record.key, record.value)
            elif record.value is not None:
                fold_rulebook(board, record.value)
        except InvalidRecord as error:
            kind = (record.topic, error.reason)
            if kind not in self._unreadable:
                logger.warning(
                    "%s partition %d offset %d cannot be read (%s) and is passed over; others like "
                    "it are counted as care_board_unreadable_records_total",
                    *(record.topic, record.partition, record.offset, error.reason),
                )
            self._unreadable[kind] = self._unreadable.get(kind, 0) + 1


def fold_point(board: Board, key: bytes | None, value: bytes | None) -> None:
    """Folds a record of `care.metrics`; raises InvalidRecord."""
    if key is None:
        raise InvalidRecord("no_key")
    board.fold(key, None if value is None else read_point(key, value))


def fold_rulebook(board: Board, value: bytes) -> None:
    """Folds a record of `care.rulebooks`; raises InvalidRecord."""
    published = decode_publication(value).data
    board.fold_rulebook(published.number, decode_document(published.document))
