"""The metric points that must stand (section 6): windows, rolling windows, totals and gauges."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from carewatch.verify.buckets import summary
from carewatch.verify.days import Day
from carewatch.verify.history import Change, Entry, Labels
from carewatch.verify.instants import DAY, HOUR, MINUTE, written
from carewatch.verify.measures import MEASURES, ROLLING, SIZES

KEPT = {"1m": 26 * HOUR, "5m": 3 * DAY, "15m": 7 * DAY, "1h": 60 * DAY, "1d": 400 * DAY}
"""How long points stand after the end of their window, by the watermark (W12)."""

Key = tuple[str, str, str | None, Labels]
"""Metric, window, start as written (of rolling windows None), labels."""


@dataclass(slots=True)
class Pane:
    """What one point adds up: how often each value was added, and how often taken back."""

    end: int = 0
    added: Counter[tuple[int, int]] = field(default_factory=Counter)
    taken: Counter[tuple[int, int]] = field(default_factory=Counter)

    def net(self) -> Counter[tuple[int, int]]:
        """The values that stand; what was taken back of a closed window stays in it."""
        found = Counter(self.added)
        found.subtract(self.taken)
        return found


class Points:
    """Adds up; `stand` gives the points by key, without revision and pane."""

    def __init__(self, day: Day, lateness: int) -> None:
        """`lateness`: the longest that a window of any profile stays open."""
        self._day, self._lateness = day, lateness
        self._panes: dict[Key, Pane] = {}

    def add(self, change: Change) -> None:
        """Puts a change into every window that is open for its conversation (W4)."""
        missed = False
        for entry in change.entries:
            horizon = MEASURES[entry.metric].horizon
            for window, start, end in self._windows(entry):
                if window == "total" or change.clock <= end + horizon + change.lateness:
                    self._put(entry, window, start, end, change.sign)
                elif window == "1m":
                    missed = True
        if missed:
            self.count("late_facts", _of(change), change.clock)
        if change.sign < 0 and change.corrects is not None:
            tenant, channel = change.labels[0][1], change.labels[1][1]
            labels = plain(tenant, channel, ("corrected_metric", change.corrects))
            self.count("corrections", labels, change.clock)

    def count(self, metric: str, labels: Labels, at: int) -> None:
        """Something of the pipeline itself, counted once and never taken back."""
        entry = Entry(metric, labels, at, 1)
        for window, start, end in self._windows(entry):
            self._put(entry, window, start, end, 1)

    def _windows(self, entry: Entry) -> Iterator[tuple[str, int, int]]:
        """The windows an entry belongs to: a window holds start <= t < end (W1)."""
        for window in MEASURES[entry.metric].windows:
            if window == "total":
                yield window, 0, 0
            elif window == "1d":
                yield window, *self._day(dict(entry.labels)["tenant"], entry.at)
            else:
                start = entry.at - entry.at % SIZES[window]
                yield window, start, start + SIZES[window]

    def _put(self, entry: Entry, window: str, start: int, end: int, sign: int) -> None:
        key = (
            entry.metric,
            window,
            None if window == "total" else written(start),
            tuple(sorted(entry.labels)),
        )
        pane = self._panes.setdefault(key, Pane(end))
        n, d = entry.n, entry.d
        if n < 0 and MEASURES[entry.metric].kind == "count":
            n, sign = -n, -sign  # what is taken off by counting is taken off
        (pane.added if sign > 0 else pane.taken)[n, d] += 1

    def stand(self, watermark: int) -> dict[Key, dict[str, Any]]:
        """The points that stand at a watermark; those past their retention are gone (W12)."""
        found: dict[Key, dict[str, Any]] = {}
        for key, pane in self._panes.items():
            metric, window, _, _ = key
            if window != "total" and watermark >= pane.end + KEPT[window]:
                continue
            total = window == "total"
            net = _fields(metric, pane.net(), exact=False, classic=total)
            if total:
                net["gross"] = _fields(metric, pane.added, exact=True, classic=True)
            found[key] = net | {"end": None if total else written(pane.end)}
            horizon = MEASURES[metric].horizon
            if window == "1d" and horizon and watermark <= pane.end + horizon + self._lateness:
                found[key]["provisional"] = True
        return found | self._roll(watermark - watermark % MINUTE)

    def _roll(self, until: int) -> dict[Key, dict[str, Any]]:
        """The rolling windows up to a whole minute (W8), where anything is in them."""
        held: dict[Key, Pane] = {}
        for (metric, window, _, labels), pane in self._panes.items():
            for name, size in ROLLING.items() if window == "1m" else ():
                if until - size < pane.end <= until:
                    one = held.setdefault((metric, name, None, labels), Pane(until))
                    one.added.update(pane.added)
                    one.taken.update(pane.taken)
        found: dict[Key, dict[str, Any]] = {}
        for key, pane in held.items():
            net = _fields(key[0], pane.net(), exact=False, classic=False)
            start = written(until - ROLLING[key[1]])
            found[key] = net | {"start": start, "end": written(until)}
        return found


def plain(tenant: str, channel: str, *further: tuple[str, str]) -> Labels:
    """Labels of what is counted per tenant and channel only (5.6)."""
    return (
        ("tenant", tenant),
        ("channel", channel),
        ("queue", "none"),
        ("priority", "normal"),
        *further,
    )


def _of(change: Change) -> Labels:
    return plain(change.labels[0][1], change.labels[1][1])


def _fields(
    metric: str, values: Counter[tuple[int, int]], *, exact: bool, classic: bool
) -> dict[str, Any]:
    n = sum(n * times for (n, _), times in values.items())
    match MEASURES[metric].kind:
        case "time" | "spread":
            counted: Counter[int] = Counter()
            for (value, _), times in values.items():
                counted[value] += times
            timed = MEASURES[metric].kind == "time"
            return summary(counted, exact=exact, classic=classic and timed, timed=timed)
        case "ratio":
            return {"n": n, "d": sum(d * times for (_, d), times in values.items())}
        case _:
            return {"value": n}
