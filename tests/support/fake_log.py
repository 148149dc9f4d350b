"""An in-memory Kafka: partitions, transactions, fencing, compaction. Knows no network and no wait.

What it keeps of Kafka is what the exactly-once protocol leans on: control records take offsets,
the last stable offset stops at the first open transaction, a commit is decided once but reaches
its partitions one after the other, registering a transactional id fences the former owner and
aborts what it left open, and compaction keeps the newest value of a key.
`tests/contract/test_log.py` runs the same expectations on this log and on a real broker.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from carewatch.domain.errors import Retryable
from carewatch.engine.ports import Fenced, Message
from carewatch.processors.base import Record
from support.world import World

State = Literal["plain", "open", "committed", "aborted", "control"]
Place = tuple[str, int]
"""A topic's partition."""


class BusyError(Exception):
    """CONCURRENT_TRANSACTIONS: the former transaction is still being ended; ask again."""


class TooLargeError(Retryable):
    """MESSAGE_TOO_LARGE: the batch was not stored."""


@dataclass(slots=True)
class Entry:
    """One slot of a partition; `control` slots are the marks of ended transactions."""

    offset: int
    timestamp: int
    message: Message
    producer: int | None
    state: State

    def record(self) -> Record:
        """The entry as a consumer sees it."""
        return Record(self.offset, self.message.key, self.message.value, self.message.headers)


@dataclass(slots=True)
class Partition:
    """One partition: entries by offset, with gaps where compaction removed some."""

    entries: list[Entry] = field(default_factory=list)
    first_offset: int = 0
    end: int = 0
    open: dict[int, int] = field(default_factory=dict)
    """Producer id -> first offset of the transaction it has open here."""

    @property
    def stable_end(self) -> int:
        """The last stable offset: below it every transaction is decided."""
        return min(self.open.values(), default=self.end)

    def append(
        self, message: Message, timestamp: int, *, producer: int | None, state: State
    ) -> int:
        """Adds one entry and returns its offset."""
        entry = Entry(self.end, timestamp, message, producer, state)
        self.entries.append(entry)
        self.end += 1
        if state == "open" and producer is not None:
            self.open.setdefault(producer, entry.offset)
        return entry.offset

    def settle(self, producer: int, timestamp: int, *, commit: bool) -> None:
        """Writes the mark that ends a producer's transaction here; the mark takes an offset."""
        first = self.open.pop(producer, self.end)
        for entry in self.entries[self._index(first) :]:
            if entry.producer == producer and entry.state == "open":
                entry.state = "committed" if commit else "aborted"
        self.append(Message(None, None), timestamp, producer=producer, state="control")

    def records(self, start: int, end: int, *, committed_only: bool) -> Iterator[Record]:
        """What a consumer sees of [start, end); with `committed_only` never past the stable end."""
        if committed_only:
            end = min(end, self.stable_end)
        for entry in self.entries[self._index(start) :]:
            if entry.offset >= end:
                return
            if entry.state == "control" or (committed_only and entry.state == "aborted"):
                continue
            yield entry.record()

    def compact(self, before: int) -> None:
        """Keeps only the newest committed entry of each key below `before`; aborted ones go.

        As in Kafka nothing at or above the stable end is touched, offsets stay, and the marks of
        transactions may stay behind.
        """
        before = min(before, self.stable_end)
        newest = {
            entry.message.key: entry.offset
            for entry in self.entries
            if entry.offset < before and entry.state in {"plain", "committed"}
        }
        self.entries = [
            entry
            for entry in self.entries
            if entry.offset >= before
            or entry.state == "control"
            or (entry.state != "aborted" and newest[entry.message.key] == entry.offset)
        ]

    def _index(self, offset: int) -> int:
        return bisect_left(self.entries, offset, key=lambda entry: entry.offset)


@dataclass(slots=True)
class Transaction:
    """What the coordinator knows of one transactional id."""

    producer: int
    epoch: int = -1
    places: dict[Place, None] = field(default_factory=dict)
    ending: int = 0
    """Partitions that still wait for their mark."""
    number: int = 0
    """Counts transactions, so that a time-out ends only the one it was set for."""


