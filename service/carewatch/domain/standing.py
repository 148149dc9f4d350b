"""Who stands in a gauge, as nothing but the sorted instants that matter of each (W10, W11).

Eight bytes a member: of a million that wait, each stands in ten gauges. A gauge that changes by
time alone knows the next instant at which it will, so that a tick costs what changes at it.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count, islice
from typing import Final, Generic, Protocol, TypeVar

from carewatch.domain.aggregates import (
    CLASSIC_BOUNDS_MS,
    DEADLINES_KEPT,
    Ages,
    Deadline,
    Deadlines,
    Gauge,
    Instant,
)
from carewatch.domain.contributions import Held
from carewatch.domain.metrics import BY_ID
from carewatch.domain.pane import Labels, Pane, PaneKey
from carewatch.domain.windows import Panes

Name = tuple[str, Labels]
"""A gauge's metric and labels."""

_SECOND_MS: Final = 1000

_Body = TypeVar("_Body", bound=Gauge | Instant | Ages | Deadlines)


class Shown(Generic[_Body]):
    """The pane of a gauge, made when something first stands in it."""

    def __init__(self, panes: Panes, key: PaneKey, body: type[_Body]) -> None:
        self._panes = panes
        self._key = key
        self._type = body
        self._pane: Pane | None = None
        self._body: _Body  # of the pane, once there is one

    def body(self) -> _Body:
        """What is shown now; whoever changes it marks it."""
        self._found()
        return self._body

    def mark(self) -> None:
        """It is not any more what was published."""
        self._panes.mark(self._found())

    def changing(self) -> _Body:
        """What is shown now, and is marked: its reader changes it."""
        pane = self._pane
        # An event moves in a dozen gauges, and most have been marked since the last flush.
        if pane is None or pane.dropped or not (pane.changed and pane.touched):
            self.mark()
        return self._body

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
            if not isinstance(pane.body, self._type):
                raise TypeError(f"the pane {self._key} holds no {self._type.__name__}")
            self._pane, self._body = pane, pane.body
        return pane


class _Crosses(Protocol):
    """A gauge that changes by time; `expected` is when, None when it will not."""

    expected: int | None

    def cross(self, now: int) -> None:
        """The instant has come."""


class Crossings:
    """When which gauge changes by time alone."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, _Crosses]] = []
        self._numbers = count()

    def expect(self, gauge: _Crosses, at: int) -> None:
        """The gauge changes at that instant, if not before."""
        if gauge.expected is None or at < gauge.expected:
            gauge.expected = at
            heappush(self._heap, (at, next(self._numbers), gauge))

    def next_at(self) -> int | None:
        """A tick from which on something may change; None when nothing is expected."""
        return -(-self._heap[0][0] // _SECOND_MS) * _SECOND_MS if self._heap else None

    def advance(self, now: int) -> None:
        """Lets everything change whose instant is not above `now`."""
        self.now = now
        while self._heap and self._heap[0][0] <= now:
            at, _, gauge = heappop(self._heap)
            if gauge.expected == at:
                gauge.expected = None
                gauge.cross(now)


class _Instants:
    """A multiset of instants, in order."""

    def __init__(self) -> None:
        self.sorted = array("q")

    def change(self, at: int, by: int) -> None:
        """One more of an instant, or (`by` -1) one less of those that are there.

        A gauge may be younger than the row of a conversation that leaves it: it was never there.
        """
        if by > 0:
            insort(self.sorted, at)
            return
        place = bisect_left(self.sorted, at)
        if place < len(self.sorted) and self.sorted[place] == at:
            del self.sorted[place]

    def extend(self, instants: Iterable[int]) -> None:
        """Takes many; `settle` puts them in order."""
        self.sorted.extend(instants)

    def settle(self) -> None:
        self.sorted = array("q", sorted(self.sorted))


class HowMany:
    """How many; each counts from its instant on."""

    def __init__(self, shown: Shown[Gauge], crossings: Crossings) -> None:
        self.expected: int | None = None
        self._shown = shown
        self._crossings = crossings
        self._later = _Instants()

    def move(self, item: Held, _who: str, by: int) -> None:
        if item.at <= self._crossings.now:
            self._shown.changing().value += by
            return
        self._later.change(item.at, by)
        if by > 0:
            self._crossings.expect(self, item.at)
            self._shown.begin()

    def cross(self, now: int) -> None:
        later = self._later.sorted
        come = bisect_right(later, now)
        del later[:come]
        if come:
            self._shown.changing().value += come
        self._expect()

    def rejoin(self, instants: Iterable[int]) -> None:
        """Takes back those of conversations; who has come already is shown."""
        self._later.extend(at for at in instants if at > self._crossings.now)

    def rejoined(self) -> None:
        self._later.settle()
        self._expect()

    def expects_nobody(self) -> bool:
        """Whether no member's instant is still to come."""
        return not self._later.sorted

    def _expect(self) -> None:
        if self._later.sorted:
            self._crossings.expect(self, self._later.sorted[0])


