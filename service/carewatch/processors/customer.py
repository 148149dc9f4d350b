"""customer: what track tells of customers -> partials of what needs all their conversations (W7).

It keeps, of every customer, what happened lately, and of every series the panes. What a contact
changes is the difference between what follows from all that is known with it and without it, so
the order in which contacts come does not matter. At each tick, once every partition of track has
reached it, the changed panes go out with the clock, as those of track do (W6).

Links pass contacts on to another customer, who may stand in another partition: the one record that
goes back into the topic that is read (E23).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from carewatch.domain.customers import Customer, Known, Link, Place, counts
from carewatch.domain.days import Day
from carewatch.domain.errors import InvalidRecord, Refused
from carewatch.domain.facts import Contact
from carewatch.processors import customer_rows as rows
from carewatch.processors import stage_panes
from carewatch.processors.base import Flush, Output, PartitionContext, Processor, Record, Row
from carewatch.processors.customer_panes import STAGE, CustomerPanes
from carewatch.processors.customer_rows import Customers, Key
from carewatch.processors.dead_letters import dead_letter
from carewatch.processors.stage_panes import clocks_to_merge
from carewatch.processors.to_customers import to_customer
from carewatch.wire import customers, partials, topics
from carewatch.wire.customers import MOST_HOPS, Clock, Erased, Linked, Told
from carewatch.wire.partials import ClockRecord
from carewatch.wire.unreadable import UNREADABLE

_Item = TypeVar("_Item", Place, "_Passed")


class _Passed(NamedTuple):
    """A contact that a link passed on."""

    into: str
    conversation: str
    contact: Contact
    hops: int
    day: Day


class _Effect(NamedTuple):
    """What follows from all that is known of a customer."""

    counts: Counter[Place]
    passed: Counter[_Passed]


class CustomerStage:
    """The live state of one partition of `care.customer`."""

    def __init__(self, context: PartitionContext) -> None:
        self._partition = context.partition
        self._sources = context.partitions[topics.CUSTOMER]
        self._targets = context.partitions[topics.PARTIALS]
        self._next = 0
        self._flushed = -1
        self._position = 0
        self._tick = 0
        self._clocks: dict[int, Clock] = {}
        self._customers = Customers()
        self._panes = CustomerPanes(context.partition)
        self._outputs: list[Output] = []

    @property
    def next_offset(self) -> int:
        """The offset after the last record folded."""
        return self._next

    @property
    def next_due(self) -> int | None:
        """When a pane is to be published."""
        return self._tick + 1 if self._panes.has_changed else None

    def due_before(self, _clock: int) -> None:
        """Nothing of this stage waits for its own instant: windows close by whole seconds."""

    @property
    def told_until(self) -> int:
        """The last clock at which panes were told."""
        return self._tick

    @property
    def notice(self) -> str | None:
        """Nothing to tell."""
        return None

    def restore(self, rows_: Iterable[Row], marker: bytes | None) -> int:
        """Takes the newest row of every key; raises Refused when one cannot be trusted."""
        at, closed_before = b"marker", 0
        try:
            if marker is not None:
                decoded = rows.decode_marker(marker)
                self._next = self._flushed = decoded.next_offset
                self._tick, closed_before = decoded.tick, decoded.closed_before
                for clock in decoded.clocks:
                    self._hear(clock)
            for row in rows_:
                at = row.key
                if row.value is not None:
                    self._restore_row(row.key, row.value)
        except (InvalidRecord, *UNREADABLE) as error:
            raise Refused(
                f"care.state.customer partition {self._partition}: the row {at!r} cannot be "
                f"trusted ({error}). Nothing was changed. Restore the topic from a copy of it."
            ) from error
        self._panes.restored(closed_before)
        return self._next

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        """Folds records in order; returns the offsets of dead letters."""
        dead: list[int] = []
        for record in records:
            if record.offset < self._next:
                continue
            self._next = record.offset + 1
            self._position = record.offset
            try:
                decoded = customers.decode(record.key, record.value)
            except InvalidRecord as error:
                self._outputs.append(self._dead(record, error.reason))
                dead.append(record.offset)
                continue
            match decoded:
                case Told():
                    self._on_contact(decoded)
                case Linked():
                    self._on_link(decoded)
                case Erased():
                    self._customers.drop((decoded.tenant, decoded.customer))
                case Clock():
                    self._on_clock(decoded)
        return dead

    def flush(self) -> Flush | None:
        """Hands over rows, marker and outputs; None when no record came since the last call."""
        if self._next == self._flushed:
            return None
        outputs, self._outputs = self._outputs, []
        self._flushed = self._next
        clocks = [self._clocks[source] for source in sorted(self._clocks)]
        marker = rows.Marker(self._next, self._tick, self._panes.closed_before, clocks)
        return Flush(
            next_offset=self._next,
            rows=[*self._customers.take_rows(), *self._panes.take_rows()],
            marker=rows.encode_marker(marker),
            outputs=outputs,
            held={"customers": len(self._customers), "panes": len(self._panes)},
        )

    def customer(self, tenant: str, key: str) -> Customer:
        """What is remembered of a customer, maybe nothing."""
        return self._customers.get((tenant, key))

    def _restore_row(self, key: bytes, value: bytes) -> None:
        match rows.kind_of(key):
            case rows.CUSTOMER:
                self._customers.restore(key, value)
            case stage_panes.PANE:
                self._panes.restore_row(key, value)
            case other:
                raise InvalidRecord("row_version", f"a row of kind {other!r}")

    # --- what comes in -------------------------------------------------------------------------

    def _on_contact(self, told: Told) -> None:
        key = (told.tenant, told.customer or "")
        customer, before = self._known(key)
        customer.take(Known(told.conversation, told.contact, told.hops, told.day, told.sign))
        self._changed(key, customer, before, told.open_from)

    def _on_link(self, linked: Linked) -> None:
        key = (linked.tenant, linked.customer)
        customer, before = self._known(key)
        customer.link(Link(linked.at, linked.into))
        self._changed(key, customer, before, 0)

    def _on_clock(self, clock: Clock) -> None:
        """Track has come to a tick; the stage has when all of its partitions have.

        A tick that repeats a second closes a replay, or comes from a second ticker: it says that
        what came in between is complete, too.
        """
        known = self._clocks.get(clock.partition)
        if known is not None and clock.position <= known.position:
            return
        self._hear(clock)
        if len(self._clocks) < max(one.sources for one in self._clocks.values()):
            return
        tick = min(one.tick for one in self._clocks.values())
        if tick > self._tick or (known is not None and known.tick == clock.tick):
            self._tick = tick
            self._publish()

    def _hear(self, clock: Clock) -> None:
        self._clocks[clock.partition] = clock
        lateness = (one.max_lateness_ms for one in self._clocks.values())
        self._panes.max_lateness_ms = max(lateness)

    # --- what goes out -------------------------------------------------------------------------

    def _known(self, key: Key) -> tuple[Customer, _Effect]:
        """The customer, and what follows from what was known so far."""
        customer = self._customers.get(key)
        customer.forget(self._tick)
        return customer, _effect(key[0], customer)

    def _changed(self, key: Key, customer: Customer, before: _Effect, open_from: int) -> None:
        """Adds to the counts, or takes back, what is different now; passes contacts on."""
        self._customers.touch(key, customer)
        after = _effect(key[0], customer)
        for place, times in _difference(before.counts, after.counts):
            self._panes.add(place, times, open_from)
        for passed, times in _difference(before.passed, after.passed):
            told = Told(
                version=customers.VERSION,
                tenant=key[0],
                conversation=passed.conversation,
                contact=passed.contact,
                sign=1 if times > 0 else -1,
                day=passed.day,
                open_from=open_from,
                hops=passed.hops + 1,
                to=passed.into,
            )
            self._outputs += [to_customer(told, self._sources, self._position)] * abs(times)

    def _publish(self) -> None:
        """The panes that changed, each to where its series stands; the clock to everywhere."""
        self._outputs += self._panes.publish(self._position, self._targets)
        clock = ClockRecord(
            version=partials.VERSION,
            stage=STAGE,
            partition=self._partition,
            sources=self._sources,
            position=self._position,
            clock=min(one.clock for one in self._clocks.values()),
            tick=self._tick,
        )
        self._outputs += clocks_to_merge(clock, self._targets)
        self._panes.close(self._tick)
        self._customers.forget(self._tick)

    def _dead(self, record: Record, reason: str) -> Output:
        return dead_letter(
            record, reason, stage=STAGE, source=topics.CUSTOMER, partition=self._partition
        )


def _effect(tenant: str, customer: Customer) -> _Effect:
    own: list[Known] = []
    passed: Counter[_Passed] = Counter()
    for one in customer.contacts:
        into = customer.into(one, MOST_HOPS)
        if into is None:
            own.append(one)
        elif one.times > 0:
            passed[_Passed(into, *one.content, one.day)] += one.times
    return _Effect(counts(tenant, own), passed)


def _difference(before: Counter[_Item], after: Counter[_Item]) -> list[tuple[_Item, int]]:
    """What is counted otherwise than before, in a fixed order: first what is taken back."""
    after.subtract(before)
    return sorted(
        ((one, times) for one, times in after.items() if times),
        key=lambda changed: (changed[1] > 0, _encoded(changed[0])),
    )


_encoded: Final = msgspec.msgpack.Encoder().encode

CUSTOMER: Final = Processor(
    name=STAGE,
    reads=topics.CUSTOMER,
    writes=(topics.CUSTOMER, topics.PARTIALS, topics.DEAD),
    build=CustomerStage,
    is_control=partials.is_clock_key,
)
"""`care.customer` -> `care.partials`: what needs all conversations of a customer."""
