"""Series: a result falls into a minute, an hour, a day; each window takes it by itself (W1, W4).

Carrying a result into six windows is the dearest thing that is done with it. But nearly all results
of a series fall into the windows into which the last one fell. So a series only gathers those, and
pours them into the panes when somebody looks: a tick or a flush. It pours in order of arrival, so
that a pane holds the same bytes whoever looked, and when.
"""

from typing import Final, Protocol

from carewatch.domain.aggregates import Count, Distribution, Ratio, Total, bucket_index, summed
from carewatch.domain.days import Day
from carewatch.domain.metric import TUMBLING, Metric
from carewatch.domain.pane import TOTAL, Labels, Pane, PaneKey

_NEVER: Final = -(2**62)
_EVER: Final = 2**62
_SPREAD: Final = (Distribution, Total)

Told = tuple[int, int, int]
"""Amount (of a ratio: the part), whole, and sign."""


class CutsDays(Protocol):
    """Knows in which local day of a tenant an instant lies."""

    def day(self, tenant: str, at: int) -> Day:
        """The day, by its start and its end."""


class KeepsPanes(Protocol):
    """Where panes are kept, and what is to be done with them."""

    days: CutsDays

    def open(self, metric: Metric, key: PaneKey, end: int | None) -> Pane:
        """The pane of that name, a new one if nothing was counted there."""

    def mark(self, pane: Pane) -> None:
        """The pane is not any more what was published and written of it."""

    def await_look(self, series: "Series") -> None:
        """The series has gathered something: pour it before anybody looks at a pane."""


class _Newest:
    """Of one window, the pane with the latest start; `size` is None for days and ever."""

    __slots__ = ("end", "pane", "size", "start", "window")

    def __init__(self, window: str) -> None:
        self.window = window
        self.size = TUMBLING.get(window)  # type: ignore[call-overload]
        self.start = self.end = _NEVER
        self.pane: Pane | None = None


class Series:
    """One metric with one set of label values, and the newest pane of each of its windows."""

    __slots__ = (
        "_closes",
        "_gathered",
        "_horizon",
        "_keeper",
        "_labels",
        "_metric",
        "_newest",
        "_since",
        "_until",
    )

    def __init__(self, keeper: KeepsPanes, metric: Metric, labels: Labels) -> None:
        self._keeper = keeper
        self._metric = metric
        self._labels = labels
        self._horizon = metric.horizon_ms
        self._newest = [_Newest(name) for name in metric.windows]
        self._gathered: list[Told] = []
        # What falls from `_since` to before `_until` lies in the newest pane of every window; for
        # whom windows that ended before `_closes` are open, all of these are.
        self._since = self._until = _EVER
        self._closes = _NEVER

    def add(self, at: int, amount: int, sign: int, open_from: int, of: int = 0) -> bool:
        """Adds a duration or a count (`sign` -1 takes it back) to every window that is open.

        Of a ratio `amount` is added to the part and `of` to the whole. Windows that ended before
        `open_from` are closed, those of a cohort its horizon later; it is never before the instant
        up to which the keeper has closed windows for good. Says whether the one-minute window was
        closed.
        """
        if self._since <= at < self._until and open_from <= self._closes:
            if not self._gathered:
                self._keeper.await_look(self)
            self._gathered.append((amount, of, sign))
            return False
        self.pour()
        missed = self._add_by_window(at, (amount, of, sign), open_from - self._horizon)
        self._since = max(newest.start for newest in self._newest)
        self._until = min(newest.end for newest in self._newest)
        self._closes = self._until + self._horizon
        return missed

    def pour(self) -> None:
        """Adds what was gathered to the panes that it falls into."""
        if self._gathered:
            told, self._gathered = self._gathered, []
            panes = [newest.pane for newest in self._newest if newest.pane is not None]
            _pour(told, panes)
            for pane in panes:
                if not (pane.changed and pane.touched):
                    self._keeper.mark(pane)

    def _add_by_window(self, at: int, told: Told, open_from: int) -> bool:
        missed = False
        for newest in self._newest:
            pane = newest.pane
            if pane is None or not newest.start <= at < newest.end:
                pane = self._at(newest, at, open_from)
            elif newest.end < open_from:
                pane = None
            if pane is None:
                missed = missed or newest.window == "1m"
                continue
            _pour([told], [pane])
            self._keeper.mark(pane)
        return missed

    def _at(self, newest: _Newest, at: int, open_from: int) -> Pane | None:
        """The pane of the window that an instant lies in; None if that is closed."""
        start: int | None
        if newest.window == TOTAL:
            start, end = None, _EVER
        elif newest.size is None:
            start, end = self._keeper.days.day(self._labels[0], at)
        else:
            start = at - at % newest.size
            end = start + newest.size
        if end < open_from:
            return None
        key = PaneKey(self._metric.id, self._labels, newest.window, start)
        pane = self._keeper.open(self._metric, key, None if start is None else end)
        since = _NEVER if start is None else start
        if since >= newest.start:
            newest.start, newest.end, newest.pane = since, end, pane
        return pane


def _pour(told: list[Told], panes: list[Pane]) -> None:
    """Adds the same to several panes of one series; what they have in common is worked out once."""
    kind = type(panes[0].body)
    if kind is Count:
        counted = Count()
        for amount, _, sign in told:
            counted.add(sign * amount)
        for pane in panes:
            if isinstance(pane.body, Count):
                pane.body.merge(counted)
    elif kind is Ratio:
        shared = Ratio()
        for amount, of, sign in told:
            shared.add(amount, of, sign)
        for pane in panes:
            if isinstance(pane.body, Ratio):
                pane.body.merge(shared)
    else:
        spread = [(bucket_index(amount), amount, sign) for amount, _, sign in told]
        added = summed(spread)
        for pane in panes:
            if isinstance(pane.body, _SPREAD):
                pane.body.put_all(spread, added)
