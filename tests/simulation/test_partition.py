"""One partition on the in-memory log: how it takes in, how it flushes, when it gives up."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from carewatch.engine.observer import Flushed, Observer
from carewatch.engine.partition import Partition, Timings
from carewatch.engine.ports import Message
from carewatch.processors.base import PartitionContext, Record, Row, Stage
from carewatch.wire.rows import MARKER_KEY
from support.counting import Counting, counting_processor
from support.fake_clients import FakeProducer, FakeReader, Host, Weather
from support.fake_group import Coordinator, FakeGroup
from support.fake_log import FakeLog
from support.world import World

T = TypeVar("T")

SOURCE, RESULTS = "one.source", "one.results"
PROCESSOR = counting_processor("one", reads=SOURCE, results=RESULTS)
TIMINGS = Timings(start=5.0, flush=1.5, pause=0.02, idle=3.0, undurable_records=100)


class Slow(Counting):
    """Takes 50 us of the world's time a record, and notes how many came at once."""

    world: World
    slices: list[int]

    restored_beside: bool
    told_until = 0
    dwells = 0
    """So many calls more before the next record is through."""

    def restore(self, rows: Iterable[Row], marker: bytes | None) -> int:
        self.restored_beside = asyncio._get_running_loop() is None
        return super().restore(rows, marker)

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        if self.dwells:
            self.dwells -= 1
            return []
        self.slices.append(len(records))
        self.world.now_us += 50 * len(records)
        self.told_until += sum(record.value == b"tell" for record in records)
        return super().on_records(records)


class Heard(Observer):
    """What was flushed."""

    def __init__(self) -> None:
        self.flushes: list[Flushed] = []

    def flushed(self, stage: str, partition: int, flushed: Flushed) -> None:
        self.flushes.append(flushed)


class Room:
    """A process that owns the one partition there is."""

    def __init__(self, *, weather: Weather | None = None, timings: Timings = TIMINGS) -> None:
        self.world = World(1)
        self.log = FakeLog(self.world, {SOURCE: 1, RESULTS: 1, PROCESSOR.changelog: 1})
        self.process = self.world.process("worker")
        self.host = Host(self.log, self.process, weather or Weather())
        self.group = FakeGroup(self.host, Coordinator(self.log, 1, session_ms=3_600_000))
        self.heard = Heard()
        self.slices: list[int] = []
        self.partition = Partition(
            processor=replace(PROCESSOR, build=self._build),
            context=PartitionContext(partition=0, partitions={SOURCE: 1, RESULTS: 1}),
            producers=lambda stated: FakeProducer(self.host, stated),
            log=FakeReader(self.host),
            group=self.group,
            observer=self.heard,
            timings=timings,
        )
        self.run(self.group.beat())
        self.run(self.partition.open())

    def _build(self, context: PartitionContext) -> Stage:
        made = self.stage = Slow(context, RESULTS)
        made.world, made.slices = self.world, self.slices
        return made

    def run(self, work: "asyncio._CoroutineLike[T]") -> T:
        return self.world.complete(self.process.spawn(work))  # type: ignore[arg-type]

    def records(self, count: int, value: bytes = b"x") -> list[Record]:
        """So many new records of the source, as they are read."""
        first = self.log.partition(SOURCE, 0).end
        for _ in range(count):
            self.log.append(SOURCE, 0, Message(b"k", value))
        return self.log.committed(SOURCE, 0)[first:]

    def counted(self) -> list[bytes | None]:
        return [record.value for record in self.log.committed(RESULTS, 0)]

    def markers(self) -> int:
        """How many are committed, once the broker has marked the last transaction as such."""
        self.run(asyncio.sleep(0.01))
        rows = self.log.committed(PROCESSOR.changelog, 0)
        return sum(record.key == MARKER_KEY for record in rows)


def test_records_under_an_old_token_are_not_folded() -> None:
    """Invariant 5: they were fetched before the position was moved."""
    room = Room()
    old = room.group.token(0)
    records = room.records(5)
    room.group.seek(0, 0)

    taken = room.run(room.partition.feed(records, old))
    then = room.run(room.partition.feed(records, room.group.token(0)))

    assert (taken, then) == (False, True)
    assert room.slices == [5]


def test_what_would_run_too_far_ahead_of_the_log_waits_for_a_flush() -> None:
    """Invariant 10: memory is bounded by what is folded and not durable."""
    room = Room(timings=replace(TIMINGS, undurable_records=128))
    feeding = room.process.spawn(room.partition.feed(room.records(1000), room.group.token(0)))
    room.world.run(lambda: False, max_steps=10_000)
    waiting = (feeding.done(), sum(room.slices))
    room.run(room.partition.flush())
    room.world.run(lambda: False, max_steps=10_000)
    after_one = sum(room.slices)

    assert waiting == (False, 128)
    assert 128 < after_one <= 256 + 128
    assert not feeding.done()
    room.world.close()


