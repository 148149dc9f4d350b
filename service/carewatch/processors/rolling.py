"""The last 15 and 60 minutes of every series that has minutes (W8).

A rolling window reaches over whole minutes up to the watermark and moves on with every minute. It
is published while it holds something and once more when nothing is left in it: then it ends where
that was first so, however late the watermark came by.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from carewatch.domain.aggregates import Count, Distribution, Ratio
from carewatch.domain.metric import ROLLING, TUMBLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Value, values_of
from carewatch.processors.panes import KnownPane, PaneId, Panes
from carewatch.wire import partials

MINUTE: Final = "1m"
MINUTE_MS: Final = TUMBLING[MINUTE]
_LONGEST_MS: Final = max(ROLLING.values())

_Name = tuple[str, tuple[str, ...]]
_Summed = Count | Ratio | Distribution


class Rolled(NamedTuple):
    """A rolling window as it stands now."""

    pane: KnownPane
    values: tuple[Value, Value | None]
    end: int


class _Window:
    """One rolling window of one series: the sum of the minutes in it.

    A minute is added when it comes in and taken away when it goes out, so that moving on costs
    the same however long the window is. Integers make that exact.
    """

    def __init__(self, id_: PaneId, size: int) -> None:
        self.id = id_
        self.size = size
        self._sum = _summed(id_)
        self._held: dict[int, _Summed] = {}

    def move(self, minutes: dict[int, KnownPane], changed: set[int], end: int) -> None:
        """Reaches from `end` back over its size; the minutes that `changed` are read anew."""
        start = end - self.size
        for gone in [at for at in self._held if not start <= at < end or at in changed]:
            _merge(self._sum, self._held.pop(gone), -1)
        for at, pane in minutes.items():
            if start <= at < end and at not in self._held:
                held = self._held[at] = _summed(pane.id)
                pane.add_to(held)
                _merge(self._sum, held, 1)

    def values(self) -> tuple[Value, Value | None]:
        """What it holds."""
        return values_of(self._sum, self.id.window, BY_ID[self.id.metric].unit)


class _Series:
    """The minutes of a series that lie within reach, and its windows."""

    def __init__(self, pane: KnownPane) -> None:
        self.minutes: dict[int, KnownPane] = {}
        self.changed: set[int] = set()
        self.windows = [
            _Window(PaneId(pane.id.metric, pane.id.labels, window, None), size)
            for window, size in ROLLING.items()
        ]


class Rolling:
    """The rolling windows of one partition; their panes stand among `panes`."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._minute: int | None = None
        self._series: dict[_Name, _Series] = {}
        self._changed: dict[_Name, None] = {}

    def restored(self, watermark: int | None) -> None:
        """All rows are in, and `watermark` was that of the last emission.

        Without one, no window has moved yet: every minute that is known waits for the first.
        """
        self._minute = None if watermark is None else watermark - watermark % MINUTE_MS
        for pane in self._panes:
            if pane.id.window == MINUTE and (self._minute is None or _left(pane) > self._minute):
                self._take(pane)

    def next_due(self) -> int | None:
        """The watermark with which a window moves on; None while none holds anything."""
        return self._minute + MINUTE_MS if self._minute is not None and self._series else None

    def note(self, pane: KnownPane) -> None:
        """A minute has changed."""
        self._changed[self._take(pane)] = None

    def roll(self, watermark: int) -> Iterator[Rolled]:
        """The windows that have moved on or changed since the last call."""
        minute = watermark - watermark % MINUTE_MS
        names = list(self._changed if minute == self._minute else self._series)
        self._changed.clear()
        self._minute = minute
        for name in names:
            series = self._series[name]
            for window in series.windows:
                rolled = self._rolled(series, window, minute)
                if rolled is not None:
                    yield rolled
            series.changed.clear()
            for start in [at for at, pane in series.minutes.items() if _left(pane) <= minute]:
                del series.minutes[start]
            if not series.minutes:
                del self._series[name]

    def _take(self, pane: KnownPane) -> _Name:
        name = (pane.id.metric, pane.id.labels)
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = _Series(pane)
        if pane.id.start is not None:
            series.minutes[pane.id.start] = pane
            series.changed.add(pane.id.start)
        return name

    def _rolled(self, series: _Series, window: _Window, minute: int) -> Rolled | None:
        rolling = self._panes.pane(window.id)
        empty = max(series.minutes) + MINUTE_MS + window.size
        if rolling.published.end is not None:
            empty = max(empty, rolling.published.end)
        end = min(minute, empty)
        if rolling.published.pane is None and end <= min(series.minutes):
            return None  # no minute is whole yet
        window.move(series.minutes, series.changed, end)
        return Rolled(rolling, window.values(), end)


def _summed(id_: PaneId) -> _Summed:
    body = partials.accumulator_type(id_.metric, id_.window)()
    if isinstance(body, Count | Ratio | Distribution):
        return body
    raise TypeError(f"{id_.metric} is nothing that minutes add up to")


def _merge(total: _Summed, minute: _Summed, sign: int) -> None:
    # mypy sees two unions; both sides are the accumulator of one metric.
    total.merge(minute, sign)  # type: ignore[arg-type]


def _left(pane: KnownPane) -> int:
    """The minute at which a minute lies outside of every window."""
    return (pane.id.start or 0) + MINUTE_MS + _LONGEST_MS