class FakeLog:
    """Topics, partitions and the transaction coordinator of one world."""

    def __init__(
        self, world: World, topics: dict[str, int], *, transaction_timeout_ms: int = 10_000
    ) -> None:
        self.world = world
        self.counts = topics
        self.max_bytes: dict[str, int] = {}
        self.partitions: dict[Place, Partition] = {
            (topic, number): Partition()
            for topic, count in topics.items()
            for number in range(count)
        }
        self.transactions: dict[str, Transaction] = {}
        self.transaction_timeout_ms = transaction_timeout_ms
        self.mark_delay_us = (0, 3_000)
        """Within which span after a decision each partition gets its mark."""
        self.seen: Counter[str] = Counter()
        """What happened, by name: a fault that never happens proves nothing."""

    def create(self, topic: str, *, partitions: int = 1, max_bytes: int | None = None) -> str:
        """One more topic, which refuses batches with a value above `max_bytes`."""
        self.counts[topic] = partitions
        for number in range(partitions):
            self.partitions[topic, number] = Partition()
        if max_bytes is not None:
            self.max_bytes[topic] = max_bytes
        return topic

    def partition(self, topic: str, partition: int) -> Partition:
        """The partition; a KeyError for one that was not created."""
        return self.partitions[topic, partition]

    def append(self, topic: str, partition: int, message: Message) -> int:
        """Stores one record outside any transaction."""
        place = self.partitions[topic, partition]
        return place.append(message, self.world.now(), producer=None, state="plain")

    def committed(self, topic: str, partition: int) -> list[Record]:
        """Everything a read_committed consumer sees by now."""
        place = self.partitions[topic, partition]
        return list(place.records(0, place.end, committed_only=True))

    # The transaction coordinator.

    def register(self, transactional_id: str) -> tuple[int, int]:
        """InitProducerId: (producer id, epoch). Fences at once; BusyError while a leftover ends."""
        known = self.transactions.get(transactional_id)
        if known is None:
            known = Transaction(producer=len(self.transactions) + 1)
            self.transactions[transactional_id] = known
        if known.ending:
            raise BusyError
        if known.places:
            self.seen["leftover aborted"] += 1
            known.epoch += 1
            self._decide(known, commit=False)
            raise BusyError
        known.epoch += 1
        return known.producer, known.epoch

    def join(self, transactional_id: str, epoch: int, place: Place) -> None:
        """AddPartitionsToTxn: precedes the first record; BusyError while the former ends."""
        known = self._current(transactional_id, epoch)
        if known.ending:
            raise BusyError
        if not known.places:
            known.number += 1
            number = known.number
            self.world.after(
                self.transaction_timeout_ms * 1000, lambda: self._time_out(known, number)
            )
        known.places[place] = None

    def produce(
        self, transactional_id: str, epoch: int, place: Place, messages: Sequence[Message]
    ) -> None:
        """Stores one batch of the open transaction."""
        known = self._current(transactional_id, epoch)
        if known.ending or place not in known.places:
            # A straggler of a transaction that is over; a broker that verifies refuses it.
            self.seen["straggler refused"] += 1
            raise Fenced(f"{transactional_id}: no open transaction in {place}")
        limit = self.max_bytes.get(place[0])
        if limit is not None and any(len(message.value or b"") > limit for message in messages):
            raise TooLargeError(f"{place}: a record above {limit} bytes")
        for message in messages:
            self.partitions[place].append(
                message, self.world.now(), producer=known.producer, state="open"
            )

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """EndTxn: returns once decided; the partitions get their marks afterwards."""
        known = self._current(transactional_id, epoch)
        if known.ending:
            raise BusyError
        self._decide(known, commit=commit)

    def _current(self, transactional_id: str, epoch: int) -> Transaction:
        known = self.transactions[transactional_id]
        if known.epoch != epoch:
            self.seen["fenced"] += 1
            raise Fenced(f"{transactional_id}: epoch {epoch} is over, {known.epoch} rules")
        return known

    def _decide(self, known: Transaction, *, commit: bool) -> None:
        self.seen["committed" if commit else "aborted"] += 1
        places = list(known.places)
        known.places.clear()
        known.ending = len(places)
        for place in places:
            delay = self.world.random.randint(*self.mark_delay_us)
            self.world.after(delay, lambda place=place: self._mark(known, place, commit))  # type: ignore[misc]

    def _mark(self, known: Transaction, place: Place, commit: bool) -> None:
        self.partitions[place].settle(known.producer, self.world.now(), commit=commit)
        known.ending -= 1

    def _time_out(self, known: Transaction, number: int) -> None:
        if known.places and known.number == number:
            self.seen["timed out"] += 1
            known.epoch += 1
            self._decide(known, commit=False)
