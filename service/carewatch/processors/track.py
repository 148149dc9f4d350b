"""track: events and ticks of one partition -> facts, SLA transitions, partials, and contacts.

Per conversation it keeps what `domain.ledger` remembers; per series the panes; and the ids of a
week. At each tick the timers that have passed fire, the changed panes go out as whole snapshots,
and every partition of `care.partials` is told the clock: so what is published, and when, depends
on the log alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from carewatch import __version__
from carewatch.domain import ledger
from carewatch.domain.contributions import Held, held
from carewatch.domain.errors import InvalidRecord, Refused
from carewatch.domain.facts import Contact
from carewatch.domain.ledger import Change
from carewatch.domain.memory import Memory
from carewatch.domain.policy import Books
from carewatch.processors import memories, stage_panes
from carewatch.processors import track_rows as rows
from carewatch.processors.base import Flush, Output, PartitionContext, Processor, Record, Row
from carewatch.processors.conversation_rows import is_row_key, read_key, row_key
from carewatch.processors.memories import Memories
from carewatch.processors.seen import Seen, digest
from carewatch.processors.stage_panes import to_merge
from carewatch.processors.timers import SECOND_MS, Timers
from carewatch.processors.to_customers import to_customer
from carewatch.processors.track_panes import NONE, STAGE, TrackPanes
from carewatch.processors.track_results import clocks, late, results, unreadable
from carewatch.wire import customers, topics
from carewatch.wire.events import Arrived, Gate, Published, Ticked, decode_event
from carewatch.wire.rows import unseal
from carewatch.wire.unreadable import UNREADABLE

SLICE: Final = 16
"""So many conversations a slice: some ms, while a tick or a rulebook may change them all."""


class Track:
    """The live state of one partition of `care.events`."""

    def __init__(self, context: PartitionContext) -> None:
        self._partition = context.partition
        self._sources = context.partitions[topics.EVENTS]
        self._targets = context.partitions[topics.PARTIALS]
        self._next = self._position = 0
        self._flushed = -1
        self._log_clock = self._tick = self._told = 0
        self._books = Books()
        self._new_books: dict[int, rows.RulebookRow] = {}
        self._memories = Memories()
        self._seen = Seen()
        self._timers = Timers()
        self._panes = TrackPanes(context.partition)
        self._outputs: list[Output] = []
        self._rows: dict[bytes, bytes | None] = {}
        self._in_slices = context.in_slices
        self._underway: Iterator[None] | None = None

    @property
    def next_offset(self) -> int:
        """The offset after the last record folded."""
        return self._next

    @property
    def next_due(self) -> int | None:
        """When a timer fires, or a pane is to be published."""
        expected = (self._timers.next_at(), self._panes.next_due)
        return min((at for at in expected if at is not None), default=None)

    def due_before(self, clock: int) -> int | None:
        """The soonest timer of a conversation below `clock`."""
        return self._timers.soonest_before(clock)

    @property
    def told_until(self) -> int:
        """The last clock at which panes were told."""
        return self._told

    @property
    def notice(self) -> str | None:
        """Before the first rulebook nothing is promised: somebody has forgotten to publish."""
        if len(self._books):
            return None
        return "no rulebook was published yet: no policies, UTC, the shipped channel profiles"

    def restore(self, rows_: Iterable[Row], marker: bytes | None) -> int:
        """Takes the newest row of every key; raises Refused when one cannot be trusted."""
        at, closed_before = b"marker", 0
        try:
            if marker is not None:
                decoded = rows.decode_marker(marker)
                self._next = self._flushed = decoded.next_offset
                self._log_clock, self._tick = decoded.log_clock, decoded.tick
                self._told = self._tick
                closed_before = decoded.closed_before
            for row in rows_:
                at = row.key
                if row.value is None:
                    continue
                if is_row_key(at):
                    self._memories.restore(at, row.value)
                else:
                    self._restore_row(at, row.value)
            self._seen.restored()
            self._panes.use(self._books)
            self._panes.restored(self._tick - self._tick % SECOND_MS, closed_before)
            for at in self._memories.rejoining():
                self._rejoin(at)
            self._panes.rejoined()
        except (InvalidRecord, *UNREADABLE) as error:
            raise Refused(
                f"care.state.track partition {self._partition}: the row {at!r} cannot be trusted "
                f"({error}). Nothing was changed. Restore the topic from a copy of it."
            ) from error
        return self._next

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        """Folds records in order; returns the offsets of dead letters."""
        dead: list[int] = []
        for record in records:
            if record.offset < self._next:
                continue
            if self._underway is None:
                self._position = record.offset
                try:
                    self._underway = self._begin(record)
                except InvalidRecord as error:
                    self._dead(record, error.reason)
                    dead.append(record.offset)
            if self._underway is not None and not self._went_on(self._underway):
                break
            self._underway = None
            self._next = record.offset + 1
        return dead

    def flush(self) -> Flush | None:
        """Hands over rows, marker and outputs; None when no record came since the last call."""
        if self._next == self._flushed or self._underway is not None:
            return None
        outputs, self._outputs = self._outputs, []
        self._flushed = self._next
        marker = rows.Marker(self._next, self._log_clock, self._tick, self._panes.closed_before)
        return Flush(
            next_offset=self._next,
            rows=self._take_rows(),
            marker=rows.encode(marker),
            outputs=outputs,
            held={
                "conversations": len(self._memories),
                "conversations_at_work": self._memories.at_work,
                "event_ids": self._seen.kept,
                "panes": len(self._panes),
            },
        )

    def conversations(self, key: str) -> list[Memory]:
        """What is remembered under this conversation key, one of each tenant that has it."""
        return [self._memories.known(place) for place in sorted(self._memories) if place[1] == key]

    # --- what comes in -------------------------------------------------------------------------

    def _begin(self, record: Record) -> Iterator[None] | None:
        """Folds a record, or returns the slices in which it is to be folded.

        Raises InvalidRecord before anything has changed.
        """
        decoded = decode_event(record.key, record.value)
        match decoded:
            case Arrived():
                self._on_event(decoded, record)
            case Ticked():
                return self._on_tick(decoded.at)
            case Published():
                return self._on_rulebook(decoded)
            case Gate():
                self._on_gate(decoded)
        return None

    def _went_on(self, underway: Iterator[None]) -> bool:
        """Takes the next slice, or all of them; whether it was the last."""
        for _ in underway:
            if self._in_slices:
                # What has changed is packed now: later it would be too much at once.
                self._rows.update(self._memories.take_rows())
                return False
        return True

    def _on_event(self, arrived: Arrived, record: Record) -> None:
        key = (arrived.tenant, arrived.key)
        self._log_clock = max(self._log_clock, arrived.recorded)
        id_ = digest(*key, *arrived.identity)
        if self._seen.is_repeat(id_, arrived.recorded, self._remembers_since()):
            self._panes.count("duplicate_events", arrived.tenant, arrived.channel, arrived.recorded)
            return
        memory = self._memories.get(key)
        clock = max(self._tick, arrived.recorded, memory.recorded if memory else 0)
        if (event := arrived.event) is None:
            reason = "too_late" if clock - arrived.at > ledger.LATENESS_MS else None
        else:
            reason = ledger.late_reason(memory, event, clock)
        if reason is not None:
            self._late(arrived, record, reason)
            return
        if memory is not None and memory.is_forgotten_at(arrived.at, self._books):
            self._advance(memory, arrived.at, clock)
            self._memories.drop(key)
            memory = None
        if arrived.clamped:
            self._panes.count("clamped_future", arrived.tenant, arrived.channel, arrived.recorded)
        self._outputs += [
            to_customer(told, self._sources, self._position) for told in arrived.of_customers
        ]
        if event is None:
            if memory is not None and arrived.recorded > memory.recorded:
                before = self._memories.stands_in(memory)
                heard = ledger.hear(memory, arrived.recorded, clock, self._books)
                self._changed(memory, before, heard, clock)
            return
        if memory is None:
            memory = ledger.new_memory(*key)
        before = self._memories.stands_in(memory)
        self._changed(memory, before, ledger.accept(memory, event, clock, self._books), clock)

    def _advance(self, memory: Memory, until: int, clock: int) -> None:
        """Lets every timer below `until` fire, at a clock."""
        before = self._memories.stands_in(memory)
        self._changed(memory, before, ledger.advance(memory, until, self._books), clock)

    def _remembers_since(self) -> int:
        """Ids that arrived before this instant of the log clock are forgotten (R2)."""
        return self._log_clock - self._books.at(self._log_clock).duplicates_within_ms

    def _on_tick(self, at: int) -> Iterator[None]:
        if at < self._tick:
            return  # from a second ticker that lags: it does no harm
        second = at - at % SECOND_MS
        between = second < at and second <= self._tick
        self._tick = at
        self._log_clock = max(self._log_clock, at)
        if not between:
            self._panes.advance(second)
        due = self._timers.take_due(at)
        for start in range(0, len(due), SLICE):
            if start:
                yield
            for key in due[start : start + SLICE]:
                memory = self._memories.known(key)
                clock = max(at, memory.recorded)
                self._advance(memory, clock, clock)
        if between:
            return  # a deadline's own: panes, rows and readers go by whole seconds
        self._publish()
        self._told = at
        self._panes.close(at)
        self._memories.settle(at)
        self._memories.forget(at)
        self._memories.rest(at)
        self._seen.forget(self._remembers_since())

    def _on_rulebook(self, published: Published) -> Iterator[None]:
        book = published.book
        old, new = self._books, self._books.with_book(book)
        if new is old:
            return  # a number that is not above the newest: published twice
        self._books = new
        self._panes.use(new)
        row = rows.RulebookRow(book.hash, book.effective_at, published.document)
        self._new_books[book.number] = row
        cause = f"rulebook@{book.number}"
        for some in self._memories.in_slices(SLICE):
            for key in some:
                memory = self._memories.known(key)
                folded = memory.state.last_order[0] if memory.state.last_order else 0
                clock = max(self._tick, memory.recorded)
                if max(clock, folded) >= book.effective_at:
                    before = self._memories.stands_in(memory)
                    changes = ledger.rederive(memory, clock, old, new, cause)
                    self._changed(memory, before, changes, clock)
                else:
                    self._timers.set(row_key(key), memory.next_timer(new))
            yield

    def _on_gate(self, gate: Gate) -> None:
        if not gate.admits(__version__):
            raise Refused(
                f"care.events partition {self._partition} demands version {gate.minimum} from "
                f"offset {self._position} on; this worker is {__version__}. Upgrade it."
            )

    # --- what goes out -------------------------------------------------------------------------

    def _changed(
        self, memory: Memory, before: Sequence[Held], changes: Sequence[Change], clock: int
    ) -> None:
        """Writes results, moves panes and gauges, and sets the next timer."""
        timer, after = memory.next_timer(self._books), held(memory.tenant, memory.state)
        name = self._memories.touch(memory, gauges=after, timer=timer, book=self._books.newest)
        self._timers.set(name, timer)
        if after != before:
            self._panes.move(memory.key, before, after)
        self._outputs += results(
            memory,
            changes,
            partition=self._partition,
            sources=self._sources,
            position=self._position,
        )
        for change in changes:
            if isinstance(change.result, Contact):
                self._outputs.append(self._to_customer(memory, change.result, change.sign, clock))
        self._panes.count_changes(memory.tenant, changes, clock)

    def _to_customer(self, memory: Memory, contact: Contact, sign: int, clock: int) -> Output:
        told = customers.Told(
            version=customers.VERSION,
            tenant=memory.tenant,
            conversation=memory.key,
            contact=contact,
            sign=sign,
            day=self._panes.day(memory.tenant, contact.at),
            open_from=self._panes.open_from(contact.labels, clock),
        )
        return to_customer(told, self._sources, self._position)

    def _late(self, arrived: Arrived, record: Record, reason: str) -> None:
        self._panes.count("late_events", arrived.tenant, arrived.channel, arrived.recorded)
        self._outputs.append(late(arrived, record, reason, partition=self._partition))

    def _dead(self, record: Record, reason: str) -> None:
        self._panes.count("dead_events", NONE, NONE, self._log_clock)
        self._outputs.append(unreadable(record, reason, partition=self._partition))

    def _publish(self) -> None:
        """The panes that changed, each to where its series stands; the clock to everywhere."""
        self._outputs += [
            to_merge(partial, self._targets) for partial in self._panes.publish(self._position)
        ]
        self._outputs += clocks(
            partition=self._partition,
            sources=self._sources,
            targets=self._targets,
            position=self._position,
            log_clock=self._log_clock,
            tick=self._tick,
            max_lateness_ms=self._panes.max_lateness_ms,
        )

    # --- rows ----------------------------------------------------------------------------------

    def _restore_row(self, key: bytes, value: bytes) -> None:
        match rows.kind_of(key):
            case memories.BASE | memories.EVENTS as kind:
                self._memories.restore_beside(kind, key, value)
            case rows.IDS:
                self._seen.restore(rows.read_ids_key(key), unseal(value))
            case stage_panes.PANE:
                self._panes.restore_row(key, value)
            case rows.RULEBOOK:
                self._books = Books([*self._books, rows.read_rulebook(key, value)])
            case other:
                raise InvalidRecord("row_version", f"a row of kind {other!r}")

    def _rejoin(self, name: bytes) -> None:
        """After all rows: what is to happen to a conversation depends on rulebooks and the tick."""
        head = self._memories.rejoin(name)
        if head is None:
            return
        key, timer = read_key(name), head.timer
        if head.book != self._books.newest:
            timer = self._memories.known(key).next_timer(self._books)
        self._timers.set(name, timer)
        self._panes.rejoin(key[1], head.shape, head.instants)

    def _take_rows(self) -> list[Row]:
        """What changed since the last flush, in a fixed order."""
        packed, self._rows = self._rows, {}
        packed.update(self._memories.take_rows())
        out = [Row(key, value) for key, value in packed.items()]
        out += rows.id_rows(self._seen.take_rows())
        out += self._panes.take_rows()
        out += [
            Row(rows.rulebook_key(number), rows.encode(self._new_books[number]))
            for number in sorted(self._new_books)
        ]
        self._new_books.clear()
        return out


TRACK: Final = Processor(
    name=STAGE,
    reads=topics.EVENTS,
    writes=(
        *(topics.EVENTS, topics.FACTS, topics.SLA, topics.LATE, topics.CUSTOMER, topics.PARTIALS),
        topics.DEAD,
    ),
    build=Track,
)
"""The processor of conversations."""
