"""How far a worker has come, as the oracle reads it from the topics of a cluster at work."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from carewatch.domain.times import format_time
from carewatch.verify.found import EVENTS, Found
from carewatch.verify.instants import HOUR
from carewatch.verify.live import PARTIALS, _positions, _tell
from carewatch.verify.oracle import Oracle
from carewatch.verify.reading import CannotJudge, Extent, Stored
from carewatch.verify.verdict import Scope, judge
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from support.envelopes import START, encode, message
from support.replays import replay
from support.standing import read

QUESTION, ANSWER = message(0, id_="e1"), message(60_000, id_="e2", actor="agent", actor_key="a1")
END = START + 120_000


def instants(**said: dict[int, int]) -> Found:
    """The points `heartbeat` and `watermark` by partition."""
    found = Found()
    for metric, by_partition in said.items():
        for partition, at in by_partition.items():
            name = f"{metric}{partition}"
            found.points[name] = {
                "metric": metric, "partition": str(partition), "at": format_time(at),
            }  # fmt: skip
    return found


def test_no_position_is_beyond_the_slowest_partition_of_the_last_stage() -> None:
    """Partition 0 tells how far source 0 is with itself; its points may stand in partition 1."""
    found = instants(heartbeat={0: 9000, 1: 5000}, watermark={0: 8000, 1: 6000})

    assert _positions(found, Extent(PARTIALS, {}, {0: 1, 1: 1})) == {0: 6000, 1: 5000}


def test_a_partition_that_says_nothing_may_lack_everything() -> None:
    found = instants(heartbeat={0: 9000}, watermark={0: 8000})

    with pytest.raises(CannotJudge, match=r"no watermark of care\.partials 1: .*start a worker"):
        _positions(found, Extent(PARTIALS, {}, {0: 1, 1: 1}))


class Log:
    """A cluster whose one partition of the events holds these records."""

    def __init__(self, *values: bytes) -> None:
        self.values = values

    async def read(self, _extent: Extent) -> AsyncIterator[Stored]:
        for offset, value in enumerate(self.values):
            yield Stored(0, offset, key_of(value), value, {})


def key_of(value: bytes) -> bytes | None:
    """Events have the key of their conversation, ticks have none."""
    key: str | None = json.loads(value).get("partitionkey")
    return None if key is None else key.encode()


async def told(log: Log, position: int) -> tuple[Oracle, Scope]:
    oracle, scope = Oracle(derive=False), Scope({0: position})
    extent = Extent(EVENTS, {0: 0}, {0: len(log.values)})
    cluster: Any = log
    await _tell(cluster, extent, oracle, scope, lambda _topic, _records: None)
    return oracle, scope


def ticked(at: int) -> bytes:
    return encode_tick(partition=0, at=format_time(at))


async def test_records_up_to_the_last_tick_before_the_position_are_taken_and_no_more() -> None:
    log = Log(encode(QUESTION), ticked(START + 1000), encode(ANSWER), ticked(START + 61_000))

    oracle, scope = await told(log, START + 60_500)

    assert len(oracle.places) == 2
    assert (scope.moving, scope.ends) == ({("acme", "c1")}, {0: START + 61_000})


async def test_at_the_position_itself_a_tick_closes_what_is_taken() -> None:
    log = Log(encode(QUESTION), ticked(START + 1000), encode(ANSWER), ticked(START + 1000))

    oracle, scope = await told(log, START + 1000)

    assert (len(oracle.places), scope.moving) == (2, {("acme", "c1")})


async def test_what_no_tick_follows_yet_is_on_its_way() -> None:
    oracle, scope = await told(Log(ticked(START), encode(QUESTION)), START)

    assert (len(oracle.places), scope.moving) == (1, {("acme", "c1")})


def test_points_that_time_alone_changes_until_the_end_of_the_log_are_left_out() -> None:
    """One partition may be ahead of another when the topic is read: either may stand."""
    oracle = Oracle(derive=False)
    for number, one in enumerate((QUESTION, ANSWER)):
        oracle.take(0, encode(one), offset=number)
    oracle.tick(0, END)
    ended = read(replay([QUESTION, ANSWER], until=START + 25 * HOUR, policies=()))
    ended.said_at = dict.fromkeys(ended.said_at, END)

    def differences(scope: Scope) -> list[str]:
        report = judge(oracle, ended, scope)
        return [one.key for one in report.differences if one.topic == topics.METRICS]

    assert differences(Scope({0: END})) != []
    assert differences(Scope({0: END}, ends={0: START + 25 * HOUR})) == []
