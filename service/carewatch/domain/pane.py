"""A pane: what one source partition knows of one series in one window."""

from typing import Final, NamedTuple

from carewatch.domain.aggregates import (
    Accumulator,
    Ages,
    Count,
    Deadlines,
    Distribution,
    Gauge,
    Instant,
    Ratio,
    Total,
)
from carewatch.domain.metric import Kind

Labels = tuple[str, ...]

TOTAL: Final = "total"
"""The window that never ends."""


class PaneKey(NamedTuple):
    """A metric with its label values, a window and its start (None for `total` and `now`)."""

    metric: str
    labels: Labels
    window: str
    start: int | None


def sort_key(key: PaneKey) -> tuple[str, Labels, str, int]:
    """A total order, so that what is published at a tick does not depend on hashing."""
    return key.metric, key.labels, key.window, -1 if key.start is None else key.start


class Pane:
    """A pane and what is to be done with it.

    `end` is the first instant after its window; of a gauge that stands at nothing, the instant
    from which on it may be forgotten; else None. `changed`: the next tick publishes it; `touched`:
    the next flush writes its row.
    """

    __slots__ = ("body", "changed", "dropped", "end", "key", "touched")

    def __init__(self, key: PaneKey, body: Accumulator, end: int | None) -> None:
        self.key = key
        self.body = body
        self.end = end
        self.changed = False
        self.touched = False
        self.dropped = False

    @property
    def rank(self) -> tuple[str, Labels, str, int]:
        """Its place among all panes."""
        return sort_key(self.key)


def accumulator_type(kind: Kind, window: str) -> type[Accumulator]:
    """Which accumulator a kind of metric has in a window."""
    if kind is Kind.DISTRIBUTION and window == TOTAL:
        return Total
    return _ACCUMULATORS[kind]


_ACCUMULATORS: Final[dict[Kind, type[Accumulator]]] = {
    Kind.DISTRIBUTION: Distribution,
    Kind.COUNT: Count,
    Kind.RATIO: Ratio,
    Kind.GAUGE: Gauge,
    Kind.INSTANT: Instant,
    Kind.AGES: Ages,
    Kind.DEADLINES: Deadlines,
}
