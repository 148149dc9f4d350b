"""What a computed metric is: its kind, unit, clock, anchor, windows and labels, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal


class Kind(StrEnum):
    """What the value of a metric is; decides the accumulator and the fields of a point."""

    DISTRIBUTION = "distribution"  # count, sum, min, max, percentiles, buckets
    COUNT = "count"  # an integer that is added up
    RATIO = "ratio"  # two integers, `n` and `d`; readers divide
    GAUGE = "gauge"  # how many now: an integer, source partitions are added
    INSTANT = "instant"  # a time now: `at`, the least of the source partitions; absent when none
    AGES = "ages"  # how many now, by how long ago they began: counts by age bucket
    DEADLINES = "deadlines"  # the soonest deadlines now, with their conversations


Unit = Literal["ms", "count", "permille", "ppm"]
Window = Literal["1m", "5m", "15m", "1h", "1d", "last_15m", "last_1h", "total", "now"]
Status = Literal["computed", "derived", "planned"]
"""`derived`: readers work it out from the points of `sources`; `planned`: not computed yet."""

TUMBLING: Final[dict[Window, int]] = {
    "1m": 60_000,
    "5m": 5 * 60_000,
    "15m": 15 * 60_000,
    "1h": 60 * 60_000,
}
"""Windows aligned to UTC, with their size in milliseconds."""

DAY: Final[Window] = "1d"
"""The tenant's local day: its start and end follow from the rulebook (W1)."""

ROLLING: Final[Mapping[str, int]] = {"last_15m": 15 * 60_000, "last_1h": 60 * 60_000}
"""Windows over the last whole minutes, of whatever has `1m` (W8), with their size."""

PER_FACT: Final[tuple[Window, ...]] = (*TUMBLING, DAY, "total")
COHORT: Final[tuple[Window, ...]] = (DAY, "total")
DAILY: Final[tuple[Window, ...]] = (DAY,)
LIVE: Final[tuple[Window, ...]] = ("now",)

BASE_LABELS: Final = ("tenant", "channel", "queue", "priority")
"""Labels that every metric carries, in this order; `none` where there is no value."""

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

BUSINESS: Final = "_business"
"""Ends the id of a duration's twin, which measures the same in business time (W2)."""

Sister = Literal["agent", "tag", "topic"]
"""A further label that gets a metric of its own, `<id>_by_<label>`, for `1d` and `now` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One computed metric; `labels` come after BASE_LABELS, in this order.

    `clock` says which time a duration is measured in: all of it, that of a schedule, or that of
    the promise it is about. `anchor` is the instant of a sample that decides its window: its end,
    what began it (the opening, for cohorts), or the present state. The day of a cohort closes
    `horizon_ms` later.
    """

    id: str
    kind: Kind
    unit: Unit
    help: str
    rules: str = ""
    clock: Literal["calendar", "business", "promise"] = "calendar"
    anchor: Literal["end", "opening", "now"] = "end"
    labels: tuple[str, ...] = ()
    windows: tuple[Window, ...] = PER_FACT
    horizon_ms: int = 0
    sisters: tuple[Sister, ...] = ()
    status: Status = "computed"
    sources: tuple[str, ...] = ()


def duration(
    id_: str, rules: str, help_: str, labels: tuple[str, ...] = (), **fields: object
) -> Metric:
    """A distribution of milliseconds; it has a twin in business time."""
    return _metric(id_, rules, help_, Kind.DISTRIBUTION, "ms", labels, **fields)


def spread(
    id_: str, rules: str, help_: str, unit: Unit = "count", labels: tuple[str, ...] = (),
    **fields: object,
) -> Metric:  # fmt: skip
    """A distribution of something else than time."""
    return _metric(id_, rules, help_, Kind.DISTRIBUTION, unit, labels, **fields)


def count(
    id_: str, rules: str, help_: str, labels: tuple[str, ...] = (), **fields: object
) -> Metric:
    """A count of what happened."""
    return _metric(id_, rules, help_, Kind.COUNT, "count", labels, **fields)


def ratio(
    id_: str, rules: str, help_: str, labels: tuple[str, ...] = (), **fields: object
) -> Metric:
    """Two counts, of which the first is a part of the second."""
    return _metric(id_, rules, help_, Kind.RATIO, "count", labels, **fields)


def gauge(
    id_: str, rules: str, help_: str, labels: tuple[str, ...] = (), kind: Kind = Kind.GAUGE,
    **fields: object,
) -> Metric:  # fmt: skip
    """What is the case now."""
    unit: Unit = "ms" if kind is Kind.INSTANT else "count"
    return _metric(id_, rules, help_, kind, unit, labels, anchor="now", windows=LIVE, **fields)


def cohort(metric: Metric, horizon_ms: int) -> Metric:
    """The same, placed at what began it, and provisional until `horizon_ms` later."""
    return replace(metric, anchor="opening", windows=COHORT, horizon_ms=horizon_ms)


def daily(metric: Metric, horizon_ms: int = 0) -> Metric:
    """The same for days alone, provisional until `horizon_ms` after each.

    For what other conversations of a customer may still change: of such a count no total grows
    steadily, whatever the order in which one hears of them.
    """
    return replace(metric, windows=DAILY, anchor="opening", horizon_ms=horizon_ms)


def derived(id_: str, rules: str, help_: str, *sources: str) -> Metric:
    """What readers work out from points of other metrics; it has none of its own."""
    return Metric(
        id=id_, kind=Kind.RATIO, unit="count", help=help_, rules=rules, windows=(),
        status="derived", sources=sources,
    )  # fmt: skip


def planned(metric: Metric) -> Metric:
    """Defined, and not computed yet."""
    return replace(metric, status="planned")


def family(metric: Metric) -> tuple[Metric, ...]:
    """A metric, the twin of a duration, and its sisters (with twins)."""
    if metric.status == "derived":
        return (metric,)
    out = list(_with_twin(metric))
    for name in metric.sisters:
        sister = replace(
            metric,
            id=f"{metric.id}_by_{name}",
            labels=(*metric.labels, name),
            windows=LIVE if metric.windows == LIVE else DAILY,
            sisters=(),
            help=f"`{metric.id}` by {name}.",
        )
        out.extend(_with_twin(sister))
    return tuple(out)


def _with_twin(metric: Metric) -> tuple[Metric, ...]:
    if metric.kind is not Kind.DISTRIBUTION or metric.unit != "ms" or metric.clock == "promise":
        return (metric,)
    says = f"`{metric.id}` in business time, where a schedule is in force."
    twin = replace(metric, id=metric.id + BUSINESS, help=says, clock="business", sisters=())
    return metric, twin


def _metric(
    id_: str, rules: str, help_: str, kind: Kind, unit: Unit, labels: tuple[str, ...],
    **fields: object,
) -> Metric:  # fmt: skip
    return Metric(id=id_, kind=kind, unit=unit, help=help_, rules=rules, labels=labels, **fields)  # type: ignore[arg-type]
