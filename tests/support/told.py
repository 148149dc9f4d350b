"""What the history of conversations comes to: the net of everything that was told, by metric."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from carewatch.domain import ledger
from carewatch.domain.contributions import contributions
from carewatch.domain.memory import Memory
from carewatch.domain.metric import Kind
from carewatch.domain.policy import Book, Books
from carewatch.domain.rulebook import Document
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import Event, encode

Series = dict[tuple[str, ...], Any]
"""By own labels: a count, n and d of a ratio, the values of a distribution."""
Told = dict[str, Series]
"""The series of each metric that anything was told of."""


def books(document: Document) -> Books:
    """A rulebook that is in force from the beginning of time."""
    return Books([Book(1, "hash", -(2**62), document)])


def told(
    events: Iterable[Event], *, rules: Document | None = None, until: int | None = None
) -> Told:
    """The net of what the events say in order of arrival, all conversations together.

    `until` is an instant up to which the timers fire, beside those that the events let fire.
    """
    in_force = books(rules or Document())
    memories: dict[str, Memory] = {}
    counts: Counter[tuple[str, tuple[str, ...], str]] = Counter()
    values: dict[tuple[str, tuple[str, ...]], Counter[int]] = {}

    def take(changes: Sequence[ledger.Change], tenant: str) -> None:
        for change in changes:
            for part in contributions(tenant, change.result):
                name, labels = part.metric.id, part.labels[4:]
                if part.metric.kind is Kind.DISTRIBUTION:
                    values.setdefault((name, labels), Counter())[part.amount] += change.sign
                else:
                    counts[name, labels, "n"] += change.sign * part.amount
                    counts[name, labels, "d"] += change.sign * part.of

    for one in events:
        arrived = decode_event(one["partitionkey"].encode(), encode(one))
        assert isinstance(arrived, Arrived)
        memory = memories.get(arrived.key)
        if memory is None:
            memory = memories[arrived.key] = ledger.new_memory(arrived.tenant, arrived.key)
        if arrived.event is not None:
            clock = max(arrived.recorded, memory.recorded)
            take(ledger.accept(memory, arrived.event, clock, in_force), arrived.tenant)
    for memory in memories.values():
        if until is not None:
            take(ledger.advance(memory, until, in_force), memory.tenant)
    return _by_metric(counts, values)


def _by_metric(
    counts: Counter[tuple[str, tuple[str, ...], str]],
    values: dict[tuple[str, tuple[str, ...]], Counter[int]],
) -> Told:
    out: Told = {}
    for name, labels in sorted({(name, labels) for name, labels, _ in counts}):
        n, d = counts[name, labels, "n"], counts[name, labels, "d"]
        if n or d:
            out.setdefault(name, {})[labels] = (n, d) if d else n
    for (name, labels), seen in sorted(values.items()):
        assert all(times >= 0 for times in seen.values()), (name, labels, seen)
        if +seen:
            out.setdefault(name, {})[labels] = sorted(seen.elements())
    return out
