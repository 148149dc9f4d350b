"""Distributions as points write them (W5, W9): log-linear buckets, nearest rank, integers only."""

from bisect import bisect_left
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


def summary(
    values: Counter[int], *, exact: bool, classic: bool, timed: bool = True
) -> dict[str, Any]:
    """The fields of a distribution, `_ms` if its values are times. `exact`: min and max themselves
    (gross), else the bounds of the outermost buckets, since a withdrawn value leaves no other
    trace (net)."""
    values = +values
    counted: Counter[int] = Counter()
    for value, times in values.items():
        counted[bucket(value)] += times
    indexes, count = sorted(counted), counted.total()
    said: dict[str, Any] = {"sum": sum(value * times for value, times in values.items())}
    said["min"] = said["max"] = None
    if values:
        said["min"] = min(values) if exact else bounds(indexes[0])[0]
        said["max"] = max(values) if exact else bounds(indexes[-1])[1]
    for percent in PERCENTILES:
        said[f"p{percent}"] = _percentile(counted, count, percent)
    fields = {f"{name}_ms" if timed else name: value for name, value in said.items()}
    fields |= {"count": count, "buckets": [[index, counted[index]] for index in indexes]}
    if classic:
        fields["classic"] = ages(list(values.elements()))
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


def ages(values: Sequence[int]) -> list[int]:
    """How many lie up to each bound of layout B and above the one before, and beyond all."""
    counts = [0] * (len(CLASSIC_S) + 1)
    for value in values:
        counts[bisect_left(CLASSIC_S, -(-value // 1000))] += 1
    return counts
