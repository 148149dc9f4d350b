"""Gauges: what conversations stand in now; some of it changes by time alone (W10, W11).

Time is that of ticks: at the tick of an instant everything whose crossing is not later has
crossed. Crossings are kept in buckets of a second, one for each member, so that a tick costs what
crosses in it, however many wait.

What a pane shows comes from its row; who is in it is told again, after a restore, by the
conversations themselves (`quiet`).
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar

from carewatch.domain.aggregates import (
    CLASSIC_BOUNDS_MS,
    DEADLINES_KEPT,
    Accumulator,
    Ages,
    Deadline,
    Deadlines,
    Gauge,
    Instant,
)
from carewatch.domain.contributions import Held
from carewatch.domain.metric import Kind
from carewatch.domain.metrics import BY_ID
from carewatch.domain.pane import Labels, Pane, PaneKey
from carewatch.domain.windows import Panes

FORGOTTEN_MS: Final = 24 * 3_600_000
"""So long a gauge stands at nothing before it is forgotten, unless the rulebook names it (W10)."""

_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60_000

_Body = TypeVar("_Body", bound=Gauge | Instant | Ages | Deadlines)


class _Crosses(Protocol):
    """A gauge that changes by time."""

    def cross(self, member: int, at: int) -> None:
        """A crossing that was scheduled for a member has come."""


class _Shown(Generic[_Body]):
    """The pane of a gauge, made when something first stands in it."""

    def __init__(self, panes: Panes, key: PaneKey, body: type[_Body]) -> None:
        self._panes = panes
        self._key = key
        self._type = body
        self._pane: Pane | None = None

    def body(self) -> _Body:
        """What is shown now; whoever changes it marks it."""
        body = self._found().body
        if not isinstance(body, self._type):
            raise TypeError(f"the pane {self._key} holds no {self._type.__name__}")
        return body

    def mark(self) -> None:
        """It is not any more what was published."""
        self._panes.mark(self._found())

    def begin(self) -> None:
        """From now on it is shown, be it at nothing: who is expected makes it known."""
        if self._panes.get(self._key) is None:
            self.mark()

    def _found(self) -> Pane:
        pane = self._pane
        if pane is None or pane.dropped:
            pane = self._panes.get(self._key)
            if pane is None:
                pane = self._panes.put(BY_ID[self._key.metric], self._key, self._type(), None)
            self._pane = pane
        return pane


class Crossings:
    """When which member of which gauge crosses, by second."""

    def __init__(self) -> None:
        self.now = 0
        self._buckets: dict[int, list[tuple[int, _Crosses, int]]] = {}
        self._seconds: list[int] = []

    def set(self, at: int, gauge: _Crosses, member: int) -> None:
        """At that instant the member crosses; whether it is still there the gauge will know."""
        second = -(-at // _SECOND_MS)
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = []
            heappush(self._seconds, second)
        bucket.append((at, gauge, member))

    def next_at(self) -> int | None:
        """A tick from which on something may cross; None when nothing is expected."""
        return self._seconds[0] * _SECOND_MS if self._seconds else None

    def advance(self, now: int) -> None:
        """Lets everything cross whose instant is not above `now`."""
        self.now = now
        # A tick between two seconds takes the bucket of the second it lies in, and puts back
        # what is later.
        later: list[tuple[int, _Crosses, int]] = []
        while self._seconds and (self._seconds[0] - 1) * _SECOND_MS < now:
            for at, gauge, member in self._buckets.pop(heappop(self._seconds)):
                if at <= now:
                    gauge.cross(member, at)
                else:
                    later.append((at, gauge, member))
        for crossing in later:
            self.set(*crossing)


class _Count:
    """How many; each counts from its instant on."""

    def __init__(self, shown: _Shown[Gauge], crossings: Crossings) -> None:
        self._shown = shown
        self._crossings = crossings
        self._later: dict[int, int] = {}

    def move(self, at: int, by: int, *, quiet: bool) -> None:
        if at > self._crossings.now:
            if at not in self._later:
                self._later[at] = 0
                self._crossings.set(at, self, at)
            self._later[at] += by
            if by > 0 and not quiet:
                self._shown.begin()
        elif not quiet:
            self._shift(by)

    def cross(self, member: int, at: int) -> None:  # noqa: ARG002
        by = self._later.pop(member, 0)
        if by:
            self._shift(by)

    def expects_nobody(self) -> bool:
        """Whether no member's instant is still to come."""
        return not any(self._later.values())

    def _shift(self, by: int) -> None:
        self._shown.body().value += by
        self._shown.mark()


