"""Panes: what one source partition knows of each series in each window (W1, W3, W4).

A result is placed by its instant into every window by itself. A window is closed for a
conversation whose clock has passed its end by more than the allowed lateness; what comes later
still enters the coarser windows that are open, and `total`.
"""

from collections import defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple, TypeVar

from carewatch.domain.aggregates import (
    Accumulator,
    Count,
    Distribution,
    Gauge,
    Instant,
    Ratio,
    Total,
)
from carewatch.domain.metric import TUMBLING, Kind, Metric

Labels = tuple[str, ...]
_Pane = TypeVar("_Pane", bound=Accumulator)


class PaneKey(NamedTuple):
    """A metric with its label values, a window and its start (None for `total` and `now`)."""

    metric: str
    labels: Labels
    window: str
    start: int | None


def sort_key(key: PaneKey) -> tuple[str, Labels, str, int]:
    """A total order, so that what is published at a tick does not depend on hashing."""
    return key.metric, key.labels, key.window, -1 if key.start is None else key.start


class Panes:
    """The panes of one source partition.

    `changed` are those that the next tick publishes.
    """

    def __init__(self) -> None:
        self.panes: dict[PaneKey, Accumulator] = {}
        self.changed: set[PaneKey] = set()
        self._touched: set[PaneKey] = set()
        self._dropped: set[PaneKey] = set()
        self._instants: defaultdict[PaneKey, _Least] = defaultdict(_Least)
        self._ends: list[tuple[int, str, Labels, str, int]] = []

    def restore(self, key: PaneKey, pane: Accumulator, *, changed: bool) -> None:
        """Takes a pane back from its row."""
        self._put(key, pane)
        if changed:
            self.changed.add(key)

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
        """Adds a duration or a count (`sign` -1 takes it back) to every window that is open.

        Of a ratio `amount` is added to the part and `of` to the whole.

        Windows that ended before `open_from` are closed. Says whether the one-minute window was.
        """
        missed = False
        for window, size in TUMBLING.items():
            if window not in metric.windows:
                continue
            start = at - at % size
            if start + size < open_from:
                missed = missed or window == "1m"
                continue
            self._add(PaneKey(metric.id, labels, window, start), metric.kind, amount, sign, of)
        if "total" in metric.windows:
            self._add(PaneKey(metric.id, labels, "total", None), metric.kind, amount, sign, of)
        return missed

    def shift(self, metric: str, labels: Labels, by: int) -> None:
        """Moves a gauge."""
        key = PaneKey(metric, labels, "now", None)
        pane = self.panes.get(key)
        if not isinstance(pane, Gauge):
            pane = self._put(key, Gauge())
        pane.value += by
        self._mark(key)

    def hold(self, metric: str, labels: Labels, at: int, by: int, *, quiet: bool = False) -> None:
        """Adds (`by` 1) or removes (-1) an instant of which the least is shown.

        `quiet` rebuilds what a row already says.
        """
        key = PaneKey(metric, labels, "now", None)
        least = self._instants[key]
        least.add(at, by)
        if quiet:
            return
        pane = self.panes.get(key)
        if not isinstance(pane, Instant):
            pane = self._put(key, Instant())
        if pane.at != least.value():
            pane.at = least.value()
            self._mark(key)

    def take_changed(self) -> Iterator[tuple[PaneKey, Accumulator]]:
        """What changed since the last tick, in a fixed order."""
        changed = sorted(self.changed, key=sort_key)
        self.changed.clear()
        self._touched.update(changed)
        for key in changed:
            yield key, self.panes[key]

    def take_touched(self) -> Iterator[tuple[PaneKey, Accumulator, bool]]:
        """The panes whose rows must be written, and whether each is still to be published."""
        touched = sorted(self._touched, key=sort_key)
        self._touched.clear()
        for key in touched:
            yield key, self.panes[key], key in self.changed

    def take_dropped(self) -> list[PaneKey]:
        """The panes that were forgotten since the last call."""
        dropped = sorted(self._dropped, key=sort_key)
        self._dropped.clear()
        return dropped

    def close(self, open_from: int) -> None:
        """Forgets the windows that ended before `open_from`: nothing can reach them any more."""
        while self._ends and self._ends[0][0] < open_from:
            _, metric, labels, window, start = heappop(self._ends)
            key = PaneKey(metric, labels, window, start)
            if self.panes.pop(key, None) is not None:
                self.changed.discard(key)
                self._touched.discard(key)
                self._dropped.add(key)

    def _add(self, key: PaneKey, kind: Kind, amount: int, sign: int, of: int) -> None:
        pane = self.panes.get(key)
        if pane is None:
            pane = self._put(key, _new(kind, key.window))
        if isinstance(pane, Count):
            pane.add(sign * amount)
        elif isinstance(pane, Ratio):
            pane.add(amount, of, sign)
        elif isinstance(pane, Distribution | Total):
            pane.add(amount, sign)
        self._mark(key)

    def _put(self, key: PaneKey, pane: _Pane) -> _Pane:
        self.panes[key] = pane
        self._dropped.discard(key)
        if key.start is not None:
            end = key.start + TUMBLING[key.window]  # type: ignore[index]
            heappush(self._ends, (end, key.metric, key.labels, key.window, key.start))
        return pane

    def _mark(self, key: PaneKey) -> None:
        self.changed.add(key)
        self._touched.add(key)


class _Least:
    """A multiset of instants that knows its least; removals are lazy."""

    __slots__ = ("_counts", "_heap")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._heap: list[int] = []

    def add(self, at: int, by: int) -> None:
        count = self._counts.get(at, 0)
        if count == 0 and by > 0:
            heappush(self._heap, at)
        if count + by:
            self._counts[at] = count + by
        else:
            del self._counts[at]

    def value(self) -> int | None:
        while self._heap and self._heap[0] not in self._counts:
            heappop(self._heap)
        return self._heap[0] if self._heap else None


def _new(kind: Kind, window: str) -> Accumulator:
    if kind is Kind.DISTRIBUTION:
        return Total() if window == "total" else Distribution()
    return Ratio() if kind is Kind.RATIO else Count()
