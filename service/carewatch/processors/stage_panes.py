"""The panes of one source partition of a stage: how merge hears of them, and their rows.

At each tick the panes that changed go out as whole snapshots, each to the partition of
`care.partials` in which its series stands; the clock goes to all of them (W6).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from carewatch.domain.aggregates import Accumulator
from carewatch.domain.metric import DAY
from carewatch.domain.metrics import BY_ID
from carewatch.domain.pane import Pane, PaneKey
from carewatch.domain.windows import Panes
from carewatch.processors.base import Output, Row
from carewatch.wire import partials, topics
from carewatch.wire.partials import GONE, ClockRecord, Partial, Series, accumulator_type
from carewatch.wire.rows import seal, unseal

PANE: Final = "pane"
"""The kind of a pane's row."""

_encoder: Final = msgspec.msgpack.Encoder()


class PaneRow(msgspec.Struct, array_like=True, gc=False):
    """A pane, its `end` (see Pane), and whether it changed since it was last published."""

    changed: bool
    body: msgspec.Raw
    end: int | None


_pane_key: Final = msgspec.msgpack.Decoder(tuple[str, str, tuple[str, ...], str, int | None])
_pane: Final = msgspec.msgpack.Decoder(PaneRow)


class StagePanes:
    """The panes of one source partition of `stage`.

    No window takes anything later than `max_lateness_ms` after its end (a cohort's: plus its
    horizon), by the clock of whatever conversation it is about.
    """

    def __init__(self, stage: str, partition: int) -> None:
        self._stage = stage
        self._partition = partition
        self._panes = Panes()
        self.max_lateness_ms = 0

    def __len__(self) -> int:
        return len(self._panes)

    @property
    def closed_before(self) -> int:
        """Windows that ended before this instant take nothing any more."""
        return self._panes.closed_before

    def close(self, clock: int) -> None:
        """Forgets the windows that nothing can reach any more."""
        self._panes.close(clock - self.max_lateness_ms)

    def partial(self, pane: Pane, position: int) -> Partial:
        """What merge is told of a pane."""
        key, end, closes = pane.key, None, None
        if key.window == DAY and pane.end is not None:
            end = pane.end
            closes = end + BY_ID[key.metric].horizon_ms + self.max_lateness_ms
        return Partial(
            version=partials.VERSION,
            series=Series(key.metric, key.labels),
            window=key.window,
            start=key.start,
            stage=self._stage,
            partition=self._partition,
            position=position,
            body=GONE if pane.dropped else partials.encode_body(pane.body),
            end=end,
            closes=closes,
        )

    # --- rows ----------------------------------------------------------------------------------

    def restore_row(self, key: bytes, value: bytes) -> None:
        """Takes the row of a pane; raises InvalidRecord or a msgspec error."""
        pane_key = _read_key(key)
        body, end, changed = _decode(pane_key, value)
        self._panes.restore(BY_ID[pane_key.metric], pane_key, body, end, changed=changed)

    def take_rows(self) -> Iterator[Row]:
        """What changed since the last flush, in a fixed order."""
        for pane in self._panes.take_touched():
            yield Row(_row_key(pane.key), _encode(pane))
        for key in self._panes.take_dropped():
            yield Row(_row_key(key), None)


def to_merge(partial: Partial, targets: int) -> Output:
    """A snapshot, to the one of `targets` partitions in which its series stands."""
    target = partials.partition_of(partial.series, targets)
    key, value = partials.partial_key(partial), partials.encode(partial)
    return Output(topics.PARTIALS, target, key, value, partial.position)


def clocks_to_merge(clock: ClockRecord, targets: int) -> Iterator[Output]:
    """The clock of a source partition, to every partition of `care.partials`."""
    key, value = partials.clock_key(clock), partials.encode(clock)
    for target in range(targets):
        yield Output(topics.PARTIALS, target, key, value, clock.position)


def _row_key(key: PaneKey) -> bytes:
    return _encoder.encode((PANE, *key))


def _read_key(key: bytes) -> PaneKey:
    _, metric, labels, window, start = _pane_key.decode(key)
    return PaneKey(metric, labels, window, start)


def _encode(pane: Pane) -> bytes:
    body = msgspec.Raw(_encoder.encode(pane.body))
    return seal(_encoder.encode(PaneRow(pane.changed, body, pane.end)))


def _decode(key: PaneKey, row: bytes) -> tuple[Accumulator, int | None, bool]:
    """What the pane holds, its end, and whether it is still to be published."""
    decoded = _pane.decode(unseal(row))
    if key.metric not in BY_ID:
        raise msgspec.ValidationError("a pane of a metric that this version does not know")
    kind = accumulator_type(key.metric, key.window)
    pane: Accumulator = msgspec.msgpack.decode(decoded.body, type=kind)
    return pane, decoded.end, decoded.changed