class _Least:
    """A multiset of instants of which the least is shown; removals are lazy."""

    def __init__(self, shown: _Shown[Instant]) -> None:
        self._shown = shown
        self._counts: dict[int, int] = {}
        self._heap: list[int] = []

    def move(self, at: int, by: int, *, quiet: bool) -> None:
        count = self._counts.get(at, 0)
        if count == 0 and by > 0:
            heappush(self._heap, at)
        if count + by:
            self._counts[at] = count + by
        else:
            del self._counts[at]
        if quiet:
            return
        while self._heap and self._heap[0] not in self._counts:
            heappop(self._heap)
        body, least = self._shown.body(), self._heap[0] if self._heap else None
        if body.at != least:
            body.at = least
            self._shown.mark()


class _ByAge:
    """How many, by how long ago they began: in the least classic bucket whose bound is not less."""

    def __init__(self, shown: _Shown[Ages], crossings: Crossings) -> None:
        self._shown = shown
        self._crossings = crossings
        self._members: dict[int, int] = {}
        self._next: dict[int, int] = {}

    def move(self, at: int, by: int, *, quiet: bool) -> None:
        place = bisect_left(CLASSIC_BOUNDS_MS, self._crossings.now - at)
        if at not in self._members:
            self._members[at] = 0
            self._expect(at, place)
        self._members[at] += by
        if not self._members[at]:
            del self._members[at]
            self._next.pop(at, None)
        if not quiet:
            body = self._shown.body()
            body.value += by
            body.classic[place] += by
            self._shown.mark()

    def cross(self, member: int, at: int) -> None:
        if self._next.get(member) != at:
            return  # it left, or came back later
        place = bisect_left(CLASSIC_BOUNDS_MS, at - member)
        body = self._shown.body()
        body.classic[place - 1] -= self._members[member]
        body.classic[place] += self._members[member]
        self._shown.mark()
        self._next.pop(member)
        self._expect(member, place)

    def _expect(self, since: int, place: int) -> None:
        if place < len(CLASSIC_BOUNDS_MS):
            self._next[since] = at = since + CLASSIC_BOUNDS_MS[place] + 1
            self._crossings.set(at, self, since)


class _Soonest:
    """Deadlines, of which the soonest are shown; kept by minute, so that the rest is not sorted."""

    def __init__(self, shown: _Shown[Deadlines]) -> None:
        self._shown = shown
        self._minutes: list[int] = []
        self._by_minute: dict[int, dict[Deadline, int]] = {}

    def move(self, deadline: Deadline, by: int, *, quiet: bool) -> None:
        minute = deadline.due_at // _MINUTE_MS
        bucket = self._by_minute.get(minute)
        if bucket is None:
            bucket = self._by_minute[minute] = {}
            insort(self._minutes, minute)
        if by > 0 and not quiet:
            self._shown.begin()
        left = bucket.get(deadline, 0) + by
        if left:
            bucket[deadline] = left
            return
        del bucket[deadline]
        if not bucket:
            del self._by_minute[minute]
            self._minutes.remove(minute)

    def settle(self) -> None:
        """Shows what is soonest now."""
        soonest = list(islice(self._in_order(), DEADLINES_KEPT))
        body = self._shown.body()
        if body.due != soonest:
            body.due = soonest
            self._shown.mark()

    def _in_order(self) -> Iterator[Deadline]:
        for minute in self._minutes:
            for deadline, count in sorted(self._by_minute[minute].items()):
                yield from [deadline] * count


_Counter = _Count | _Least | _ByAge | _Soonest


