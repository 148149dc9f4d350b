"""Ticks between two whole seconds: what is due happens at once, all else waits for the second."""

from typing import Any

from carewatch.domain.times import format_time
from carewatch.processors.base import Output
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from support.envelopes import START, encode, message
from support.replays import POLICY, publication, values
from support.track_lane import TrackLane

COUNTS = {topics.EVENTS: 1, topics.PARTIALS: 2}
SECOND, MINUTE = 1000, 60_000
DUE = START + 5 * MINUTE


def tick(at: int) -> tuple[None, bytes]:
    return None, encode_tick(partition=0, at=format_time(at))


def waiting() -> TrackLane:
    """A customer waits for the first answer, which is due on a whole second, and its tick came."""
    lane = TrackLane(0, COUNTS)
    lane.read(None, publication(POLICY))
    one = message(0, id_="e1")
    lane.read(one["partitionkey"].encode(), encode(one))
    for at in (DUE - SECOND, DUE):
        lane.read(*tick(at))
    return lane


def breaches(outputs: list[Output]) -> list[dict[str, Any]]:
    said = (one["data"] for one in values(outputs, topics.SLA))
    return [one for one in said if one["to"] == "breached"]


def test_a_breach_is_told_by_the_tick_of_its_own() -> None:
    lane = waiting()
    assert lane.stage.due_before(DUE) is None
    assert lane.stage.due_before(DUE + 100) == DUE

    written = lane.read(*tick(DUE + 100))

    assert [one["at"] for one in breaches(written)] == [format_time(DUE)]
    assert topics.PARTIALS not in {output.topic for output in written}
    assert lane.stage.due_before(DUE + SECOND) is None


def test_windows_and_readers_wait_for_the_second() -> None:
    lane = waiting()
    told = lane.stage.told_until
    lane.read(*tick(DUE + 100))
    assert lane.stage.told_until == told

    written = lane.read(*tick(DUE + SECOND))

    assert breaches(written) == []
    assert topics.PARTIALS in {output.topic for output in written}
    assert lane.stage.told_until == DUE + SECOND


def test_nor_does_a_restore_between_them_tell_the_windows_sooner() -> None:
    lane = waiting()
    lane.read(*tick(DUE + 100))
    heir = TrackLane(0, COUNTS, lane.table, lane.marker)

    assert heir.read(*tick(DUE + 200)) == lane.read(*tick(DUE + 200)) == []
    at_once, after_a_restore = (one.read(*tick(DUE + SECOND)) for one in (lane, heir))
    assert sorted(after_a_restore, key=str) == sorted(at_once, key=str)


def test_one_that_is_the_first_of_its_second_stands_for_it() -> None:
    """The second's own was not written: Kafka was away."""
    lane = waiting()

    written = lane.read(*tick(DUE + SECOND + 100))

    assert topics.PARTIALS in {output.topic for output in written}
