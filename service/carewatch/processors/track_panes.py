"""What track counts: the panes of its results, and the gauges of its conversations."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from carewatch.domain.contributions import Held, Shape, Share, corrected_by, measured, shares
from carewatch.domain.days import Day, Days
from carewatch.domain.facts import Contact, HandOver, Labels, Result, Tally
from carewatch.domain.gauges import Gauges
from carewatch.domain.ledger import Change
from carewatch.domain.metrics import BY_ID
from carewatch.domain.policy import Book, Books
from carewatch.processors.conversation_rows import read_shape
from carewatch.processors.stage_panes import StagePanes
from carewatch.wire.partials import Partial

STAGE: Final = "track"

NONE: Final = "none"

ROUTES_KEPT: Final = 16_384
"""So many shapes of results are remembered with the series that they count in."""


_Add = Callable[..., bool]
"""`Series.add` of one series."""


class _Route(NamedTuple):
    """Where results of one shape count, by what is taken of each (see `Share`)."""

    value: tuple[_Add, ...]
    business: tuple[_Add, ...]
    always: tuple[tuple[_Add, int, int], ...]


class TrackPanes(StagePanes):
    """The panes of one partition of `care.events`."""

    def __init__(self, partition: int) -> None:
        super().__init__(STAGE, partition)
        self._books = Books()
        self._book: Book | None = None
        self._tick = 0
        self.max_lateness_ms = self._books.max_lateness_ms
        self._days = Days(self._books)
        self._gauges = Gauges(self._panes)
        self._rejoining: dict[bytes, tuple[list[str], list[array[int]]]] = {}
        self._routes: dict[Shape, _Route] = {}

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
        self._panes.days = self._days = Days(books)
        self.max_lateness_ms = books.max_lateness_ms

    # --- what is counted -----------------------------------------------------------------------

    def count_changes(self, tenant: str, changes: Iterable[Change], clock: int) -> None:
        """Adds results to their windows, or takes them back; `clock` is the conversation's (W4)."""
        account, open_from = None, 0
        for change in changes:
            result, sign = change.result, change.sign
            labels = result.labels
            if account != (labels.channel, labels.account):  # of one event it is nearly always one
                account = labels.channel, labels.account
                open_from = max(self.open_from(labels, clock), self._panes.closed_before)
            shape, at, value, of, business = measured(tenant, result)
            route = self._routes.get(shape) or self._new_route(shape, tenant, result)
            missed = False
            for add in route.value:
                missed |= add(at, value, sign, open_from, of)
            if business is not None:
                for add in route.business:
                    missed |= add(at, business, sign, open_from)
            for add, amount, whole in route.always:
                missed |= add(at, amount, sign, open_from, whole)
            if missed:
                self.count("late_facts", tenant, labels.channel, clock)
            if sign < 0 and not isinstance(result, Tally | HandOver | Contact):
                self.count("corrections", tenant, labels.channel, clock, corrected_by(result))

    def _new_route(self, name: Shape, tenant: str, result: Result) -> _Route:
        """The series that results of a shape count in: looked for once for all of them."""
        if len(self._routes) >= ROUTES_KEPT:
            self._routes.clear()
        found: list[tuple[Share, _Add]] = [
            (share, self._panes.series(share.metric, share.labels).add)
            for share in shares(tenant, result)
        ]
        route = self._routes[name] = _Route(
            tuple(add for share, add in found if share.takes == "value"),
            tuple(add for share, add in found if share.takes == "business"),
            tuple((add, *share.always) for share, add in found if share.takes == "always"),
        )
        return route

    def open_from(self, labels: Labels, clock: int) -> int:
        """Windows that ended before this instant are closed for a conversation (W4)."""
        profile = self._books.at(clock).profile(labels.channel, labels.account)
        return clock - profile.window_lateness_ms

    def day(self, tenant: str, at: int) -> Day:
        """The tenant's local day that an instant lies in."""
        return self._days.day(tenant, at)

    def count(self, metric: str, tenant: str, channel: str, at: int, *extra: str) -> None:
        """One more of a count about the pipeline itself, placed by arrival."""
        labels = (tenant, channel, NONE, "normal", *extra)
        self._panes.add(BY_ID[metric], labels, at, 1, 1, self._tick - self.max_lateness_ms)

    def move(self, conversation: str, before: Sequence[Held], after: Sequence[Held]) -> None:
        """The conversation stands in other gauges than before."""
        same = 0  # mostly what changes is the turn or a clock, and the session stands first
        for one, other in zip(before, after, strict=False):
            if one != other:
                break
            same += 1
        left, entered = [], list(after[same:])
        for item in before[same:]:
            if item in entered:
                entered.remove(item)
            else:
                left.append(item)
        self._gauges.move(conversation, left, -1)
        self._gauges.move(conversation, entered, 1)

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
            yield self.partial(pane, position)
        book = self._books.at(self._tick)
        renamed = self._book is not None and book is not self._book
        self._book = book
        for pane in self._gauges.take_forgotten(self._is_named, renamed=renamed):
            yield self.partial(pane, position)

    def _is_named(self, labels: tuple[str, ...]) -> bool:
        """Whether the rulebook names the tenant and the queue of a series (W10)."""
        tenant = self._books.at(self._tick).document.tenants.get(labels[0])
        return tenant is not None and (labels[2] == NONE or labels[2] in tenant.queues)

    # --- rows ----------------------------------------------------------------------------------

    def restored(self, tick: int, closed_before: int) -> None:
        """All rows of panes are in; conversations come next."""
        self._tick = tick
        self._book = self._books.at(tick)
        self._panes.closed_before = closed_before
        self._gauges.restored(tick)

    def rejoin(self, conversation: str, shape: bytes, instants: Sequence[int]) -> None:
        """A conversation stands in gauges that go by time (see `conversation_rows.Head`).

        The rows of panes know of it already. `rejoined` comes last.
        """
        rejoining = self._rejoining.get(shape)
        if rejoining is None:
            rejoining = self._rejoining[shape] = ([], [array("q") for _ in instants])
        conversations, columns = rejoining
        conversations.append(conversation)
        for column, at in zip(columns, instants, strict=True):
            column.append(at)

    def rejoined(self) -> None:
        """All conversations are in. They are alike: each shape is read once."""
        for shape, (conversations, columns) in self._rejoining.items():
            for (metric, labels, of), column in zip(read_shape(shape), columns, strict=True):
                self._gauges.rejoin(metric, labels, of, conversations, column)
        self._rejoining.clear()
        self._gauges.rejoined()
