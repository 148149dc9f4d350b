"""Source partitions as they write to `care.partials`, and what merge makes of a log of them."""

from collections.abc import Iterable, Sequence

from carewatch.domain.aggregates import Accumulator
from carewatch.domain.points import Point
from carewatch.processors.base import Flush, Output, PartitionContext, Record, Row
from carewatch.processors.merge import Merge
from carewatch.wire import partials, topics
from carewatch.wire.partials import ClockRecord, Partial, Series
from carewatch.wire.points import decode_point

T0 = 1_767_607_200_000
"""2026-01-05T10:00:00Z, a whole hour."""

BASE = ("acme", "web", "support", "normal")


def partial_record(
    metric: str,
    window: str,
    start: int | None,
    accumulator: Accumulator | None,
    *,
    partition: int = 0,
    position: int = 1,
    labels: tuple[str, ...] = BASE,
    end: int | None = None,
    closes: int | None = None,
) -> tuple[bytes, bytes]:
    """Key and value of a snapshot; without an accumulator, of a gauge that was forgotten."""
    partial = Partial(
        version=partials.VERSION,
        series=Series(metric, labels),
        window=window,
        start=start,
        stage="track",
        partition=partition,
        position=position,
        body=partials.GONE if accumulator is None else partials.encode_body(accumulator),
        end=end,
        closes=closes,
    )
    return partials.partial_key(partial), partials.encode(partial)


def clock_record(
    at: int,
    *,
    partition: int = 0,
    sources: int = 1,
    position: int | None = None,
    stage: str = "track",
) -> tuple[bytes, bytes]:
    """Key and value of a clock; its position follows from the clock unless given."""
    clock = ClockRecord(
        version=partials.VERSION,
        stage=stage,
        partition=partition,
        sources=sources,
        position=at if position is None else position,
        clock=at,
        tick=at // 1000 * 1000,
    )
    return partials.clock_key(clock), partials.encode(clock)


def as_records(pairs: Iterable[tuple[bytes | None, bytes | None]]) -> list[Record]:
    """A log: the pairs under offsets from 0."""
    return [Record(offset, key, value) for offset, (key, value) in enumerate(pairs)]


def build_merge(
    *,
    partition: int = 0,
    partials_partitions: int = 1,
    metrics: int = 8,
) -> Merge:
    """A merge stage without state, which hears of track alone."""
    counts = {topics.PARTIALS: partials_partitions, topics.METRICS: metrics}
    return Merge(PartitionContext(partition=partition, partitions=counts), stages=("track",))


def outputs_of(log: Sequence[Record], **options: int) -> list[Output]:
    """Everything merge writes for a log, in one flush."""
    stage = build_merge(**options)
    stage.on_records(log)
    flushed = stage.flush()
    return [] if flushed is None else list(flushed.outputs)


def points_of(outputs: Iterable[Output]) -> list[Point]:
    """The points among the outputs."""
    return [
        decode_point(output.value)
        for output in outputs
        if output.topic == topics.METRICS and output.value is not None
    ]


def newest(outputs: Iterable[Output]) -> dict[bytes, tuple[object, object]]:
    """What a reader holds at the end: value and gross of every key that was not tombstoned."""
    latest: dict[bytes, tuple[object, object]] = {}
    for output in outputs:
        assert output.key is not None
        if output.topic != topics.METRICS:
            continue
        if output.value is None:
            latest.pop(output.key, None)
        else:
            point = decode_point(output.value)
            latest[output.key] = point.value, point.gross
    return latest


class Changelog:
    """The compacted topic of a stage: newest row per key, and the marker."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.marker: bytes | None = None

    def take(self, flush: Flush) -> None:
        """Applies one flush."""
        for row in flush.rows:
            if row.value is None:
                self.rows.pop(row.key, None)
            else:
                self.rows[row.key] = row.value
        self.marker = flush.marker

    def as_rows(self) -> list[Row]:
        """What a restore reads."""
        return [Row(key, value) for key, value in self.rows.items()]
