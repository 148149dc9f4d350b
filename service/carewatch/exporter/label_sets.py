"""Under which label values a point is shown, remembered for as long as the rulebook stays.

A scrape looks at every point, and most of them are there again at the next one.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from carewatch.domain.known import NONE, Known, known_values
from carewatch.domain.metric import BASE_LABELS
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Point
from carewatch.exporter.families import Family, Source
from carewatch.exporter.shown import Labels, View

_FORGOTTEN: Final = 1_000
"""So many series may be gone before what is remembered of all is forgotten."""

Place = tuple[str, str, str]
ByMetric = Mapping[str, list[Point]]
"""Points by the metric they are of."""


def by_metric(points: Iterable[Point]) -> ByMetric:
    """The points, each with those of the same metric."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.metric, []).append(point)
    return found


class LabelSets:
    """The label values of one view after another."""

    def __init__(self) -> None:
        self._of: tuple[int, tuple[str, ...]] | None = None
        self._known = Known()
        self._places: list[Place] = []
        self._zeros: dict[str, dict[Labels, int]] = {}
        self._shown: dict[tuple[str, str], dict[Labels, Labels | None]] = {}
        self._relabelled: dict[str, dict[Labels, bool]] = {}

    def learn(self, view: View) -> None:
        """Takes the next view; forgets what was remembered under another rulebook."""
        of = view.snapshot.number, view.tenants
        if of != self._of:
            self._of = of
            self._known = known_values(view.snapshot.rulebook, view.tenants)
            self._shown.clear()
            self._relabelled.clear()
            self._zeros.clear()
        places = self._known.places(view.snapshot)
        if places != self._places:
            self._places = places
            self._zeros.clear()

    def feeding(self, family: Family, points: ByMetric) -> Iterator[tuple[Labels, Point]]:
        """The points that feed a family, with the label values under which they are shown."""
        for source in family.sources:
            own = points.get(source.metric, ())
            kept = self._shown.setdefault((family.name, source.metric), {})
            if len(kept) > 2 * len(own) + _FORGOTTEN:
                kept.clear()
            for point in own:
                try:
                    shown = kept[point.labels]
                except KeyError:
                    shown = kept[point.labels] = _shown(family, source, point, self._known)
                if shown is not None:
                    yield shown, point

    def in_advance(self, family: Family) -> Mapping[Labels, int]:
        """The label sets that are shown before anything happens, at 0."""
        kept = self._zeros.get(family.name)
        if kept is None:
            kept = self._zeros[family.name] = {
                labels: 0
                for source in family.sources
                for labels in _zeros(family, source, self._known, self._places)
            }
        return kept

    def relabelled(self, *several: ByMetric) -> int:
        """How many of the points are shown as `other`."""
        found = 0
        for metric, points in chain.from_iterable(one.items() for one in several):
            kept = self._relabelled.setdefault(metric, {})
            if len(kept) > 2 * len(points) + _FORGOTTEN:
                kept.clear()
            for point in points:
                try:
                    found += kept[point.labels]
                except KeyError:
                    kept[point.labels] = _is_relabelled(point, self._known)
                    found += kept[point.labels]
        return found


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


def _zeros(family: Family, source: Source, known: Known, places: list[Place]) -> Iterator[Labels]:
    own = BY_ID[source.metric].labels
    for combination in known.combinations(() if source.picks else own):
        values = {**dict(zip(own, combination, strict=False)), **source.adds}
        added = tuple(values[name] for name in family.labels)
        for place in places:
            if family.by_queue or place[2] == NONE:
                yield (*place, *added)


def _is_relabelled(point: Point, known: Known) -> bool:
    names = BY_ID[point.metric].labels
    if names == ("partition",):
        return False
    tenant, channel, queue = point.labels[:3]
    own = zip(names, point.labels[len(BASE_LABELS) :], strict=True)
    return known.place(tenant, channel, queue) != (tenant, channel, queue) or any(
        known.value(name, value) != value for name, value in own
    )
