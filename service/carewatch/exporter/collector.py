"""The board as Prometheus families, built anew at every scrape (no instrument keeps a value)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from carewatch import __version__
from carewatch.domain.aggregates import CLASSIC, CLASSIC_BOUNDS_MS
from carewatch.domain.board import Snapshot
from carewatch.domain.known import NONE, Known, known_values
from carewatch.domain.metric import BASE_LABELS
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Aged, Moment, Point, Spread, Tally
from carewatch.exporter.families import FAMILIES, Family, Source

PLACE = BASE_LABELS[:3]
_BOUNDS = (*(str(bound / 1000) for bound in CLASSIC_BOUNDS_MS), "+Inf")

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one scrape shows."""

    snapshot: Snapshot
    tenants: tuple[str, ...] = ()
    unreadable: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Records that were passed over, by topic and reason."""


class BoardCollector(Collector):
    """Builds the families of the newest view that `view` returns."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not build the families."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families; each label set once, in order."""
        view = self._view()
        known = known_values(view.snapshot.rulebook, view.tenants)
        exposed = 0
        for family in (*_business(view.snapshot, known), *_pipeline(view, known)):
            exposed += len(family.samples)
            yield family
        yield _gauge(
            "care_exposed_series", "Series of the board on this page.", {(): exposed}, labels=()
        )


@dataclass(slots=True)
class _Sum:
    """A classic histogram of gross values: counts per bucket and the sum in milliseconds."""

    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    sum_ms: int = 0

    def add(self, spread: Spread) -> None:
        self.sum_ms += spread.sum
        for place, count in enumerate(spread.classic or ()):
            self.counts[place] += count


def seconds(ms: int) -> float:
    """Seconds whose shortest text is the exact decimal of the milliseconds."""
    return ms / 1000


def _business(snapshot: Snapshot, known: Known) -> Iterator[Metric]:
    by_metric: dict[str, list[Point]] = {}
    for window in ("total", "now"):
        for point in snapshot.points(window):
            by_metric.setdefault(point.metric, []).append(point)
    places = known.places(snapshot)
    for family in FAMILIES:
        match family.kind:
            case "histogram":
                yield _histogram(family, by_metric, known, places)
            case "counter":
                counts = _tallies(family, by_metric, known, places)
                yield _counter(family.name, family.help, counts, (*PLACE, *family.labels))
            case "gauge":
                counts = _tallies(family, by_metric, known, places)
                yield _gauge(family.name, family.help, counts, labels=(*PLACE, *family.labels))
            case "ages":
                yield _ages(family, by_metric, known, places)
            case "instant":
                yield _gauge(
                    family.name,
                    family.help,
                    {labels: seconds(at) for labels, at in _least(family, by_metric, known)},
                    labels=(*PLACE, *family.labels),
                )


def _shown(family: Family, source: Source, point: Point, known: Known) -> Labels | None:
    """The label values under which a point is shown; None when the source doesn't pick it."""
    own = dict(zip(BY_ID[point.metric].labels, point.labels[len(BASE_LABELS) :], strict=True))
    if any(own[name] != value for name, value in source.picks.items()):
        return None
    tenant, channel, queue = point.labels[:3]
    added = tuple(
        source.adds[name] if name in source.adds else known.value(name, own[name])
        for name in family.labels
    )
    return (*known.place(tenant, channel, queue), *added)


def _zeros(
    family: Family, source: Source, known: Known, places: list[tuple[str, str, str]]
) -> Iterator[Labels]:
    own = BY_ID[source.metric].labels
    for combination in known.combinations(() if source.picks else own):
        values = {**dict(zip(own, combination, strict=False)), **source.adds}
        for place in places:
            if not family.by_queue and place[2] != NONE:
                continue
            yield (*place, *(values[name] for name in family.labels))


def _tallies(
    family: Family,
    by_metric: Mapping[str, list[Point]],
    known: Known,
    places: list[tuple[str, str, str]],
) -> dict[Labels, int]:
    counts: dict[Labels, int] = {}
    for source in family.sources:
        counts |= dict.fromkeys(_zeros(family, source, known, places), 0)
        for point in by_metric.get(source.metric, ()):
            value = point.gross if family.kind == "counter" else point.value
            labels = _shown(family, source, point, known)
            if labels is not None and isinstance(value, Tally):
                counts[labels] = counts.get(labels, 0) + value.value
    return counts


