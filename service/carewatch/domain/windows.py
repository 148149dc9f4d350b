"""Panes: what one source partition knows of each series in each window (W1, W3, W4).

A result is placed by its instant into every window by itself. A window is closed for a
conversation whose clock has passed its end (a cohort's: plus its horizon) by more than the allowed
lateness; what comes later still enters the coarser windows that are open, and `total`.

Results are added to `domain.series`, which carry them into the panes of their windows.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

from carewatch.domain.aggregates import Accumulator
from carewatch.domain.days import Days
from carewatch.domain.metric import Metric
from carewatch.domain.pane import Labels, Pane, PaneKey, accumulator_type, sort_key
from carewatch.domain.policy import Books
from carewatch.domain.series import CutsDays, Series

_NEVER: Final = -(2**62)


class Panes:
    """The panes of one source partition; `days` cuts the days of tenants."""

    def __init__(self) -> None:
        self.days: CutsDays = Days(Books())
        self.closed_before = _NEVER
        self._panes: dict[PaneKey, Pane] = {}
        self._series: dict[tuple[str, Labels], Series] = {}
        self._awaiting: list[Series] = []
        self._changed: list[Pane] = []
        self._touched: list[Pane] = []
        self._dropped: set[PaneKey] = set()
        self._closing: list[tuple[int, PaneKey]] = []

    @property
    def has_changed(self) -> bool:
        """Whether the next tick publishes something."""
        return bool(self._changed or self._awaiting)

    def get(self, key: PaneKey) -> Pane | None:
        """The pane of that name, None if nothing was counted there."""
        return self._panes.get(key)

    def restore(
        self, metric: Metric, key: PaneKey, body: Accumulator, end: int | None, *, changed: bool
    ) -> Pane:
        """Takes a pane back from its row."""
        pane = self.put(metric, key, body, end)
        if changed:
            pane.changed = True
            self._changed.append(pane)
        return pane

    def series(self, metric: Metric, labels: Labels) -> Series:
        """Where results of a metric with these labels are added; always the same for the same."""
        series = self._series.get((metric.id, labels))
        if series is None:
            series = self._series[metric.id, labels] = Series(self, metric, labels)
        return series

    def add(
        self,
        metric: Metric,
        labels: Labels,
        at: int,
        amount: int,
        sign: int,
        open_from: int,
        of: int = 0,
    ) -> bool:
        """Adds to a series (see `Series.add`); what was closed once stays so."""
        series = self.series(metric, labels)
        return series.add(at, amount, sign, max(open_from, self.closed_before), of)

    def await_look(self, series: Series) -> None:
        """The series has gathered something: it is poured before anybody looks at a pane."""
        self._awaiting.append(series)

    def open(self, metric: Metric, key: PaneKey, end: int | None) -> Pane:
        """The pane of that name, a new one if nothing was counted there."""
        pane = self._panes.get(key)
        if pane is None:
            pane = self.put(metric, key, accumulator_type(metric.kind, key.window)(), end)
        return pane

    def put(self, metric: Metric, key: PaneKey, body: Accumulator, end: int | None) -> Pane:
        """A new pane of that name."""
        pane = self._panes[key] = Pane(key, body, end)
        self._dropped.discard(key)
        if key.start is not None and end is not None:
            heappush(self._closing, (end + metric.horizon_ms, key))
        return pane

    def mark(self, pane: Pane) -> None:
        """The pane is not any more what was published and written of it."""
        if not pane.changed:
            pane.changed = True
            self._changed.append(pane)
        self.touch(pane)

    def touch(self, pane: Pane) -> None:
        """The row of the pane must be written."""
        if not pane.touched:
            pane.touched = True
            self._touched.append(pane)

    def drop(self, pane: Pane) -> None:
        """Forgets a pane and its row."""
        del self._panes[pane.key]
        pane.dropped = True
        self._dropped.add(pane.key)

    def take_changed(self) -> list[Pane]:
        """What changed since the last tick, in a fixed order."""
        self._pour()
        changed = sorted((one for one in self._changed if not one.dropped), key=_rank)
        self._changed.clear()
        for pane in changed:
            pane.changed = False
            self.touch(pane)
        return changed

    def take_touched(self) -> list[Pane]:
        """The panes whose rows must be written, in a fixed order."""
        self._pour()
        touched = sorted((one for one in self._touched if not one.dropped), key=_rank)
        self._touched.clear()
        for pane in touched:
            pane.touched = False
        return touched

    def take_dropped(self) -> list[PaneKey]:
        """The panes that were forgotten since the last call."""
        dropped = sorted(self._dropped, key=sort_key)
        self._dropped.clear()
        return dropped

    def close(self, open_from: int) -> None:
        """Forgets the windows that ended before `open_from`: nothing can reach them any more.

        They stay closed, whatever lateness a later rulebook allows: what a pane held is gone.
        """
        if open_from <= self.closed_before:
            return
        self._pour()
        self.closed_before = open_from
        while self._closing and self._closing[0][0] < open_from:
            pane = self._panes.get(heappop(self._closing)[1])
            if pane is not None:
                self.drop(pane)

    def __len__(self) -> int:
        return len(self._panes)

    def __iter__(self) -> Iterator[Pane]:
        self._pour()
        return iter(self._panes.values())

    def _pour(self) -> None:
        awaiting, self._awaiting = self._awaiting, []
        for series in awaiting:
            series.pour()


def _rank(pane: Pane) -> tuple[str, Labels, str, int]:
    return pane.rank
