"""Metric points: what merge publishes of one series and window, and the board folds.

A point is the published form of an accumulator: percentiles and bounds are worked out once, here,
so that every reader shows the same numbers.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from carewatch.domain.aggregates import (
    Accumulator,
    Ages,
    Count,
    Deadline,
    Deadlines,
    Distribution,
    Gauge,
    Instant,
    Ratio,
    Total,
    bucket_bounds,
    bucket_middle,
)
from carewatch.domain.metric import DAY, ROLLING, TUMBLING, Unit

Pane = Literal["early", "on_time", "late"]
"""The edition of a point: while its window is open, complete, corrected afterwards."""

PERCENTILES: tuple[int, ...] = (500, 900, 950, 990)
"""Per mille, in the order of the fields p50, p90, p95, p99."""


class Spread(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A distribution in milliseconds; `min` to `p99` are None when `count` is 0.

    `buckets` are (log-linear index, count) by index; `classic` are 33 counts, one for each
    `CLASSIC_BOUNDS_MS` and one beyond, each for itself (not cumulative).
    """

    count: int
    sum: int
    min: int | None
    max: int | None
    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None
    buckets: tuple[tuple[int, int], ...]
    classic: tuple[int, ...] | None = None


class Tally(msgspec.Struct, frozen=True, gc=False):
    """A count, or how many there are now."""

    value: int


class Share(msgspec.Struct, frozen=True, gc=False):
    """A ratio: `n` of `d`."""

    n: int
    d: int


class Moment(msgspec.Struct, frozen=True, gc=False):
    """An instant in milliseconds; None says that there is none (any more)."""

    at: int | None


class Aged(msgspec.Struct, frozen=True, gc=False):
    """How many there are now, and in each classic bucket of how long ago they began."""

    value: int
    classic: tuple[int, ...]


class Soonest(msgspec.Struct, frozen=True, gc=False):
    """The soonest deadlines now, in order."""

    due: tuple[Deadline, ...]


Value = Spread | Tally | Share | Moment | Aged | Soonest


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest record of one series, window and start is the truth.

    `labels` are the values of BASE_LABELS and then of the metric's own, in the catalogue's order.
    `start` is None for `total` and `now`. `ends` is the first instant after a window whose name
    does not tell its length: a day, or the last minutes. `time` is the log time of the emission.
    `gross` (in `total` only) leaves withdrawals out and never decreases. `provisional`: of a
    cohort, while its day can still change.
    """

    metric: str
    labels: tuple[str, ...]
    window: str
    start: int | None
    pane: Pane
    revision: int
    time: int
    value: Value
    gross: Value | None = None
    ends: int | None = None
    provisional: bool = False

    @property
    def end(self) -> int | None:
        """First instant after the window; None for `total` and `now`."""
        return window_end(self.window, self.start) if self.ends is None else self.ends


def window_end(window: str, start: int | None) -> int | None:
    """First instant after a window aligned to UTC; None for others."""
    for name, size in TUMBLING.items():
        if name == window and start is not None:
            return start + size
    return None


def aligned(window: str, start: int | None, end: int | None) -> bool:
    """Whether start and end fit the window, which has them unless it is `total` or `now`.

    `end` is what is told of a window whose name does not tell its length.
    """
    for name, size in TUMBLING.items():
        if name == window:
            return start is not None and start % size == 0
    if window == DAY or window in ROLLING:
        return start is not None and end is not None and start < end
    return start is None and end is None


def spread_of(
    distribution: Distribution,
    *,
    classic: list[int] | None = None,
    exact: tuple[int | None, int | None] | None = None,
) -> Spread:
    """Percentiles by nearest rank, each the middle of its bucket (within 1.6 %).

    Least and greatest value are bucket bounds, since a withdrawal may have taken the extreme
    away, unless `exact` ones are known.
    """
    ordered = sorted(distribution.buckets.items())
    ranks = [max(1, -(-distribution.count * p // 1000)) for p in PERCENTILES]
    found: list[int | None] = []
    seen = 0
    if distribution.count > 0:
        for index, n in ordered:
            seen += n
            while len(found) < len(ranks) and seen >= ranks[len(found)]:
                found.append(bucket_middle(index))
    found += [None] * (len(ranks) - len(found))
    if exact is not None:
        low, high = exact
    elif ordered:
        low, high = bucket_bounds(ordered[0][0])[0], bucket_bounds(ordered[-1][0])[1]
    else:
        low, high = None, None
    return Spread(
        count=distribution.count,
        sum=distribution.sum,
        min=low,
        max=high,
        p50=found[0],
        p90=found[1],
        p95=found[2],
        p99=found[3],
        buckets=tuple(ordered),
        classic=None if classic is None else tuple(classic),
    )


def add_spreads(spreads: Iterable[Spread]) -> Spread:
    """The distribution of several together: buckets are added, so percentiles stay exact."""
    total = Distribution()
    for spread in spreads:
        total.merge(Distribution(spread.count, spread.sum, dict(spread.buckets)))
    return spread_of(total)


def values_of(
    accumulator: Accumulator, window: str, unit: Unit = "ms"
) -> tuple[Value, Value | None]:
    """What a point says of an accumulator: the net value, and in `total` the gross one.

    Only durations have classic buckets: their bounds are times.
    """
    match accumulator:
        case Total():
            timed = unit == "ms"
            return (
                spread_of(accumulator.net, classic=accumulator.net_classic if timed else None),
                spread_of(
                    accumulator.gross,
                    classic=accumulator.gross_classic if timed else None,
                    exact=(accumulator.gross_min, accumulator.gross_max),
                ),
            )
        case Distribution():
            return spread_of(accumulator), None
        case Count():
            gross = Tally(accumulator.gross) if window == "total" else None
            return Tally(accumulator.value), gross
        case Ratio():
            whole = Share(accumulator.gross_n, accumulator.gross_d) if window == "total" else None
            return Share(accumulator.n, accumulator.d), whole
        case Gauge():
            return Tally(accumulator.value), None
        case Instant():
            return Moment(accumulator.at), None
        case Ages():
            return Aged(accumulator.value, tuple(accumulator.classic)), None
        case Deadlines():
            return Soonest(tuple(accumulator.due)), None
