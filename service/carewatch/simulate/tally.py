"""What must be counted: plain sums, written down by the stories themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DISTRIBUTIONS: Final = (
    "first_response_time",
    "first_response_time_any",
    "reply_time",
    "queue_wait_time",
)
"""Metrics of which the number of samples and their sum are stated; of all others a count."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One number of the manifest: queues and priorities are added up."""

    tenant: str
    channel: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Sum:
    """`count` things; for durations also their sum in milliseconds."""

    count: int = 0
    sum_ms: int = 0


class Tally:
    """Counts and samples by series."""

    def __init__(self) -> None:
        self._sums: dict[Series, Sum] = {}

    def add(self, series: Series, count: int = 1, sum_ms: int = 0) -> None:
        """Counts one thing more, or one sample of `sum_ms` milliseconds."""
        sum_ = self._sums.setdefault(series, Sum())
        sum_.count += count
        sum_.sum_ms += sum_ms

    def add_all(self, other: "Tally") -> None:
        """Adds everything that another tally counted."""
        for series, sum_ in other:
            self.add(series, sum_.count, sum_.sum_ms)

    def __iter__(self) -> Iterator[tuple[Series, Sum]]:
        """Every series with its sum, sorted."""
        return iter(sorted(self._sums.items(), key=lambda item: item[0]))
