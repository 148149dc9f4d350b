"""Gauges: what conversations stand in now; some of it changes by time alone (W10, W11).

Time is that of ticks: at the tick of an instant everything whose crossing is not later has
crossed. What a pane shows comes from its row; who is in it is told again, after a restore, by the
conversations themselves (`rejoin`).
"""

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Final

from carewatch.domain.aggregates import Accumulator, Ages, Deadline, Deadlines, Gauge, Instant
from carewatch.domain.contributions import Held
from carewatch.domain.metric import Kind
from carewatch.domain.metrics import BY_ID
from carewatch.domain.pane import Labels, Pane, PaneKey
from carewatch.domain.standing import ByAge, Crossings, HowMany, Least, Name, Shown, Soonest
from carewatch.domain.windows import Panes

FORGOTTEN_MS: Final = 24 * 3_600_000
"""So long a gauge stands at nothing before it is forgotten, unless the rulebook names it (W10)."""

_Standing = HowMany | Least | ByAge | Soonest


class Gauges:
    """The gauges of one source partition; their panes stand among `panes`."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._crossings = Crossings()
        self._gauges: dict[Name, _Standing] = {}
        self._unsettled: dict[Name, Soonest] = {}
        self._empty: list[tuple[int, PaneKey]] = []
        self._standing: dict[PaneKey, Pane] = {}

    @property
    def any_standing(self) -> bool:
        """Whether gauges are kept at nothing since the rulebook names them."""
        return bool(self._standing)

    def move(self, who: str, items: Iterable[Held], by: int) -> None:
        """A conversation comes to stand in these gauges (`by` 1) or leaves them (-1)."""
        gauges = self._gauges
        for item in items:
            name = (item.metric, item.labels)
            gauge = gauges.get(name) or self._gauge(name)
            gauge.move(item, who, by)

    def rejoin(
        self,
        metric: str,
        labels: Labels,
        of: Sequence[str],
        conversations: Iterable[str],
        at: Iterable[int],
    ) -> None:
        """Conversations stand in a gauge again that goes by time, each from its own instant.

        Quietly: the rows of panes know of them already. `rejoined` comes last.
        """
        name = (metric, labels)
        gauge = self._gauge(name)
        if isinstance(gauge, Soonest):
            gauge.rejoin(Deadline(*one, *of) for one in zip(at, conversations, strict=True))
        else:
            gauge.rejoin(at)

    def rejoined(self) -> None:
        """Everybody is there again."""
        for gauge in self._gauges.values():
            gauge.rejoined()

    def restored(self, now: int) -> None:
        """The rows of panes are in, and `now` is the newest tick; members come next."""
        self._crossings.now = now
        for pane in self._panes:
            if isinstance(pane.body, Deadlines):
                # The last of them may have left since they were shown.
                gauge = self._gauge((pane.key.metric, pane.key.labels))
                if isinstance(gauge, Soonest):
                    gauge.unsettle()
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
        if not isinstance(gauge, HowMany) or gauge.expects_nobody():
            self._gauges.pop(name, None)
        self._panes.drop(pane)

    def _gauge(self, name: Name) -> _Standing:
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = self._gauges[name] = self._new(*name)
        return gauge

    def _new(self, metric: str, labels: Labels) -> _Standing:
        key = PaneKey(metric, labels, "now", None)
        match BY_ID[metric].kind:
            case Kind.INSTANT:
                return Least(Shown(self._panes, key, Instant))
            case Kind.AGES:
                return ByAge(Shown(self._panes, key, Ages), self._crossings)
            case Kind.DEADLINES:
                return Soonest(
                    Shown(self._panes, key, Deadlines), (metric, labels), self._unsettled
                )
            case _:
                return HowMany(Shown(self._panes, key, Gauge), self._crossings)


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
