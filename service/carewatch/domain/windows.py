"""Panes: what one source partition knows of each series in each window (W1, W3, W4).

A result is placed by its instant into every window by itself. A window is closed for a
conversation whose clock has passed its end (a cohort's: plus its horizon) by more than the allowed
lateness; what comes later still enters the coarser windows that are open, and `total`.

Most results fall into the window in which the last one of their series fell, so a series keeps
its newest pane of every size at hand.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, NamedTuple, Protocol

from carewatch.domain.aggregates import (
    Accumulator,
    Ages,
    Count,
    Deadlines,
    Distribution,
    Gauge,
    Instant,
    Ratio,
    Total,
    bucket_index,
)
from carewatch.domain.days import Day, Days
from carewatch.domain.metric import TUMBLING, Kind, Metric
from carewatch.domain.policy import Books

Labels = tuple[str, ...]
_NEVER: Final = -(2**62)
_EVER: Final = 2**62
_TOTAL: Final = "total"
_SPREAD: Final = (Distribution, Total)


class PaneKey(NamedTuple):
    """A metric with its label values, a window and its start (None for `total` and `now`)."""

    metric: str
    labels: Labels
    window: str
    start: int | None


def sort_key(key: PaneKey) -> tuple[str, Labels, str, int]:
    """A total order, so that what is published at a tick does not depend on hashing."""
    return key.metric, key.labels, key.window, -1 if key.start is None else key.start


class Pane:
    """A pane and what is to be done with it.

    `end` is the first instant after its window; of a gauge that stands at nothing, the instant
    from which on it may be forgotten; else None. `changed`: the next tick publishes it; `touched`:
    the next flush writes its row.
    """

    __slots__ = ("body", "changed", "dropped", "end", "key", "touched")

    def __init__(self, key: PaneKey, body: Accumulator, end: int | None) -> None:
        self.key = key
        self.body = body
        self.end = end
        self.changed = False
        self.touched = False
        self.dropped = False

    @property
    def rank(self) -> tuple[str, Labels, str, int]:
        """Its place among all panes."""
        return sort_key(self.key)


class _Newest:
    """Of one series and window, the pane with the latest start; `size` is None for days and ever.

    What has no end is the newest of its kind for good.
    """

    __slots__ = ("end", "pane", "size", "start", "window")

    def __init__(self, window: str) -> None:
        self.window = window
        self.size = TUMBLING.get(window)  # type: ignore[call-overload]
        self.start = self.end = _NEVER
        self.pane: Pane | None = None


class CutsDays(Protocol):
    """Knows in which local day of a tenant an instant lies."""

    def day(self, tenant: str, at: int) -> Day:
        """The day, by its start and its end."""


class Panes:
    """The panes of one source partition; `days` cuts the days of tenants."""

    def __init__(self) -> None:
        self.days: CutsDays = Days(Books())
        self.closed_before = _NEVER
        self._panes: dict[PaneKey, Pane] = {}
        self._series: dict[tuple[str, Labels], list[_Newest]] = {}
        self._changed: list[Pane] = []
        self._touched: list[Pane] = []
        self._dropped: set[PaneKey] = set()
        self._closing: list[tuple[int, PaneKey]] = []

    @property
    def has_changed(self) -> bool:
        """Whether the next tick publishes something."""
        return bool(self._changed)

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

        Windows that ended before `open_from` are closed, those of a cohort its horizon later.
        Says whether the one-minute window was.
        """
        series = self._series.get((metric.id, labels))
        if series is None:
            series = [_Newest(name) for name in metric.windows]
            self._series[metric.id, labels] = series
        index = bucket_index(amount) if metric.kind is Kind.DISTRIBUTION else 0
        open_from = max(open_from, self.closed_before) - metric.horizon_ms
        missed = False
        for newest in series:
            pane = newest.pane
            if pane is None or not newest.start <= at < newest.end:
                pane = self._at(metric, labels, newest, at, open_from)
            elif newest.end < open_from:
                pane = None
            if pane is None:
                missed = missed or newest.window == "1m"
                continue
            body = pane.body
            if isinstance(body, Count):
                body.add(sign * amount)
            elif isinstance(body, _SPREAD):
                body.put(index, amount, sign)
            elif isinstance(body, Ratio):
                body.add(amount, of, sign)
            if not (pane.changed and pane.touched):
                self.mark(pane)
        return missed

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
        changed = sorted((one for one in self._changed if not one.dropped), key=_rank)
        self._changed.clear()
        for pane in changed:
            pane.changed = False
            self.touch(pane)
        return changed

    def take_touched(self) -> list[Pane]:
        """The panes whose rows must be written, in a fixed order."""
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
        self.closed_before = open_from
        while self._closing and self._closing[0][0] < open_from:
            pane = self._panes.get(heappop(self._closing)[1])
            if pane is not None:
                self.drop(pane)

    def __iter__(self) -> Iterator[Pane]:
        return iter(self._panes.values())

    def _at(
        self, metric: Metric, labels: Labels, newest: _Newest, at: int, open_from: int
    ) -> Pane | None:
        """The pane of the window that an instant lies in; None if that is closed."""
        if newest.window == _TOTAL:
            newest.pane = self._total(metric, labels)
            newest.start, newest.end = _NEVER, _EVER
            return newest.pane
        if newest.size is None:
            start, end = self.days.day(labels[0], at)
        else:
            start = at - at % newest.size
            end = start + newest.size
        if end < open_from:
            return None
        key = PaneKey(metric.id, labels, newest.window, start)
        pane = self._panes.get(key)
        if pane is None:
            pane = self.put(metric, key, _new(metric.kind, newest.window), end)
        if start >= newest.start:
            newest.start, newest.end, newest.pane = start, end, pane
        return pane

    def _total(self, metric: Metric, labels: Labels) -> Pane:
        key = PaneKey(metric.id, labels, _TOTAL, None)
        pane = self._panes.get(key)
        return self.put(metric, key, _new(metric.kind, _TOTAL), None) if pane is None else pane


def accumulator_type(kind: Kind, window: str) -> type[Accumulator]:
    """Which accumulator a kind of metric has in a window."""
    if kind is Kind.DISTRIBUTION and window == _TOTAL:
        return Total
    return _ACCUMULATORS[kind]


_ACCUMULATORS: Final[dict[Kind, type[Accumulator]]] = {
    Kind.DISTRIBUTION: Distribution,
    Kind.COUNT: Count,
    Kind.RATIO: Ratio,
    Kind.GAUGE: Gauge,
    Kind.INSTANT: Instant,
    Kind.AGES: Ages,
    Kind.DEADLINES: Deadlines,
}


def _new(kind: Kind, window: str) -> Accumulator:
    return accumulator_type(kind, window)()


def _rank(pane: Pane) -> tuple[str, Labels, str, int]:
    return pane.rank