class Gauges:
    """The gauges of one source partition; their panes stand among `panes`."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._crossings = Crossings()
        self._gauges: dict[tuple[str, Labels], _Counter] = {}
        self._unsettled: dict[tuple[str, Labels], _Soonest] = {}
        self._empty: list[tuple[int, PaneKey]] = []
        self._standing: dict[PaneKey, Pane] = {}

    @property
    def any_standing(self) -> bool:
        """Whether gauges are kept at nothing since the rulebook names them."""
        return bool(self._standing)

    def move(self, item: Held, who: str, by: int, *, quiet: bool = False) -> None:
        """A conversation comes to stand in a gauge (`by` 1) or leaves it (-1)."""
        name = (item.metric, item.labels)
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = self._gauges[name] = self._new(item)
        if isinstance(gauge, _Soonest):
            gauge.move(Deadline(item.at, who, *item.of), by, quiet=quiet)
            self._unsettled[name] = gauge
        else:
            gauge.move(item.at, by, quiet=quiet)

    def restored(self, now: int) -> None:
        """The rows of panes are in, and `now` is the newest tick; members come next, quietly."""
        self._crossings.now = now
        for pane in self._panes:
            if pane.key.window == "now" and pane.end is not None:
                if pane.end <= now:
                    self._standing[pane.key] = pane
                else:
                    heappush(self._empty, (pane.end, pane.key))

    def next_at(self) -> int | None:
        """The next tick that changes a gauge by itself; None when none does."""
        expected = [self._crossings.next_at(), self._empty[0][0] if self._empty else None]
        if self._unsettled:
            expected.append(self._crossings.now + 1)
        return min((at for at in expected if at is not None), default=None)

    def advance(self, now: int) -> None:
        """Lets the time of a tick come: whoever crosses by it has crossed."""
        self._crossings.advance(now)

    def settle(self) -> None:
        """Shows what of the soonest deadlines has changed; before panes are published."""
        for name in sorted(self._unsettled):
            self._unsettled[name].settle()
        self._unsettled.clear()

    def published(self, pane: Pane) -> None:
        """A gauge was published: if it stands at nothing, its time to be forgotten runs."""
        self._standing.pop(pane.key, None)
        pane.end = self._crossings.now + FORGOTTEN_MS if _is_empty(pane.body) else None
        if pane.end is not None:
            heappush(self._empty, (pane.end, pane.key))

    def take_forgotten(self, is_named: Callable[[Labels], bool], *, renamed: bool) -> list[Pane]:
        """The gauges that are to be forgotten at this tick, in a fixed order (W10).

        Those that the rulebook names stand at nothing for ever, unless (`renamed`) the rulebook
        is another one since the last tick.
        """
        over: dict[PaneKey, Pane] = {}
        while self._empty and self._empty[0][0] <= self._crossings.now:
            end, key = heappop(self._empty)
            pane = self._panes.get(key)
            if pane is not None and pane.end == end:
                over[key] = pane
        if renamed:
            over |= self._standing
            self._standing.clear()
        forgotten: list[Pane] = []
        for key in sorted(over, key=lambda one: (one.metric, one.labels)):
            if is_named(key.labels) and "agent" not in BY_ID[key.metric].labels:
                self._standing[key] = over[key]
            else:
                self._forget(over[key])
                forgotten.append(over[key])
        return forgotten

    def _forget(self, pane: Pane) -> None:
        name = (pane.key.metric, pane.key.labels)
        gauge = self._gauges.get(name)
        if not isinstance(gauge, _Count) or gauge.expects_nobody():
            self._gauges.pop(name, None)
        self._panes.drop(pane)

    def _new(self, item: Held) -> _Counter:
        key = PaneKey(item.metric, item.labels, "now", None)
        match BY_ID[item.metric].kind:
            case Kind.INSTANT:
                return _Least(_Shown(self._panes, key, Instant))
            case Kind.AGES:
                return _ByAge(_Shown(self._panes, key, Ages), self._crossings)
            case Kind.DEADLINES:
                return _Soonest(_Shown(self._panes, key, Deadlines))
            case _:
                return _Count(_Shown(self._panes, key, Gauge), self._crossings)


def _is_empty(body: Accumulator) -> bool:
    match body:
        case Gauge() | Ages():
            return body.value == 0
        case Instant():
            return body.at is None
        case Deadlines():
            return not body.due
        case _:
            return False