def test_slices_become_as_long_as_two_milliseconds_allow_and_others_run_between() -> None:
    """Invariant 11: 50 us a record make about 40 of them a slice."""
    room = Room(timings=replace(TIMINGS, undurable_records=100_000))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    room.process.spawn(beat())
    room.run(room.partition.feed(room.records(2000), room.group.token(0)))

    assert sum(room.slices) == 2000
    assert max(room.slices[2:]) <= 40
    assert min(room.slices[2:-1]) >= 16
    assert beats >= len(room.slices) - 1
    room.world.close()


def test_the_loop_goes_on_while_one_record_takes_long() -> None:
    """It is handed over again until it is through, and counted once."""
    room = Room()
    room.stage.dwells = 5
    beats: list[int] = []

    async def beat() -> None:
        while True:
            beats.append(room.stage.dwells)
            await asyncio.sleep(0)

    room.process.spawn(beat())
    room.run(room.partition.feed(room.records(3), room.group.token(0)))

    assert {5, 4, 3, 2, 1} <= set(beats)
    assert (room.slices, room.partition.next_offset) == ([3], 3)
    room.world.close()


def test_a_partition_that_is_lost_in_the_middle_of_a_record_drops_it() -> None:
    room = Room()
    room.stage.dwells = 1_000_000
    feeding = room.process.spawn(room.partition.feed(room.records(3), room.group.token(0)))
    room.world.run(lambda: room.stage.dwells < 999_990, max_steps=1_000)
    room.group.seek(0, 0)

    assert room.world.complete(feeding) is False
    assert room.partition.next_offset == 0
    room.world.close()


def test_no_transaction_is_empty_and_a_marker_alone_waits_for_company() -> None:
    """Invariant 15."""
    room = Room()
    first = room.markers()
    room.run(room.partition.flush())
    nothing_new = room.markers()
    room.run(room.partition.feed(room.records(3, b"quiet"), room.group.token(0)))
    room.run(room.partition.flush())
    held_back = (room.markers(), room.partition.durable_offset)
    room.run(asyncio.sleep(TIMINGS.idle))
    room.run(room.partition.flush())
    alone = (room.markers(), room.partition.durable_offset)

    assert first == nothing_new == 1
    assert held_back == (1, 0)
    assert alone == (2, 3)


def test_a_marker_that_waited_goes_with_the_next_results() -> None:
    room = Room()
    room.run(room.partition.feed(room.records(3, b"quiet"), room.group.token(0)))
    room.run(room.partition.flush())
    room.run(room.partition.feed(room.records(1), room.group.token(0)))
    room.run(room.partition.flush())

    assert room.partition.durable_offset == 4
    assert [flush.rows for flush in room.heard.flushes] == [1]


def test_a_flush_that_does_not_end_is_given_up_before_the_broker_does() -> None:
    """Invariants 3 and 4: its outcome is unknown, so memory and producer go."""
    room = Room()
    room.run(room.partition.feed(room.records(2), room.group.token(0)))
    room.host.weather = Weather(commit_lost=1000)
    flushing = room.process.spawn(room.partition.flush())
    began = room.world.now()
    room.world.run(flushing.done, max_steps=100_000)
    took = room.world.now() - began
    was_live = room.partition.live
    room.host.weather = Weather()
    room.run(room.partition.open())
    room.run(room.partition.feed(room.log.committed(SOURCE, 0), room.group.token(0)))
    room.run(room.partition.flush())

    assert type(flushing.exception()) is TimeoutError
    assert 1_500 <= took < 2_000
    assert not was_live
    assert room.counted() == [b"k:1", b"k:2"]


def test_the_first_marker_stands_before_anything_is_read() -> None:
    """Invariant 9: a group's offset without a marker then means that state was lost."""
    room = Room()

    assert room.markers() == 1
    assert room.slices == []
    assert room.counted() == []


def test_a_restore_holds_nothing_up() -> None:
    """Heartbeats go on: a million rows take longer than the group waits for one."""
    assert Room().stage.restored_beside


def test_what_was_told_is_flushed_at_once() -> None:
    """The next stage, and in the end people, wait for nothing else."""
    room = Room()

    def waited() -> int:
        began = room.world.now()
        room.run(room.partition.until_told(10.0))
        return room.world.now() - began

    room.run(room.partition.feed(room.records(1), room.group.token(0)))
    without = waited()
    room.run(room.partition.feed(room.records(1, b"tell"), room.group.token(0)))
    told = waited()
    room.run(room.partition.flush())

    assert (without, told, waited()) == (10_000, 0, 10_000)
