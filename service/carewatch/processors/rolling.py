"""The last 15 and 60 minutes of every series that has minutes (W8).

A rolling window reaches over whole minutes up to the watermark and moves on with every minute. It
is published while it holds something and once more when nothing is left in it: then it ends where
that was first so, however late the watermark came by.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from carewatch.domain.metric import ROLLING, TUMBLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Value, values_of
from carewatch.processors.panes import KnownPane, PaneId, Panes
from carewatch.wire import partials

MINUTE: Final = "1m"
MINUTE_MS: Final = TUMBLING[MINUTE]
_LONGEST_MS: Final = max(ROLLING.values())

_Series = tuple[str, tuple[str, ...]]


class Rolled(NamedTuple):
    """A rolling window as it stands now."""

    pane: KnownPane
    values: tuple[Value, Value | None]
    end: int


class Rolling:
    """The rolling windows of one partition; their panes stand among `panes`."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._minute: int | None = None
        self._minutes: dict[_Series, dict[int, KnownPane]] = {}
        self._changed: dict[_Series, None] = {}

    def restored(self, watermark: int | None) -> None:
        """All rows are in, and `watermark` was that of the last emission."""
        if watermark is None:
            return
        self._minute = watermark - watermark % MINUTE_MS
        for pane in self._panes:
            if pane.id.window == MINUTE and _left(pane) > self._minute:
                self._series(pane)

    def next_due(self) -> int | None:
        """The watermark with which a window moves on; None while none holds anything."""
        return self._minute + MINUTE_MS if self._minute is not None and self._minutes else None

    def note(self, pane: KnownPane) -> None:
        """A minute has changed."""
        self._series(pane)
        self._changed[pane.id.metric, pane.id.labels] = None

    def roll(self, watermark: int) -> Iterator[Rolled]:
        """The windows that have moved on or changed since the last call."""
        minute = watermark - watermark % MINUTE_MS
        names = list(self._changed if minute == self._minute else self._minutes)
        self._changed.clear()
        self._minute = minute
        for name in names:
            minutes = self._minutes[name]
            for window, size in ROLLING.items():
                rolled = self._rolled(PaneId(*name, window, None), minutes, size, minute)
                if rolled is not None:
                    yield rolled
            left = {start: pane for start, pane in minutes.items() if _left(pane) > minute}
            if left:
                self._minutes[name] = left
            else:
                del self._minutes[name]

    def _series(self, pane: KnownPane) -> None:
        if pane.id.start is not None:
            minutes = self._minutes.setdefault((pane.id.metric, pane.id.labels), {})
            minutes[pane.id.start] = pane

    def _rolled(
        self, id_: PaneId, minutes: dict[int, KnownPane], size: int, minute: int
    ) -> Rolled | None:
        rolling = self._panes.pane(id_)
        empty = max(minutes) + MINUTE_MS + size
        if rolling.published.end is not None:
            empty = max(empty, rolling.published.end)
        end = min(minute, empty)
        held = [minutes[start] for start in sorted(minutes) if end - size <= start < end]
        if rolling.published.pane is None and end <= min(minutes):
            return None  # no minute is whole yet
        total = partials.accumulator_type(id_.metric, id_.window)()
        for pane in held:
            pane.add_to(total)
        values = values_of(total, id_.window, BY_ID[id_.metric].unit)
        return Rolled(rolling, values, end)


def _left(pane: KnownPane) -> int:
    """The minute at which a minute lies outside of every window."""
    return (pane.id.start or 0) + MINUTE_MS + _LONGEST_MS
