"""Distributions as points write them (W5, W9): log-linear buckets, nearest rank, integers only."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

CLASSIC_S = (
    *(1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600, 5400),
    *(7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400, 129600, 172800, 259200, 432000),
    604800,
)
"""Layout B: the bounds of the Prometheus histograms, seconds, each inclusive."""

PERCENTILES = (50, 90, 95, 99)


def bucket(value: int) -> int:
    """The index of a value: below 64 itself, above that 32 to the octave."""
    shift = max(0, value.bit_length() - 6)
    return shift * 32 + (value >> shift)


def bounds(index: int) -> tuple[int, int]:
    """The least and the greatest value of a bucket."""
    shift = max(0, index // 32 - 1)
    least = (index - shift * 32) << shift
    return least, least + (1 << shift) - 1


def summary(values: Sequence[int], *, exact: bool, classic: bool) -> dict[str, Any]:
    """The fields of a distribution. `exact`: min and max themselves (gross), else the bounds of
    the outermost buckets, since a withdrawn value leaves no other trace (net)."""
    counted = Counter(map(bucket, values))
    indexes = sorted(counted)
    fields: dict[str, Any] = {"count": len(values), "sum_ms": sum(values)}
    fields["min_ms"] = fields["max_ms"] = None
    if values:
        fields["min_ms"] = min(values) if exact else bounds(indexes[0])[0]
        fields["max_ms"] = max(values) if exact else bounds(indexes[-1])[1]
    for percent in PERCENTILES:
        fields[f"p{percent}_ms"] = _percentile(counted, len(values), percent)
    fields["buckets"] = [[index, counted[index]] for index in indexes]
    if classic:
        fields["classic"] = _classic(values)
    return fields


def _percentile(counted: Counter[int], total: int, percent: int) -> int | None:
    """The middle of the bucket in which the value of that rank lies, halves up."""
    rank = -(-total * percent // 100)
    for index in sorted(counted):
        rank -= counted[index]
        if rank <= 0:
            least, greatest = bounds(index)
            return (least + greatest + 1) // 2
    return None


def _classic(values: Sequence[int]) -> list[int]:
    counts = [0] * (len(CLASSIC_S) + 1)
    for value in values:
        place = next(
            (n for n, bound in enumerate(CLASSIC_S) if value <= bound * 1000), len(CLASSIC_S)
        )
        counts[place] += 1
    return counts
