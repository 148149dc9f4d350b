"""Makes what a scrape shows of the board: every family, at every scrape from the points alone."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Final, Literal

from carewatch import __version__
from carewatch.domain.aggregates import CLASSIC
from carewatch.domain.board import Snapshot
from carewatch.domain.metric import DAY, HOUR_MS, ROLLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Aged, Moment, Point, Spread, Tally
from carewatch.exporter.families import FAMILIES, Family
from carewatch.exporter.label_sets import ByMetric, LabelSets, by_metric
from carewatch.exporter.promises import shown_promises
from carewatch.exporter.shown import PLACE, Buckets, Labels, Numbers, Shown, View, seconds
from carewatch.exporter.spreads import CLASSIC_TEXTS, Histograms, Percentiles

WINDOWS: Final = (*ROLLING, DAY)
"""Windows whose percentiles are shown."""

_LONGEST_DAY_MS: Final = 25 * HOUR_MS
_by_labels: Final = itemgetter(0)


class Showing:
    """Makes the families of one view after another; for one thread at a time."""

    def __init__(self) -> None:
        self._labels = LabelSets()
        self._histograms = Histograms()
        self._percentiles = Percentiles()

    def families(self, view: View) -> Iterator[Shown]:
        """All families; each label set once, in order."""
        self._labels.learn(view)
        ever = by_metric(view.snapshot.points("total"))
        now = by_metric(view.snapshot.points("now"))
        exposed = 0
        business = self._business(view.snapshot, ever, now)
        for family in (*business, *self._pipeline(view, ever, now)):
            exposed += family.samples
            yield family
        help_ = "Series of the board on this page."
        yield Numbers("care_exposed_series", "gauge", help_, (), {(): exposed})

    def _business(self, snapshot: Snapshot, ever: ByMetric, now: ByMetric) -> Iterator[Shown]:
        recent = {window: by_metric(snapshot.points(window)) for window in ROLLING}
        today = recent[DAY] = by_metric(_today(snapshot))
        for family in FAMILIES:
            names = (*PLACE, *family.labels)
            match family.kind:
                case "histogram":
                    parts = self._gross(family, ever)
                    yield self._histograms.timed(family.name, family.help, names, parts)
                case "scores":
                    parts = self._gross(family, ever)
                    yield self._histograms.marked(family.name, family.help, names, parts)
                case "counter":
                    yield _numbers(family, "counter", self._tallies(family, ever, gross=True))
                case "today":
                    yield _numbers(family, "gauge", self._tallies(family, today))
                case "gauge":
                    yield _numbers(family, "gauge", self._tallies(family, now))
                case "instant":
                    yield _numbers(family, "gauge", self._least(family, now))
                case "ages":
                    yield self._ages(family, now)
                case "percentiles":
                    found = self._ranks(family, recent)
                    yield _numbers(family, "gauge", found, "percentile", "window")
                case "samples":
                    yield _numbers(family, "gauge", self._samples(family, recent), "window")

    def _tallies(
        self, family: Family, points: ByMetric, *, gross: bool = False
    ) -> dict[Labels, int]:
        counts = dict(self._labels.in_advance(family))
        for labels, point in self._labels.feeding(family, points):
            value = point.gross if gross else point.value
            if isinstance(value, Tally):
                counts[labels] = counts.get(labels, 0) + value.value
        return counts

    def _least(self, family: Family, points: ByMetric) -> dict[Labels, float]:
        least: dict[Labels, int] = {}
        for labels, point in self._labels.feeding(family, points):
            at = point.value.at if isinstance(point.value, Moment) else None
            if at is not None:
                least[labels] = min(at, least.get(labels, at))
        return {labels: seconds(at) for labels, at in least.items()}

    def _gross(self, family: Family, points: ByMetric) -> dict[Labels, list[Spread]]:
        found: dict[Labels, list[Spread]] = {one: [] for one in self._labels.in_advance(family)}
        for labels, point in self._labels.feeding(family, points):
            if isinstance(point.gross, Spread):
                found.setdefault(labels, []).append(point.gross)
        return found

    def _ages(self, family: Family, points: ByMetric) -> Buckets:
        counts = {one: [0] * CLASSIC for one in self._labels.in_advance(family)}
        for labels, point in self._labels.feeding(family, points):
            if isinstance(point.value, Aged):
                kept = counts.setdefault(labels, [0] * CLASSIC)
                for place, count in enumerate(point.value.classic):
                    kept[place] += count
        return Buckets(
            family.name,
            "gaugehistogram",
            family.help,
            (*PLACE, *family.labels),
            CLASSIC_TEXTS,
            dict(sorted(counts.items(), key=_by_labels)),
            None,
        )

    def _recent(
        self, family: Family, by_window: Mapping[str, ByMetric]
    ) -> dict[Labels, list[Spread]]:
        """Distributions of the last minutes and of today, by labels and window."""
        found: dict[Labels, list[Spread]] = {}
        for window in WINDOWS:
            for labels, point in self._labels.feeding(family, by_window[window]):
                if isinstance(point.value, Spread):
                    found.setdefault((*labels, window), []).append(point.value)
        return found

    def _ranks(self, family: Family, by_window: Mapping[str, ByMetric]) -> dict[Labels, float]:
        return {
            (*labels[:-1], name, labels[-1]): value
            for labels, parts in self._recent(family, by_window).items()
            for name, value in self._percentiles.of(family.name, labels, parts)
        }

    def _samples(self, family: Family, by_window: Mapping[str, ByMetric]) -> dict[Labels, int]:
        known = self._labels.in_advance(family)
        counts = {(*labels, window): 0 for labels in known for window in WINDOWS}
        for labels, parts in self._recent(family, by_window).items():
            counts[labels] = sum(part.count for part in parts)
        return counts

    def _pipeline(self, view: View, ever: ByMetric, now: ByMetric) -> Iterator[Shown]:
        snapshot = view.snapshot
        for metric in ("watermark", "heartbeat"):
            instants = sorted(snapshot.instants(metric).items(), key=lambda one: (len(one[0]), one))
            yield Numbers(
                f"care_{metric}_timestamp_seconds",
                "gauge",
                BY_ID[metric].help,
                ("partition",),
                {(partition,): seconds(at) for partition, at in instants},
            )
        if snapshot.data_at is not None:
            yield Numbers(
                "care_board_data_timestamp_seconds",
                "gauge",
                "Log time of the newest result that this board has read.",
                (),
                {(): seconds(snapshot.data_at)},
            )
        held: dict[Labels, int] = {(): snapshot.size}
        yield Numbers("care_board_points", "gauge", "Points that this board holds.", (), held)
        yield Numbers(
            "care_board_relabelled_points",
            "gauge",
            "Points with names that are cut, or shown as `other` since the rulebook has none such.",
            (),
            {(): self._labels.relabelled(ever, now)},
        )
        yield Numbers(
            "care_board_unreadable_records_total",
            "counter",
            "Records of care.metrics and care.rulebooks that this board passed over.",
            ("topic", "reason"),
            dict(sorted(view.unreadable.items())),
        )
        yield Numbers(
            "care_board_lag_records",
            "gauge",
            "Committed records of the partition that this board has not read yet.",
            ("topic", "partition"),
            dict(sorted(view.behind.items())),
        )
        yield Numbers(
            "care_stable_offset_lag_seconds",
            "gauge",
            "For how long an open transaction has held back what was written after it, else 0.",
            ("topic", "partition"),
            {place: seconds(ms) for place, ms in sorted(view.held_ms.items())},
        )
        yield from shown_promises(snapshot)
        build: dict[Labels, int] = {(__version__,): 1}
        yield Numbers("care_build_info", "info", "The version that runs.", ("version",), build)


def _today(snapshot: Snapshot) -> Iterator[Point]:
    """The points of the local days, each tenant's own, that the newest result lies in."""
    at = snapshot.data_at
    if at is not None:
        for point in snapshot.points_since(DAY, at - _LONGEST_DAY_MS):
            if (point.start or 0) <= at < (point.ends or 0):
                yield point


def _numbers(
    family: Family,
    kind: Literal["counter", "gauge"],
    values: Mapping[Labels, float],
    *further: str,
) -> Numbers:
    names = (*PLACE, *family.labels, *further)
    return Numbers(
        family.name, kind, family.help, names, dict(sorted(values.items(), key=_by_labels))
    )
