"""merge: adds the source partitions of every pane and publishes metric points.

Each source partition sends whole snapshots, so the newest of each is all that counts: repeats and
reordering change nothing. The clock of every source partition comes with them; the least of all
is the watermark, and no window is complete before every source partition has been heard of.

When a point is published (rule W3):

* Every second of the watermark, if it changed. While a source partition lags, whenever the
  greatest clock is 2 s past the last time, so that one dead partition does not stop the wall.
* `early` while the watermark has not passed the window's end + grace; then `on_time` once, also
  when nothing changed; then `late` for every change. What was empty at its on-time instant begins
  with `late`.
* The day of a cohort is `provisional` until its horizon has passed, and is published once more
  when it has.
* `total` and `now` have no end, and each record of them is complete as of its emission: `on_time`.
* Rolling windows move on with every minute of the watermark: `on_time`, then `late` (W8).
* What would say the same again is not published.

State ends by the watermark. A window's partials are kept for 26 h after its end (and a cohort's
horizon): sources stop sending for it after `window_lateness` (an hour in the shipped profiles), so
nothing can come any more. A partial that comes all the same is a dead letter, since adding it to
nothing would publish a wrong number. The point is tombstoned after its retention (rule W12), that
of a gauge when every source partition that knew it has forgotten it (W10).
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from carewatch.domain.errors import InvalidRecord, Refused
from carewatch.domain.metric import BASE_LABELS, ROLLING, TUMBLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Moment, Pane, Point, Value, aligned, window_end
from carewatch.processors.base import Flush, Output, PartitionContext, Processor, Record, Row
from carewatch.processors.dead_letters import dead_letter
from carewatch.processors.panes import GRACE_MS, HOLD_MS, KnownPane, PaneId, Panes
from carewatch.processors.rolling import MINUTE, Rolling
from carewatch.wire import partials, points, rows, topics
from carewatch.wire.envelope import CONTENT_TYPE
from carewatch.wire.partials import GONE, ClockRecord, Partial
from carewatch.wire.unreadable import UNREADABLE

SOURCES: Final = ("track", "customer")
"""The stages that send partials; no window is complete before all their clocks are known."""

LAG_MS: Final = 2_000
"""How long the wall waits for a source partition that lags."""

_NONE: Final = ("none",) * len(BASE_LABELS)


class _Marker(msgspec.Struct, array_like=True, gc=False):
    """The position (first, as in every marker) and the clocks.

    `emitted` and `greatest` are the watermark and the greatest clock at the last emission.
    """

    next_offset: int
    emitted: int | None
    greatest: int | None
    clocks: list[ClockRecord]


_pack: Final = msgspec.msgpack.Encoder()
_marker: Final = msgspec.msgpack.Decoder(_Marker)


class Merge:
    """The live state of one partition of `care.partials`."""

    def __init__(self, context: PartitionContext, *, stages: Sequence[str] = SOURCES) -> None:
        self._stages = stages
        self._partition = context.partition
        self._sharing = context.partitions[topics.PARTIALS]
        self._targets = context.partitions[topics.METRICS]
        self._next = 0
        self._flushed: int | None = None
        self._clocks: dict[tuple[str, int], ClockRecord] = {}
        self._watermark: int | None = None  # None until every source partition is known
        self._emitted: int | None = None
        self._greatest: int | None = None
        self._panes = Panes()
        self._rolling = Rolling(self._panes)
        self._outputs: list[Output] = []

    @property
    def next_offset(self) -> int:
        """The offset after the last record folded."""
        return self._next

    @property
    def next_due(self) -> int | None:
        """When a window is on time, moves on, or is past its keeping."""
        expected = (self._panes.next_deadline(), self._rolling.next_due())
        return min((at for at in expected if at is not None), default=None)

    def due_before(self, _clock: int) -> None:
        """Nothing of this stage waits for its own instant: windows close by whole seconds."""

    @property
    def told_until(self) -> int:
        """The last clock at which panes were told."""
        return self._emitted or 0

    @property
    def notice(self) -> None:
        """Nothing to tell: merge adds up whatever it is sent."""

    def restore(self, rows_: Iterable[Row], marker: bytes | None) -> int:
        """Takes the newest row of every key; raises Refused when one cannot be trusted."""
        at = rows.MARKER_KEY
        try:
            for key, value in rows_:
                at = key
                if value is not None:
                    self._panes.restore(key, rows.unseal(value))
            at = rows.MARKER_KEY
            if marker is not None:
                self._restore_marker(rows.unseal(marker))
        except InvalidRecord as error:
            raise self._refused(at, error.reason) from error
        except UNREADABLE as error:
            raise self._refused(at, "schema") from error
        if marker is None and self._panes:
            raise self._refused(rows.MARKER_KEY, "no_value")
        self._panes.restored()
        self._rolling.restored(self._emitted)
        return self._next

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        """Folds partials and clocks in order; a clock may cause an emission.

        Returns the offsets of dead letters.
        """
        dead: list[int] = []
        for record in records:
            if record.offset < self._next:
                continue
            self._next = record.offset + 1
            try:
                decoded = partials.decode(record.key, record.value)
                if isinstance(decoded, ClockRecord):
                    self._on_clock(decoded, record.offset)
                else:
                    self._on_partial(decoded, record)
            except InvalidRecord as error:
                self._outputs.append(self._dead_letter(record, error.reason))
                dead.append(record.offset)
        return dead

    def flush(self) -> Flush | None:
        """Hands over rows, marker and outputs; None when no record came since the last call."""
        if self._next == self._flushed:
            return None
        clocks = [self._clocks[source] for source in sorted(self._clocks)]
        marker = _pack.encode(_Marker(self._next, self._emitted, self._greatest, clocks))
        outputs, self._outputs = self._outputs, []
        self._flushed = self._next
        return Flush(
            next_offset=self._next,
            rows=[Row(key, value) for key, value in self._panes.take_rows()],
            marker=rows.seal(marker),
            outputs=outputs,
            held={"points": len(self._panes), "partials": self._panes.partials},
        )

    def _refused(self, key: bytes, reason: str) -> Refused:
        return Refused(
            f"care.state.merge partition {self._partition}: the row {key!r} cannot be trusted "
            f"({reason}). Nothing was changed. Restore the topic from a copy of it."
        )

    def _restore_marker(self, body: bytes) -> None:
        marker = _marker.decode(body)
        self._next = self._flushed = marker.next_offset
        self._emitted, self._greatest = marker.emitted, marker.greatest
        self._clocks = {(clock.stage, clock.partition): clock for clock in marker.clocks}
        self._watermark = self._least_clock()

    def _on_partial(self, partial: Partial, record: Record) -> None:
        metric = BY_ID.get(partial.series.metric)
        if metric is None:
            raise InvalidRecord("unknown_metric")
        if (
            partial.stage not in self._stages
            or partial.window not in metric.windows
            or len(partial.series.labels) != len(BASE_LABELS) + len(metric.labels)
            or not aligned(partial.window, partial.start, partial.end)
            or (partial.window in TUMBLING and partial.end is not None)
        ):
            raise InvalidRecord("schema", "partial")
        if record.value is None or partials.partial_key(partial) != record.key:
            raise InvalidRecord("wrong_key")
        if partial.window != "now" or partial.body != GONE:
            partials.decode_body(metric.id, partial.window, partial.body)
        end = window_end(partial.window, partial.start) if partial.end is None else partial.end
        hold = HOLD_MS + metric.horizon_ms
        if end is not None and self._watermark is not None and self._watermark >= end + hold:
            raise InvalidRecord("contradiction", "a partial of a window that is gone")
        self._panes.keep(partial, record.value)

    def _on_clock(self, clock: ClockRecord, offset: int) -> None:
        if clock.stage not in self._stages or not 0 <= clock.partition < clock.sources:
            raise InvalidRecord("schema", "clock")
        source = (clock.stage, clock.partition)
        known = self._clocks.get(source)
        if known is not None and clock.position <= known.position:
            return
        # A tick that repeats a second closes a replay, or comes from a second ticker: it says that
        # what came in between is complete, too.
        repeated = known is not None and clock.tick == known.tick
        self._clocks[source] = clock
        watermark = self._watermark = self._least_clock()
        greatest = max(one.clock for one in self._clocks.values())
        if self._greatest is None:
            self._greatest = greatest
        entered = watermark is not None and (
            self._emitted is None or watermark // 1000 > self._emitted // 1000
        )
        if entered or repeated or greatest >= self._greatest + LAG_MS:
            time = watermark if (entered or repeated) and watermark is not None else greatest
            self._emit(time, offset)
            self._emitted, self._greatest = watermark, greatest

    def _least_clock(self) -> int | None:
        known = dict.fromkeys(self._stages, 0)
        expected = dict.fromkeys(self._stages, 1)
        for clock in self._clocks.values():
            known[clock.stage] += 1
            expected[clock.stage] = max(expected[clock.stage], clock.sources)
        if known != expected:
            return None
        return min(clock.clock for clock in self._clocks.values())

    def _emit(self, time: int, position: int) -> None:
        """Publishes what changed, in the order of the keys, and ends what is past its time."""
        watermark = self._watermark
        passed = [] if watermark is None else self._panes.take_passed(watermark)
        due = self._panes.take_dirty()
        due.update((pane.id, pane) for pane in passed if _says_more_with_time(pane))
        said = {
            pane.key: _Said(pane, pane.values(), pane.end)
            for pane in due.values()
            if not pane.is_gone
        }
        for pane in due.values():
            if pane.id.window == MINUTE:
                self._rolling.note(pane)
        if watermark is not None:
            said |= {one.pane.key: _Said(*one) for one in self._rolling.roll(watermark)}
        for key in sorted(said):
            self._publish(said[key], time, position)
            self._panes.write(said[key].pane)
        self._forget(due.values(), passed, position)
        self._emit_clocks(time, position)

    def _forget(self, due: Iterable[KnownPane], passed: Iterable[KnownPane], position: int) -> None:
        """Gauges that no source partition has any more, and windows past their retention."""
        watermark = self._watermark
        gone = [pane for pane in due if pane.is_gone]
        for pane in sorted(gone, key=lambda one: one.key):
            self._panes.forget(pane)
            self._outputs.append(self._output(pane, None, position))
        for pane in passed:
            if watermark is not None and self._panes.settle(pane, watermark):
                self._outputs.append(self._output(pane, None, position))

    def _emit_clocks(self, time: int, position: int) -> None:
        """The watermark of this partition and the heartbeats of the source partitions it serves.

        Every partition of `care.partials` knows all clocks; number p mod M speaks for source p.
        """
        ticks: dict[int, int] = {}
        for clock in self._clocks.values():
            ticks[clock.partition] = min(clock.tick, ticks.get(clock.partition, clock.tick))
        instants = [
            ("heartbeat", source, tick)
            for source, tick in sorted(ticks.items())
            if source % self._sharing == self._partition and tick > 0
        ]
        if self._watermark is not None:
            instants.append(("watermark", self._partition, self._watermark))
        for metric, partition, at in instants:
            pane = self._panes.pane(PaneId(metric, (*_NONE, str(partition)), "now", None))
            if self._publish(_Said(pane, (Moment(at), None), None), time, position):
                self._panes.write(pane)

    def _edition(self, pane: KnownPane, end: int | None) -> Pane:
        if end is None:
            return "on_time"
        if pane.id.window in ROLLING:
            return "late" if end == pane.published.end else "on_time"
        due = end + GRACE_MS
        if self._watermark is None or self._watermark < due:
            return "early"
        if pane.published.pane is None:
            missed = self._emitted is not None and self._emitted >= due
            return "late" if missed else "on_time"
        return "on_time" if pane.published.pane == "early" else "late"

    def _publish(self, said: "_Said", time: int, position: int) -> bool:
        """Publishes unless it would say the same again; says whether it did."""
        pane, (value, gross), end = said
        published, edition = pane.published, self._edition(pane, end)
        is_open = pane.is_open(self._watermark)
        ends = None if pane.id.window in TUMBLING else end
        digest = points.digest(value, gross, ends, provisional=is_open)
        completes = edition == "on_time" and published.pane == "early"
        if digest == published.digest and not completes:
            return False
        published.pane, published.digest, published.provisional = edition, digest, is_open
        published.revision += 1
        rolls = pane.id.window in ROLLING
        if rolls:
            published.end = end
        point = Point(
            metric=pane.id.metric,
            labels=pane.id.labels,
            window=pane.id.window,
            start=end - ROLLING[pane.id.window] if rolls and end is not None else pane.id.start,
            pane=edition,
            revision=published.revision,
            time=time,
            value=value,
            gross=gross,
            ends=ends,
            provisional=is_open,
        )
        self._outputs.append(self._output(pane, points.encode_point(point), position))
        return True

    def _output(self, pane: KnownPane, value: bytes | None, position: int) -> Output:
        partition = points.point_partition(pane.id.metric, pane.id.labels, self._targets)
        headers = () if value is None else (CONTENT_TYPE,)
        return Output(topics.METRICS, partition, pane.key, value, position, headers)

    def _dead_letter(self, record: Record, reason: str) -> Output:
        return dead_letter(
            record, reason, stage="merge", source=topics.PARTIALS, partition=self._partition
        )


class _Said(NamedTuple):
    """What is to be said of a pane, and the end of its window (None: it has none)."""

    pane: KnownPane
    values: tuple[Value, Value | None]
    end: int | None


def _says_more_with_time(pane: KnownPane) -> bool:
    """Whether the watermark alone completes it, or ends that it is provisional."""
    return pane.published.pane == "early" or pane.published.provisional


PROCESSOR: Final = Processor(
    name="merge",
    reads=topics.PARTIALS,
    writes=(topics.METRICS, topics.DEAD),
    build=Merge,
    is_control=partials.is_clock_key,
)
"""`care.partials` -> `care.metrics`."""