def _least(
    family: Family, by_metric: Mapping[str, list[Point]], known: Known
) -> list[tuple[Labels, int]]:
    least: dict[Labels, int] = {}
    for source in family.sources:
        for point in by_metric.get(source.metric, ()):
            labels = _shown(family, source, point, known)
            at = point.value.at if isinstance(point.value, Moment) else None
            if labels is not None and at is not None:
                least[labels] = min(at, least.get(labels, at))
    return list(least.items())


def _histogram(
    family: Family,
    by_metric: Mapping[str, list[Point]],
    known: Known,
    places: list[tuple[str, str, str]],
) -> Metric:
    sums: dict[Labels, _Sum] = {}
    for source in family.sources:
        for labels in _zeros(family, source, known, places):
            sums.setdefault(labels, _Sum())
        for point in by_metric.get(source.metric, ()):
            shown = _shown(family, source, point, known)
            if shown is not None and isinstance(point.gross, Spread):
                sums.setdefault(shown, _Sum()).add(point.gross)
    metric = HistogramMetricFamily(family.name, family.help, labels=(*PLACE, *family.labels))
    for labels, one in sorted(sums.items()):
        metric.add_metric(
            labels, list(zip(_BOUNDS, accumulate(one.counts), strict=True)), seconds(one.sum_ms)
        )
    return metric


def _ages(
    family: Family,
    by_metric: Mapping[str, list[Point]],
    known: Known,
    places: list[tuple[str, str, str]],
) -> Metric:
    """A gauge histogram; it has buckets alone, since ages that grow have no sum that stands."""
    counts: dict[Labels, list[int]] = {}
    for source in family.sources:
        for labels in _zeros(family, source, known, places):
            counts.setdefault(labels, [0] * CLASSIC)
        for point in by_metric.get(source.metric, ()):
            shown = _shown(family, source, point, known)
            if shown is not None and isinstance(point.value, Aged):
                before = counts.get(shown, [0] * CLASSIC)
                counts[shown] = [a + b for a, b in zip(before, point.value.classic, strict=True)]
    names = (*PLACE, *family.labels)
    metric = Metric(family.name, family.help, "gaugehistogram")
    for labels, one in sorted(counts.items()):
        for bound, count in zip(_BOUNDS, accumulate(one), strict=True):
            said = {**dict(zip(names, labels, strict=True)), "le": bound}
            metric.add_sample(f"{family.name}_bucket", said, count)
    return metric


def _counter(name: str, help_: str, counts: Mapping[Labels, int], labels: Labels) -> Metric:
    metric = CounterMetricFamily(name, help_, labels=labels)
    for values, count in sorted(counts.items()):
        metric.add_metric(values, count)
    return metric


def _gauge(name: str, help_: str, values: Mapping[Labels, float], *, labels: Labels) -> Metric:
    metric = GaugeMetricFamily(name, help_, labels=labels)
    for one, value in sorted(values.items()):
        metric.add_metric(one, value)
    return metric


def _pipeline(view: View, known: Known) -> Iterator[Metric]:
    snapshot = view.snapshot
    for metric in ("watermark", "heartbeat"):
        instants = sorted(snapshot.instants(metric).items(), key=lambda one: (len(one[0]), one))
        family = GaugeMetricFamily(
            f"care_{metric}_timestamp_seconds", BY_ID[metric].help, labels=("partition",)
        )
        for partition, at in instants:
            family.add_metric((partition,), seconds(at))
        yield family
    if snapshot.data_at is not None:
        yield _gauge(
            "care_board_data_timestamp_seconds",
            "Log time of the newest result that this board has read.",
            {(): seconds(snapshot.data_at)},
            labels=(),
        )
    yield _gauge(
        "care_board_relabelled_points",
        "Points shown as `other`, since the rulebook does not name their label values.",
        {(): sum(1 for point in _business_points(snapshot) if _is_relabelled(point, known))},
        labels=(),
    )
    yield _counter(
        "care_board_unreadable_records_total",
        "Records of care.metrics and care.rulebooks that this board passed over.",
        view.unreadable,
        ("topic", "reason"),
    )
    build = InfoMetricFamily("care_build", "The version that runs.")
    build.add_metric((), {"version": __version__})
    yield build


def _business_points(snapshot: Snapshot) -> Iterator[Point]:
    for window in ("total", "now"):
        for point in snapshot.points(window):
            if BY_ID[point.metric].labels != ("partition",):
                yield point


def _is_relabelled(point: Point, known: Known) -> bool:
    tenant, channel, queue = point.labels[:3]
    own = zip(BY_ID[point.metric].labels, point.labels[len(BASE_LABELS) :], strict=True)
    return known.place(tenant, channel, queue) != (tenant, channel, queue) or any(
        known.value(name, value) != value for name, value in own
    )
