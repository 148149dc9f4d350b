"""Mergeable accumulators: `merge(add(z, a), add(z, b)) == add(add(z, a), b)`, integers only.

Net values follow withdrawals (`sign` -1); gross values never decrease, as Prometheus needs.
"""

from bisect import bisect_left
from typing import Final, NamedTuple

import msgspec

_SUB_BITS: Final = 5
_SUB: Final = 1 << _SUB_BITS

CLASSIC_BOUNDS_MS: Final[tuple[int, ...]] = tuple(
    seconds * 1000
    for seconds in (
        1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600, 5400,
        7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400, 129600, 172800, 259200, 432000,
        604800,
    )
)  # fmt: skip
"""Upper bounds (inclusive) of the 32 classic buckets; the 33rd count is what lies beyond."""

CLASSIC: Final = len(CLASSIC_BOUNDS_MS) + 1
"""How many classic counts there are."""

DEADLINES_KEPT: Final = 50
"""So many of the soonest deadlines are told (W11)."""


def bucket_index(value: int) -> int:
    """The log-linear bucket of a value >= 0: exact below 64, 32 per octave above.

    The relative width of a bucket is at most 1/32, so its middle is off by at most 1.6 %.
    """
    if value < 2 * _SUB:
        return value
    shift = value.bit_length() - _SUB_BITS - 1
    return (shift + 1) * _SUB + (value >> shift) - _SUB


BUCKETS: Final = bucket_index(2**63 - 1) + 1
"""How many buckets the values of a signed 64-bit integer fall into."""


def bucket_bounds(index: int) -> tuple[int, int]:
    """Least and greatest value of a bucket."""
    if index < 2 * _SUB:
        return index, index
    shift, position = divmod(index, _SUB)
    shift -= 1
    low = (_SUB + position) << shift
    return low, low + (1 << shift) - 1


def bucket_middle(index: int) -> int:
    """The value that stands for a bucket: the middle, rounded half up."""
    low, high = bucket_bounds(index)
    return (low + high + 1) // 2


Put = tuple[int, int, int]
"""A duration: its bucket, itself, and whether it is added (1) or taken back (-1)."""


def summed(told: list[Put]) -> "Distribution | None":
    """What durations add up to, None when one of them is taken back."""
    buckets: dict[int, int] = {}
    total = 0
    for index, value, sign in told:
        if sign < 0:
            return None
        total += value
        buckets[index] = buckets.get(index, 0) + 1
    return Distribution(len(told), total, buckets)


class Distribution(msgspec.Struct, array_like=True, gc=False):
    """Durations: how many, their sum, and how they spread over the log-linear buckets."""

    count: int = 0
    sum: int = 0
    buckets: dict[int, int] = {}

    def add(self, value: int, sign: int) -> None:
        """Adds a duration (`sign` 1) or takes it back (-1)."""
        self.put_all([(bucket_index(value), value, sign)])

    def put_all(self, told: list[Put], added: "Distribution | None" = None) -> None:
        """The same for several at once, in order.

        `added` is what they add up to, where none takes anything back. Then it is merged: as many
        additions as there are buckets. A bucket that stands below nothing would find another place
        in their order, which a row shows: that one is told one by one.
        """
        buckets = self.buckets
        if added is not None and all(buckets.get(index, 0) >= 0 for index in added.buckets):
            self.merge(added)
            return
        for index, value, sign in told:
            self.count += sign
            self.sum += sign * value
            left = buckets.get(index, 0) + sign
            if left:
                buckets[index] = left
            else:
                del buckets[index]

    def merge(self, other: "Distribution", sign: int = 1) -> None:
        """Adds another accumulator bucket by bucket, or takes it away: exact, in any order."""
        self.count += sign * other.count
        self.sum += sign * other.sum
        for index, n in other.buckets.items():
            left = self.buckets.get(index, 0) + sign * n
            if left:
                self.buckets[index] = left
            else:
                self.buckets.pop(index, None)  # a damaged one may name what it has none of


