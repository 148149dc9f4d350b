"""What events count in, worked out by the fold alone: every metric, whatever windows it has."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from carewatch.domain import ledger
from carewatch.domain.contributions import contributions
from carewatch.domain.ledger import Change
from carewatch.domain.policy import Book, Books
from carewatch.domain.rulebook import Document, Policy, Schedule, Tenant
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, encode
from support.replays import BEGINNING


class Part(NamedTuple):
    """What a series grows by; `at` in ms after START, `labels` the queue and the metric's own."""

    at: int
    labels: tuple[str, ...]
    amount: int
    of: int = 0


class Counted:
    """The net of everything that was counted in the conversation of the events."""

    def __init__(
        self,
        events: Sequence[Event],
        *,
        until: int | None = None,
        tenants: Mapping[str, Tenant] | None = None,
        policies: Sequence[Policy] = (),
        schedules: Sequence[Schedule] = (),
    ) -> None:
        document = Document(
            tenants=dict(tenants or {}), policies=list(policies), schedules=list(schedules)
        )
        self.books = Books([Book(1, "h", BEGINNING, document)])
        self.memory = ledger.new_memory("acme", "c1")
        self._net: Counter[tuple[str, Part]] = Counter()
        self._taken: Counter[str] = Counter()
        for one in events:
            arrived = decode_event(b"c1", encode(one))
            assert isinstance(arrived, Arrived)
            assert arrived.event is not None
            clock = max(arrived.recorded, self.memory.recorded)
            self._add(ledger.accept(self.memory, arrived.event, clock, self.books))
        if until is not None:
            self._add(ledger.advance(self.memory, START + until, self.books))

    def __getitem__(self, metric: str) -> list[Part]:
        """What the metric is made of, in order."""
        found = [part for (id_, part), n in self._net.items() if id_ == metric for _ in range(n)]
        assert all(n >= 0 for n in self._net.values())
        return sorted(found)

    def taken_back(self, metric: str) -> int:
        """How often something of the metric was taken back."""
        return self._taken[metric]

    def _add(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for one in contributions("acme", change.result):
                _, _, queue, _, *own = one.labels
                part = Part(one.at - START, (queue, *own), one.amount, one.of)
                self._net[one.metric.id, part] += change.sign
                self._taken[one.metric.id] += change.sign < 0
