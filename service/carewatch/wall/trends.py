"""The last hour of a figure, as a line: from the windows of the board, or from memory.

A count is told minute by minute. Ranks and shares of single minutes would jump with every sample,
so they are told every five minutes of the fifteen minutes before. What is only known as of now
(who waits, and for how long) has no windows: it is remembered since the board was started.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from carewatch.domain.metric import HOUR_MS, TUMBLING, Window
from carewatch.wall.asked import Place
from carewatch.wall.figures import Figures, Index, Question, Windows
from carewatch.wall.measures import Measure

MINUTE_MS: Final = TUMBLING["1m"]
_STEPS: Final = 3
"""So many windows stand behind each point of a rank or share."""

_KEPT: Final = 20_000
"""So many points of lines are remembered: those of some fifty places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Values `step_ms` apart, the last one at `until` (both milliseconds); None is a gap."""

    step_ms: int
    until: int
    values: Sequence[int | None]


class Lines:
    """Lines from the windows of the last hour; windows that stand unchanged are added up once."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._kept: dict[tuple[Place, Measure, _Span], tuple[tuple[Index, ...], int | None]] = {}

    def counted(self, place: Place, measure: Measure, at: int) -> Trend:
        """A count, minute by minute, up to the minute that is being filled."""
        return self._line(place, measure, at, "1m", 1)

    def smoothed(self, place: Place, measure: Measure, at: int) -> Trend:
        """A rank or share of the fifteen minutes before, every five minutes."""
        return self._line(place, measure, at, "5m", _STEPS)

    def _line(
        self, place: Place, measure: Measure, at: int, window: Window, together: int
    ) -> Trend:
        step = TUMBLING[window]
        newest = at - at % step
        if len(self._kept) > _KEPT:
            self._kept.clear()
        spans = [
            _Span(window, start, together)
            for start in range(newest - HOUR_MS + step, newest + step, step)
        ]
        return Trend(
            step_ms=step,
            until=newest,
            values=[self._point(place, measure, span) for span in spans],
        )

    def _point(self, place: Place, measure: Measure, span: "_Span") -> int | None:
        step = TUMBLING[span.window]
        indexes = tuple(
            self._windows.index(span.window, span.start - back * step)
            for back in range(span.together)
        )
        kept = self._kept.get((place, measure, span))
        if kept is not None and all(a is b for a, b in zip(kept[0], indexes, strict=True)):
            return kept[1]
        found = measure.of(Figures(place, indexes))
        self._kept[place, measure, span] = indexes, found
        return found


class _Span(NamedTuple):
    """So many windows of a size, the last of which begins at `start`."""

    window: Window
    start: int
    together: int


class Gauge(NamedTuple):
    """What is remembered, by minutes: how many stand in it, or how long ago its instant was."""

    question: Question
    since: bool = False


@dataclass(slots=True)
class Memory:
    """The present states of the last hour, minute by minute, of every tenant and channel."""

    gauges: tuple[Gauge, ...]
    _minutes: dict[int, Mapping[Gauge, Mapping[tuple[str, str], int]]] = field(default_factory=dict)
    _lags: dict[int, int] = field(default_factory=dict)

    def take(self, now: int, index: Index, lag: int | None, *, fresh: bool) -> None:
        """Notes how it is at `now`; what is not fresh says nothing of the present."""
        minute = now - now % MINUTE_MS
        if lag is not None:
            self._lags[minute] = max(lag, self._lags.get(minute, 0))
        if fresh:
            self._minutes[minute] = {gauge: _by_place(gauge, index, now) for gauge in self.gauges}
        for kept in (self._minutes, self._lags):
            for old in [one for one in kept if one <= minute - HOUR_MS]:
                del kept[old]

    def line(self, gauge: Gauge, place: Place, now: int) -> Trend:
        """A gauge; a minute in which the board was away, or its data were old, is a gap."""
        return _remembered(
            now, {minute: _of(place, gauge, by[gauge]) for minute, by in self._minutes.items()}
        )

    def lag(self, now: int) -> Trend:
        """How old the data were: the worst of each minute."""
        return _remembered(now, self._lags)


def _by_place(gauge: Gauge, index: Index, now: int) -> Mapping[tuple[str, str], int]:
    """The gauge of every tenant and channel."""
    found: dict[tuple[str, str], int] = {}
    for place in index.get(gauge.question.metric, {}):
        figures = Figures(Place(tenant=place[0], channel=place[1]), (index,))
        if gauge.since:
            least = figures.least(gauge.question)
            if least is not None:
                found[place] = max(0, now - least)
        else:
            found[place] = figures.count(gauge.question)
    return found


def _of(place: Place, gauge: Gauge, known: Mapping[tuple[str, str], int]) -> int:
    own = [value for (tenant, channel), value in known.items() if place.holds(tenant, channel)]
    return max(own, default=0) if gauge.since else sum(own)


def _remembered(now: int, known: Mapping[int, int]) -> Trend:
    newest = now - now % MINUTE_MS
    starts = range(newest - HOUR_MS + MINUTE_MS, newest + MINUTE_MS, MINUTE_MS)
    return Trend(step_ms=MINUTE_MS, until=newest, values=[known.get(start) for start in starts])
