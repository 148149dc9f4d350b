"""What a scrape shows, as plain values: every family with its numbers by label values.

How they are written down is the business of `text` and of `collector`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from carewatch.domain.board import Snapshot
from carewatch.domain.metric import BASE_LABELS

PLACE: Final = BASE_LABELS[:3]

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one scrape shows."""

    snapshot: Snapshot
    tenants: tuple[str, ...] = ()
    unreadable: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Records that were passed over, by topic and reason."""
    held_ms: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """For how long an open transaction has held results back, by topic and partition."""
    behind: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Committed records that were not read yet, by topic and partition."""


class Numbers(NamedTuple):
    """A family of single numbers. Names of counters end in `_total`, of infos in `_info`."""

    name: str
    kind: Literal["counter", "gauge", "info"]
    help: str
    labels: Labels
    values: Mapping[Labels, float]

    @property
    def samples(self) -> int:
        """How many lines it has on the page."""
        return len(self.values)


class Buckets(NamedTuple):
    """A family of histograms: how many in each bucket, for itself (not cumulative).

    `sums` is None for a gauge histogram: ages that grow have no sum that stands.
    """

    name: str
    kind: Literal["histogram", "gaugehistogram"]
    help: str
    labels: Labels
    bounds: Labels
    counts: Mapping[Labels, Sequence[int]]
    sums: Mapping[Labels, float] | None

    @property
    def samples(self) -> int:
        """How many lines it has on the page."""
        return len(self.counts) * (len(self.bounds) + (0 if self.sums is None else 2))


Shown = Numbers | Buckets


def seconds(ms: int) -> float:
    """Seconds whose shortest text is the exact decimal of the milliseconds."""
    return ms / 1000
