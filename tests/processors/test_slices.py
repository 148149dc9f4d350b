"""Records that change all of a partition's state: folded a few conversations at a time."""

from collections.abc import Iterator

import pytest

from carewatch.domain.times import format_time
from carewatch.processors.base import Flush, Output, PartitionContext, Record, Row
from carewatch.processors.conversation_rows import is_row_key
from carewatch.processors.track import SLICE, Track
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from support.envelopes import START, encode, message
from support.replays import POLICY, publication

COUNTS = {topics.EVENTS: 1, topics.PARTIALS: 2}
MANY = 80
HOUR = 3_600_000


def tick(at: int) -> tuple[None, bytes]:
    return None, encode_tick(partition=0, at=format_time(START + at))


def log(*then: tuple[bytes | None, bytes]) -> list[Record]:
    """Many customers wait for an answer, after a first rulebook; `then` comes last."""
    values: list[tuple[bytes | None, bytes]] = [(None, publication(POLICY))]
    for number in range(MANY):
        one = message(number, id_=f"e{number}", key=f"c{number:03}")
        values.append((one["partitionkey"].encode(), encode(one)))
    return [Record(offset, *value) for offset, value in enumerate([*values, tick(60_000), *then])]


RECALLED = log((None, publication(number=2)), tick(61_000))
"""A rulebook that was in effect before it was read: all that was promised is taken back."""

COMING = log((None, publication(number=2, effective_at=START + 90_000)), tick(89_000), tick(91_000))
"""The same, in effect at a later tick."""

BREACHED = log(tick(HOUR), tick(HOUR + 1000))
"""All deadlines pass at one tick."""

LOGS = pytest.mark.parametrize("records", [RECALLED, COMING, BREACHED])


def stage(*, in_slices: bool) -> Track:
    track = Track(PartitionContext(partition=0, partitions=COUNTS, in_slices=in_slices))
    track.restore([], None)
    return track


def steps(track: Track, records: list[Record]) -> Iterator[Flush | None]:
    """Hands over what is left until all is folded; after each time a flush is tried."""
    while left := [record for record in records if record.offset >= track.next_offset]:
        track.on_records(left[:1])
        yield track.flush()


def outputs(flushes: list[Flush | None]) -> list[Output]:
    return [output for flush in flushes if flush is not None for output in flush.outputs]


def table(flushes: list[Flush | None]) -> dict[bytes, bytes | None]:
    return {row.key: row.value for flush in flushes if flush is not None for row in flush.rows}


@LOGS
def test_slices_change_no_byte(records: list[Record]) -> None:
    sliced = list(steps(stage(in_slices=True), records))
    whole = list(steps(stage(in_slices=False), records))

    assert len(whole) == len(records)
    assert len(sliced) > len(records) + MANY // SLICE
    assert outputs(sliced) == outputs(whole)
    assert table(sliced) == table(whole)


@LOGS
def test_no_step_changes_more_conversations_than_a_slice(records: list[Record]) -> None:
    """A million would hold the loop for minutes: heartbeats stop, and the watchdog bites."""
    track = stage(in_slices=True)
    changed, before = [], 0
    for flush in steps(track, records):
        packed = sum(map(is_row_key, track._rows))
        written = sum(is_row_key(row.key) for row in flush.rows) if flush else packed
        changed.append(written - before)
        before = packed

    assert max(changed) == SLICE


@LOGS
def test_half_a_record_is_never_flushed(records: list[Record]) -> None:
    track = stage(in_slices=True)
    for flush in steps(track, records):
        if track._underway is not None:
            assert flush is None

    assert [flush for flush in steps(track, records) if flush] == []


@LOGS
def test_a_kill_between_two_slices_changes_nothing(records: list[Record]) -> None:
    whole = list(steps(stage(in_slices=False), records))
    for killed_after in (MANY + 2, MANY + 4, MANY + 6):
        track = stage(in_slices=True)
        before = []
        for number, flush in enumerate(steps(track, records)):
            before.append(flush)
            if number == killed_after:
                break
        durable = [flush for flush in before if flush is not None]
        heir = Track(PartitionContext(partition=0, partitions=COUNTS, in_slices=True))
        rows = [Row(key, value) for key, value in table(before).items()]
        heir.restore(rows, durable[-1].marker)
        after = list(steps(heir, records))

        assert outputs(before) + outputs(after) == outputs(whole)
        assert {**table(before), **table(after)} == table(whole)


def test_a_partition_that_was_given_back_goes_on_in_the_middle() -> None:
    """Its position is moved to the record that is half folded: that goes on, and counts once."""
    track = stage(in_slices=True)
    flushes: list[Flush | None] = []
    for number, flush in enumerate(steps(track, RECALLED)):
        flushes.append(flush)
        if number == MANY + 5:
            break
    half = track.next_offset
    flushes += steps(track, RECALLED)

    assert RECALLED[half].value == publication(number=2)
    assert outputs(flushes) == outputs(list(steps(stage(in_slices=False), RECALLED)))


def test_what_a_tick_tells_is_told_at_its_end() -> None:
    """Whoever waits for it would flush half a tick otherwise, and not the whole one."""
    track = stage(in_slices=True)
    seen = [
        (track._underway is None, track.told_until, track._tick) for _ in steps(track, BREACHED)
    ]

    assert [told == tick for whole, told, tick in seen] == [whole for whole, _, _ in seen]
    assert sum(not whole for whole, _, _ in seen) > 2 * MANY // SLICE
