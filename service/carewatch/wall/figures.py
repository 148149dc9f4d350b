"""Sums over the points of a place: what a tile shows of a metric in some windows.

Figures are net (a withdrawn result is taken off), added over queues, priorities and whatever other
labels are not picked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from carewatch.domain.board import NO_STARTS, Snapshot
from carewatch.domain.known import NONE
from carewatch.domain.metric import BASE_LABELS, DAY, HOUR_MS
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Moment, Point, Share, Soonest, Spread, Tally, add_spreads
from carewatch.wall.asked import EVERYBODYS, Place, channel_of

Index = Mapping[str, Mapping[tuple[str, str], Sequence[Point]]]
"""Points by metric, then by tenant and channel."""

_LONGEST_DAY_MS: Final = 25 * HOUR_MS
_KEPT: Final = 500
"""So many windows are remembered; the views look at some hundred of them."""

_NO_POINTS: Final[Mapping[bytes, Point]] = {}
_NO_PLACES: Final[Mapping[tuple[str, str], Sequence[Point]]] = {}


class Question(NamedTuple):
    """A metric, and the values of its own labels that are picked; those not named are added up."""

    metric: str
    picks: tuple[tuple[str, str], ...] = ()

    def takes(self, point: Point) -> bool:
        """Whether the point has the picked values."""
        names = BY_ID[point.metric].labels
        return all(
            point.labels[len(BASE_LABELS) + names.index(name)] == value
            for name, value in self.picks
        )


def ask(metric: str, **picks: str) -> Question:
    """The question for a metric of the catalogue."""
    return Question(metric, tuple(sorted(picks.items())))


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one place in some windows that are added up."""

    place: Place
    indexes: tuple[Index, ...]
    inside: int | None = None
    """Only of windows in which this instant lies."""

    def points(self, question: Question) -> Iterator[Point]:
        """The points that the question is about."""
        shared = question.metric in EVERYBODYS
        for index in self.indexes:
            for (tenant, channel), points in index.get(question.metric, _NO_PLACES).items():
                if self.place.holds(tenant, channel) or (shared and tenant == NONE):
                    for point in points:
                        if question.takes(point) and (
                            self.inside is None or _covers(point, self.inside)
                        ):
                            yield point

    def has(self, question: Question) -> bool:
        """Whether anything was ever heard of it here: that is not the same as zero."""
        return next(self.points(question), None) is not None

    def count(self, question: Question) -> int:
        """A count, or how many there are now."""
        return sum(
            point.value.value for point in self.points(question) if isinstance(point.value, Tally)
        )

    def share(self, question: Question) -> Share:
        """A ratio: part and whole are added, never the quotients."""
        shares = [p.value for p in self.points(question) if isinstance(p.value, Share)]
        return Share(sum(one.n for one in shares), sum(one.d for one in shares))

    def spread(self, question: Question) -> Spread:
        """A distribution: buckets are added, so that percentiles stay exact."""
        return add_spreads(
            point.value for point in self.points(question) if isinstance(point.value, Spread)
        )

    def least(self, question: Question) -> int | None:
        """The earliest of some instants; None when there is none."""
        return min(
            (
                point.value.at
                for point in self.points(question)
                if isinstance(point.value, Moment) and point.value.at is not None
            ),
            default=None,
        )

    def values(self, question: Question, label: str) -> list[str]:
        """The values that a label of the question's points has here, sorted."""
        place = len(BASE_LABELS) + BY_ID[question.metric].labels.index(label)
        return sorted({point.labels[place] for point in self.points(question)})

    def deadlines(self) -> list[tuple[int, str, str, str]]:
        """The soonest deadlines of the place's tenants, in order: instant, conversation, policy and
        target. They are kept by tenant, so those of all channels."""
        return sorted(
            deadline
            for point in Figures(Place(tenant=self.place.tenant), self.indexes).points(
                ask("next_due")
            )
            if isinstance(point.value, Soonest)
            for deadline in point.value.due
        )


def places_of(index: Index) -> tuple[tuple[str, str], ...]:
    """Tenant and channel of all of whom there is a point, in order."""
    found = {place for by_place in index.values() for place in by_place}
    return tuple(sorted(place for place in found if NONE not in place))


def _covers(point: Point, at: int) -> bool:
    """Whether an instant lies in the window of a point."""
    start, end = point.start, point.end
    return start is not None and end is not None and start <= at < end


class Windows:
    """The windows of one snapshot after another; what stands unchanged is not read again.

    A board keeps the points of a window and start in one mapping until one of them changes: the
    same mapping has the same figures.
    """

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._indexes: dict[tuple[str, int | None], tuple[object, Index]] = {}

    def take(self, snapshot: Snapshot) -> None:
        """Goes on to the next snapshot."""
        self._snapshot = snapshot
        if len(self._indexes) > _KEPT:
            self._indexes.clear()

    def of(self, place: Place, window: str, start: int | None = None) -> Figures:
        """The figures of one window; `total`, `now` and the last minutes have no start."""
        return Figures(place, (self.index(window, start),))

    def today(self, place: Place, at: int) -> Figures:
        """The figures of the local days, each tenant's own, that an instant lies in."""
        return Figures(place, self._days(at - _LONGEST_DAY_MS), at)

    def days(self, place: Place, at: int, days: int) -> Figures:
        """The figures of the last local days, the one of the instant included."""
        return Figures(place, self._days(at - days * 24 * HOUR_MS))

    def index(self, window: str, start: int | None) -> Index:
        """The points of a window and start: one object while none of them changes."""
        points = self._snapshot.windows.get(window, NO_STARTS).get(start, _NO_POINTS)
        kept = self._indexes.get((window, start))
        if kept is not None and kept[0] is points:
            return kept[1]
        index: dict[str, dict[tuple[str, str], list[Point]]] = {}
        for point in points.values():
            place = point.labels[0], channel_of(point.labels)
            index.setdefault(point.metric, {}).setdefault(place, []).append(point)
        self._indexes[window, start] = points, index
        return index

    def _days(self, after: int) -> tuple[Index, ...]:
        starts = self._snapshot.windows.get(DAY, NO_STARTS)
        return tuple(
            self.index(DAY, start)
            for start in sorted(one for one in starts if one is not None and one > after)
        )