class Least:
    """Instants of which the least is shown."""

    def __init__(self, shown: Shown[Instant]) -> None:
        self._shown = shown
        self._members = _Instants()

    def move(self, item: Held, _who: str, by: int) -> None:
        self._members.change(item.at, by)
        members = self._members.sorted
        body, least = self._shown.body(), members[0] if members else None
        if body.at != least:
            body.at = least
            self._shown.mark()

    def rejoin(self, instants: Iterable[int]) -> None:
        """Takes back those of conversations; what is shown knows them already."""
        self._members.extend(instants)

    def rejoined(self) -> None:
        self._members.settle()


class ByAge:
    """How many, by how long ago they began: in the least classic bucket whose bound is not less."""

    def __init__(self, shown: Shown[Ages], crossings: Crossings) -> None:
        self.expected: int | None = None
        self._shown = shown
        self._crossings = crossings
        self._members = _Instants()

    def move(self, item: Held, _who: str, by: int) -> None:
        self._members.change(item.at, by)
        place = bisect_left(CLASSIC_BOUNDS_MS, self._crossings.now - item.at)
        if by > 0 and place < len(CLASSIC_BOUNDS_MS):
            self._crossings.expect(self, item.at + CLASSIC_BOUNDS_MS[place] + 1)
        body = self._shown.changing()
        body.value += by
        body.classic[place] += by

    def cross(self, now: int) -> None:
        classic = self._count(now)
        body = self._shown.body()
        if body.classic != classic:
            body.classic = classic
            self._shown.mark()

    def rejoin(self, instants: Iterable[int]) -> None:
        """Takes back those of conversations; what is shown knows them already."""
        self._members.extend(instants)

    def rejoined(self) -> None:
        self._members.settle()
        self._count(self._crossings.now)

    def _count(self, now: int) -> list[int]:
        """How many are in each bucket; and the next time that one leaves its bucket is expected."""
        members, classic, below = self._members.sorted, [], len(self._members.sorted)
        for bound in CLASSIC_BOUNDS_MS:
            oldest = bisect_left(members, now - bound)
            if oldest < below:
                self._crossings.expect(self, members[oldest] + bound + 1)
            classic.append(below - oldest)
            below = oldest
        return [*classic, below]


class Soonest:
    """Deadlines, of which the soonest are shown as soon as it may `settle`."""

    def __init__(
        self, shown: Shown[Deadlines], name: Name, unsettled: "dict[Name, Soonest]"
    ) -> None:
        self._shown = shown
        self._name = name
        self._unsettled = unsettled
        self._sorted: list[Deadline] = []

    def move(self, item: Held, who: str, by: int) -> None:
        deadline = Deadline(item.at, who, *item.of)
        self.unsettle()
        if by > 0:
            self._shown.begin()
            insort(self._sorted, deadline)
            return
        place = bisect_left(self._sorted, deadline)
        if place < len(self._sorted) and self._sorted[place] == deadline:
            del self._sorted[place]

    def rejoin(self, deadlines: Iterable[Deadline]) -> None:
        """Takes back those of conversations."""
        self._sorted.extend(deadlines)
        self.unsettle()

    def rejoined(self) -> None:
        self._sorted.sort()

    def unsettle(self) -> None:
        """What is soonest may be another by now."""
        self._unsettled[self._name] = self

    def settle(self) -> None:
        """Shows what is soonest now."""
        soonest = list(islice(self._sorted, DEADLINES_KEPT))
        body = self._shown.body()
        if body.due != soonest:
            body.due = soonest
            self._shown.mark()
