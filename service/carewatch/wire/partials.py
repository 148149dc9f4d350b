"""`care.partials` (internal): pane snapshots and clocks of one source partition.

Array-like MessagePack with a version first. The record key identifies the pane (series, window,
start, source stage and partition), so that compaction and "newest wins" agree; all panes of a
series go to one partition, chosen by the series alone.
"""

import zlib
from typing import Final

import msgspec

from carewatch.domain import pane
from carewatch.domain.aggregates import (
    CLASSIC,
    DEADLINES_KEPT,
    Accumulator,
    Ages,
    Count,
    Deadlines,
    Distribution,
    Gauge,
    Instant,
    Ratio,
    Total,
    bucket_index,
)
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.metrics import BY_ID
from carewatch.wire.unreadable import UNREADABLE

VERSION: Final = 1


class Series(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One metric with its label values: the base labels, then the metric's own, in their order."""

    metric: str
    labels: tuple[str, ...]


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one source partition knows of one pane, as a whole snapshot.

    `position` is the source offset it includes: of two snapshots the higher one wins.
    `start` is None for `total` and `now`. `body` is the MessagePack of the accumulator that
    `accumulator_type` names, or GONE. Of a day, whose length follows from the rulebook, `end` is
    the first instant after it, and `closes` the one after which nothing of this source can enter
    it any more.
    """

    version: int
    series: Series
    window: str
    start: int | None
    stage: str
    partition: int
    position: int
    body: msgspec.Raw
    end: int | None = None
    closes: int | None = None


GONE: Final = msgspec.Raw(b"\xc0")
"""The body of a gauge that a source partition has forgotten (MessagePack nil)."""


class ClockRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The clock of a source partition, written to every partition of `care.partials` at each tick.

    `clock` is the log clock (running maximum of recorded times), `tick` the newest tick folded,
    `sources` how many partitions the stage's source topic has, so that a reader knows when it has
    heard of all.
    """

    version: int
    stage: str
    partition: int
    sources: int
    position: int
    clock: int
    tick: int


def accumulator_type(metric: str, window: str) -> type[Accumulator]:
    """Which accumulator a metric has in a window."""
    return pane.accumulator_type(BY_ID[metric].kind, window)


CLOCK_PREFIX: Final = b"clock|"

END_OF_TIME_MS: Final = 253_370_764_800_000
"""The year 9999: later instants have no RFC 3339 text, so no record may hold one."""

_series = msgspec.msgpack.Encoder()
_partial = msgspec.msgpack.Decoder(Partial)
_clock = msgspec.msgpack.Decoder(ClockRecord)
_bodies: Final[dict[type[Accumulator], msgspec.msgpack.Decoder[Accumulator]]] = {
    Distribution: msgspec.msgpack.Decoder(Distribution),
    Total: msgspec.msgpack.Decoder(Total),
    Count: msgspec.msgpack.Decoder(Count),
    Ratio: msgspec.msgpack.Decoder(Ratio),
    Gauge: msgspec.msgpack.Decoder(Gauge),
    Instant: msgspec.msgpack.Decoder(Instant),
    Ages: msgspec.msgpack.Decoder(Ages),
    Deadlines: msgspec.msgpack.Decoder(Deadlines),
}
_INDICES: Final = bucket_index(2**63 - 1) + 1


def series_key(series: Series) -> bytes:
    """The bytes that choose the partition of a series and identify its panes."""
    return _series.encode(series)


def pane_key(series: Series, window: str, start: int | None, stage: str, partition: int) -> bytes:
    """The record key of what one source partition knows of a pane."""
    return _series.encode((series, window, start, stage, partition))


def partition_of(series: Series, partitions: int) -> int:
    """The partition of `care.partials` that all panes of a series go to."""
    return zlib.crc32(series_key(series)) % partitions


def partial_key(partial: Partial) -> bytes:
    """The record key: one per pane and source partition."""
    return pane_key(partial.series, partial.window, partial.start, partial.stage, partial.partition)


def is_clock_key(key: bytes | None) -> bool:
    """Whether a record with this key is a clock: a control record, no pane."""
    return key is not None and key.startswith(CLOCK_PREFIX)


def clock_key(clock: ClockRecord) -> bytes:
    """The record key of a clock."""
    return CLOCK_PREFIX + f"{clock.stage}|{clock.partition}".encode()


def encode(record: Partial | ClockRecord) -> bytes:
    """MessagePack of a snapshot or a clock."""
    return _series.encode(record)


def encode_body(accumulator: Accumulator) -> msgspec.Raw:
    """The accumulator as it stands now (a copy: later changes do not reach it)."""
    return msgspec.Raw(_series.encode(accumulator))


def decode_body(metric: str, window: str, body: msgspec.Raw) -> Accumulator:
    """The accumulator of a snapshot; raises InvalidRecord."""
    if metric not in BY_ID:
        raise InvalidRecord("unknown_metric")
    try:
        decoded = _bodies[accumulator_type(metric, window)].decode(body)
    except UNREADABLE as error:
        raise InvalidRecord("schema") from error
    match decoded:
        case Total():
            if not len(decoded.net_classic) == len(decoded.gross_classic) == CLASSIC:
                raise InvalidRecord("schema", "classic")
            spreads = [decoded.net, decoded.gross]
        case Distribution():
            spreads = [decoded]
        case Instant():
            if decoded.at is not None and not 0 <= decoded.at < END_OF_TIME_MS:
                raise InvalidRecord("time")
            return decoded
        case Ages():
            if len(decoded.classic) != CLASSIC:
                raise InvalidRecord("schema", "classic")
            return decoded
        case Deadlines():
            if len(decoded.due) > DEADLINES_KEPT:
                raise InvalidRecord("schema", "due")
            if any(not 0 <= one.due_at < END_OF_TIME_MS for one in decoded.due):
                raise InvalidRecord("time")
            return decoded
        case _:
            return decoded
    for spread in spreads:
        if any(not 0 <= index < _INDICES for index in spread.buckets):
            raise InvalidRecord("schema", "buckets")
    return decoded


def decode(key: bytes | None, value: bytes | None) -> Partial | ClockRecord:
    """A record of `care.partials`; raises InvalidRecord."""
    if key is None or value is None:
        raise InvalidRecord("no_key" if key is None else "no_value")
    try:
        record: Partial | ClockRecord = (
            _clock.decode(value) if key.startswith(CLOCK_PREFIX) else _partial.decode(value)
        )
    except UNREADABLE as error:
        raise InvalidRecord("schema") from error
    if record.version != VERSION:
        raise InvalidRecord("version")
    instants: tuple[int | None, ...] = (
        (record.clock, record.tick)
        if isinstance(record, ClockRecord)
        else (record.start, record.end, record.closes)
    )
    if any(at is not None and not 0 <= at < END_OF_TIME_MS for at in instants):
        raise InvalidRecord("time")
    return record
