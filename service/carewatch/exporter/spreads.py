"""Distributions on the page: as histograms since the beginning, as percentiles of late.

What several points come to is remembered while they are the very same: points are never changed,
only replaced, and between two scrapes most of them are not. It is remembered in tuples and in
structures that Python's garbage collector does not visit: a full collection would stall the event
loop by all of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import is_
from typing import Final

import msgspec

from carewatch.domain.aggregates import CLASSIC, CLASSIC_BOUNDS_MS, bucket_bounds
from carewatch.domain.points import Spread, add_spreads
from carewatch.exporter.shown import Buckets, Labels, seconds

CLASSIC_TEXTS: Final = (*(str(bound / 1000) for bound in CLASSIC_BOUNDS_MS), "+Inf")
_MARKS: Final = (*(str(float(mark)) for mark in range(1, 6)), "+Inf")
_PERCENTILES: Final = ("p50", "p90", "p95", "p99")

Parts = Mapping[Labels, list[Spread]]
"""The distributions to be added up, by the labels under which they are shown."""


class Histograms:
    """Adds gross distributions up, in seconds or in marks from 1 to 5."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Labels], _Summed] = {}

    def timed(self, name: str, help_: str, labels: Labels, parts: Parts) -> Buckets:
        """Durations by the classic bounds."""
        sums = {one: self._sum(name, one, parts[one], marks=False) for one in sorted(parts)}
        return Buckets(
            name,
            "histogram",
            help_,
            labels,
            CLASSIC_TEXTS,
            {one: summed.counts for one, summed in sums.items()},
            {one: seconds(summed.sum) for one, summed in sums.items()},
        )

    def marked(self, name: str, help_: str, labels: Labels, parts: Parts) -> Buckets:
        """Ratings by mark. Their sum is that of the exact marks, so that the mean is exact."""
        sums = {one: self._sum(name, one, parts[one], marks=True) for one in sorted(parts)}
        return Buckets(
            name,
            "histogram",
            help_,
            labels,
            _MARKS,
            {one: summed.counts for one, summed in sums.items()},
            {one: (s.count * 1000 + s.sum * 4) / 1000 for one, s in sums.items()},
        )

    def _sum(self, name: str, labels: Labels, parts: list[Spread], *, marks: bool) -> "_Summed":
        kept = self._kept.get((name, labels))
        if kept is None or not _same(kept.parts, parts):
            counts = [0] * (len(_MARKS) if marks else CLASSIC)
            for part in parts:
                counted = _marks(part) if marks else part.classic or [0] * CLASSIC
                counts = [a + b for a, b in zip(counts, counted, strict=True)]
            count, sum_ = sum(part.count for part in parts), sum(part.sum for part in parts)
            kept = self._kept[name, labels] = _Summed(tuple(parts), tuple(counts), count, sum_)
        return kept


class Percentiles:
    """Percentiles of distributions together, bucket by bucket: never of percentiles."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Labels], _Ranked] = {}

    def of(self, name: str, labels: Labels, parts: list[Spread]) -> Iterable[tuple[str, float]]:
        """p50 to p99 in seconds; nothing when nothing was measured."""
        kept = self._kept.get((name, labels))
        if kept is None or not _same(kept.parts, parts):
            together = parts[0] if len(parts) == 1 else add_spreads(parts)
            kept = self._kept[name, labels] = _Ranked(tuple(parts), tuple(_ranks(together)))
        return kept.ranks


class _Summed(msgspec.Struct, frozen=True, gc=False):
    parts: tuple[Spread, ...]
    counts: tuple[int, ...]
    count: int
    sum: int


class _Ranked(msgspec.Struct, frozen=True, gc=False):
    parts: tuple[Spread, ...]
    ranks: tuple[tuple[str, float], ...]


def _same(known: Sequence[Spread], parts: Sequence[Spread]) -> bool:
    return len(known) == len(parts) and all(map(is_, known, parts))


def mark_place(permille: int) -> int:
    """Where a rating counts: 0 for mark 1 up to 4 for mark 5, rounded half up."""
    return min(4, (permille * 4 + 500) // 1000)


def _marks(spread: Spread) -> list[int]:
    """By the upper bound of each bucket: exact for scales of up to ten marks."""
    counts = [0] * len(_MARKS)
    for index, count in spread.buckets:
        counts[mark_place(bucket_bounds(index)[1])] += count
    return counts


def _ranks(spread: Spread) -> Iterator[tuple[str, float]]:
    values = spread.p50, spread.p90, spread.p95, spread.p99
    for name, value in zip(_PERCENTILES, values, strict=True):
        if value is not None:
            yield name, seconds(value)