class Total(msgspec.Struct, array_like=True, gc=False):
    """A distribution since the beginning: net, gross and both as classic buckets."""

    net: Distribution = msgspec.field(default_factory=Distribution)
    gross: Distribution = msgspec.field(default_factory=Distribution)
    net_classic: list[int] = msgspec.field(default_factory=lambda: [0] * CLASSIC)
    gross_classic: list[int] = msgspec.field(default_factory=lambda: [0] * CLASSIC)
    gross_min: int | None = None
    gross_max: int | None = None

    def add(self, value: int, sign: int) -> None:
        """Adds a duration, or takes it back from the net side only."""
        self.put_all([(bucket_index(value), value, sign)])

    def put_all(self, told: list[Put], added: Distribution | None = None) -> None:
        """The same for several at once, in order (see `Distribution.put_all`)."""
        self.net.put_all(told, added)
        gained = told if added is not None else [one for one in told if one[2] > 0]
        self.gross.put_all(gained, added)
        for _, value, sign in told:
            place = bisect_left(CLASSIC_BOUNDS_MS, value)
            self.net_classic[place] += sign
            self.gross_classic[place] += sign > 0
        if gained:
            values = [value for _, value, _ in gained]
            self.gross_min = min(values if self.gross_min is None else (self.gross_min, *values))
            self.gross_max = max(values if self.gross_max is None else (self.gross_max, *values))

    def merge(self, other: "Total") -> None:
        """Adds another accumulator: exact, in any order."""
        self.net.merge(other.net)
        self.gross.merge(other.gross)
        for i in range(CLASSIC):
            self.net_classic[i] += other.net_classic[i]
            self.gross_classic[i] += other.gross_classic[i]
        self.gross_min = min(_known(self.gross_min, other.gross_min), default=None)
        self.gross_max = max(_known(self.gross_max, other.gross_max), default=None)


def _known(*values: int | None) -> list[int]:
    return [value for value in values if value is not None]


class Count(msgspec.Struct, array_like=True, gc=False):
    """A count in a window, net; `gross` counts additions only."""

    value: int = 0
    gross: int = 0

    def add(self, amount: int) -> None:
        """Adds; a negative amount takes back from the net side only."""
        self.value += amount
        if amount > 0:
            self.gross += amount

    def merge(self, other: "Count", sign: int = 1) -> None:
        """Adds another accumulator, or takes it away."""
        self.value += sign * other.value
        self.gross += sign * other.gross


class Ratio(msgspec.Struct, array_like=True, gc=False):
    """Two counts, net and gross; readers divide."""

    n: int = 0
    d: int = 0
    gross_n: int = 0
    gross_d: int = 0

    def add(self, n: int, d: int, sign: int) -> None:
        """Adds to both counts, or takes back from the net side only."""
        self.n += sign * n
        self.d += sign * d
        if sign > 0:
            self.gross_n += n
            self.gross_d += d

    def merge(self, other: "Ratio", sign: int = 1) -> None:
        """Adds another accumulator, or takes it away."""
        self.n += sign * other.n
        self.d += sign * other.d
        self.gross_n += sign * other.gross_n
        self.gross_d += sign * other.gross_d


class Gauge(msgspec.Struct, array_like=True, gc=False):
    """How many now; source partitions are added."""

    value: int = 0

    def merge(self, other: "Gauge") -> None:
        """Adds another source partition."""
        self.value += other.value


class Instant(msgspec.Struct, array_like=True, gc=False):
    """The least instant now; None when there is none."""

    at: int | None = None

    def merge(self, other: "Instant") -> None:
        """Keeps the least of both."""
        if other.at is not None and (self.at is None or other.at < self.at):
            self.at = other.at


class Ages(msgspec.Struct, array_like=True, gc=False):
    """How many now, and in each of the 33 classic buckets of how long ago they began."""

    value: int = 0
    classic: list[int] = msgspec.field(default_factory=lambda: [0] * CLASSIC)

    def merge(self, other: "Ages") -> None:
        """Adds another source partition."""
        self.value += other.value
        for place in range(CLASSIC):
            self.classic[place] += other.classic[place]


class Deadline(NamedTuple):
    """A deadline and whose it is; the earlier one is the lesser."""

    due_at: int
    conversation_key: str
    policy: str
    target: str


class Deadlines(msgspec.Struct, array_like=True, gc=False):
    """The soonest deadlines now, in order; at most DEADLINES_KEPT."""

    due: list[Deadline] = []

    def merge(self, other: "Deadlines") -> None:
        """Keeps the soonest of both."""
        self.due = sorted([*self.due, *other.due])[:DEADLINES_KEPT]


Accumulator = Distribution | Total | Count | Ratio | Gauge | Instant | Ages | Deadlines
