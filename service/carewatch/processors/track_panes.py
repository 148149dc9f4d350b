"""What track counts: the panes of its results, the gauges of its conversations, their rows.

At each tick the panes that changed go out as whole snapshots, each to the partition of
`care.partials` in which its series stands.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from carewatch.domain.contributions import Held, contributions, corrected_by, held
from carewatch.domain.days import Days
from carewatch.domain.facts import HandOver, Tally
from carewatch.domain.gauges import Gauges
from carewatch.domain.ledger import Change, Memory
from carewatch.domain.metric import DAY
from carewatch.domain.metrics import BY_ID
from carewatch.domain.policy import Book, Books
from carewatch.domain.windows import Pane, Panes
from carewatch.processors import track_rows as rows
from carewatch.processors.base import Row
from carewatch.wire import partials
from carewatch.wire.partials import GONE, Partial, Series

STAGE: Final = "track"

NONE: Final = "none"


class TrackPanes:
    """The panes of one partition of `care.events`."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._books = Books()
        self._book: Book | None = None
        self._tick = 0
        self._panes = Panes()
        self._gauges = Gauges(self._panes)

    @property
    def closed_before(self) -> int:
        """Windows that ended before this instant take nothing any more."""
        return self._panes.closed_before

    @property
    def next_due(self) -> int | None:
        """The clock from which a tick publishes something, or forgets it."""
        if self._panes.has_changed:
            return self._tick + 1
        renamed = self._books.next_change(self._tick) if self._gauges.any_standing else None
        expected = (self._gauges.next_at(), renamed)
        return min((at for at in expected if at is not None), default=None)

    def use(self, books: Books) -> None:
        """From now on these rulebooks decide: days, lateness and what stands at 0."""
        self._books = books
        self._panes.days = Days(books)

    # --- what is counted -----------------------------------------------------------------------

    def count_change(self, memory: Memory, change: Change, clock: int) -> None:
        """Adds a result to its windows, or takes it back; `clock` is the conversation's (W4)."""
        labels = change.result.labels
        lateness = self._books.at(clock).profile(labels.channel, labels.account).window_lateness_ms
        open_from, missed = clock - lateness, False
        for part in contributions(memory.tenant, change.result):
            missed |= self._panes.add(
                part.metric,
                part.labels,
                part.at,
                part.amount,
                change.sign,
                open_from,
                part.of,
            )
        if missed:
            self.count("late_facts", memory.tenant, labels.channel, clock)
        if change.sign < 0 and not isinstance(change.result, Tally | HandOver):
            self.count(
                "corrections", memory.tenant, labels.channel, clock, corrected_by(change.result)
            )

    def count(self, metric: str, tenant: str, channel: str, at: int, *extra: str) -> None:
        """One more of a count about the pipeline itself, placed by arrival."""
        labels = (tenant, channel, NONE, "normal", *extra)
        self._panes.add(BY_ID[metric], labels, at, 1, 1, self._tick - self._books.max_lateness_ms)

    def move(self, conversation: str, before: Sequence[Held], after: Sequence[Held]) -> None:
        """The conversation stands in other gauges than before."""
        entered = list(after)
        for item in before:
            if item in entered:
                entered.remove(item)
            else:
                self._gauges.move(item, conversation, -1)
        for item in entered:
            self._gauges.move(item, conversation, 1)

    # --- what a tick tells ---------------------------------------------------------------------

    def advance(self, at: int) -> None:
        """The time of a tick has come; before its timers fire."""
        self._tick = at
        self._gauges.advance(at)

    def publish(self, position: int) -> Iterator[Partial]:
        """What changed up to this tick, and what is forgotten at it, in a fixed order."""
        self._gauges.settle()
        for pane in self._panes.take_changed():
            if pane.key.window == "now":
                self._gauges.published(pane)
            yield self._partial(pane, position)
        book = self._books.at(self._tick)
        renamed = self._book is not None and book is not self._book
        self._book = book
        for pane in self._gauges.take_forgotten(self._is_named, renamed=renamed):
            yield self._partial(pane, position)

    def close(self) -> None:
        """Forgets the windows that nothing can reach any more."""
        self._panes.close(self._tick - self._books.max_lateness_ms)

    def _is_named(self, labels: tuple[str, ...]) -> bool:
        """Whether the rulebook names the tenant and the queue of a series (W10)."""
        tenant = self._books.at(self._tick).document.tenants.get(labels[0])
        return tenant is not None and (labels[2] == NONE or labels[2] in tenant.queues)

    def _partial(self, pane: Pane, position: int) -> Partial:
        key, end, closes = pane.key, None, None
        if key.window == DAY and pane.end is not None:
            end = pane.end
            closes = end + BY_ID[key.metric].horizon_ms + self._books.max_lateness_ms
        return Partial(
            version=partials.VERSION,
            series=Series(key.metric, key.labels),
            window=key.window,
            start=key.start,
            stage=STAGE,
            partition=self._partition,
            position=position,
            body=GONE if pane.dropped else partials.encode_body(pane.body),
            end=end,
            closes=closes,
        )

    # --- rows ----------------------------------------------------------------------------------

    def restore_row(self, key: bytes, value: bytes) -> None:
        """Takes the row of a pane; raises InvalidRecord or a msgspec error."""
        pane_key = rows.read_pane_key(key)
        body, end, changed = rows.decode_pane(pane_key, value)
        self._panes.restore(BY_ID[pane_key.metric], pane_key, body, end, changed=changed)

    def restored(self, tick: int, closed_before: int) -> None:
        """All rows of panes are in; conversations come next."""
        self._tick = tick
        self._book = self._books.at(tick)
        self._panes.closed_before = closed_before
        self._gauges.restored(tick)

    def rejoin(self, memory: Memory) -> None:
        """The gauges that a conversation stands in, as the rows of panes know already."""
        for item in held(memory.tenant, memory.state):
            self._gauges.move(item, memory.key, 1, quiet=True)

    def take_rows(self) -> Iterator[Row]:
        """What changed since the last flush, in a fixed order."""
        for pane in self._panes.take_touched():
            yield Row(rows.pane_key(pane.key), rows.encode_pane(pane))
        for key in self._panes.take_dropped():
            yield Row(rows.pane_key(key), None)
