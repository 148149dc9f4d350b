"""Judging a cluster that may be at work: what is committed, up to the worker's position.

The position of a partition is its heartbeat: the newest tick that passed every stage. What follows
from records up to that tick is published; what came after is left out, and said. Where the head of
the log is gone, so is what older conversations did: they are left out with the windows they may
have touched, and so are `total` and `now`.
"""

import json
from collections.abc import Callable
from typing import Any

from carewatch.verify.admission import Control, Dead, admit
from carewatch.verify.comparison import Report
from carewatch.verify.found import DEAD, FACTS, LATE, METRICS, SLA, Found
from carewatch.verify.instants import DAY, instant
from carewatch.verify.oracle import Oracle
from carewatch.verify.reading import CannotJudge, Cluster, Extent
from carewatch.verify.verdict import Scope, judge

EVENTS, RULEBOOKS = "care.events", "care.rulebooks"
LATENESS = DAY
"""How long after the first record that is kept an older conversation may still be heard of."""

Seen = Callable[[str, int], None]
"""Called with a topic and how many records it holds, then again (with 0) for each record read."""


async def judge_cluster(options: dict[str, Any], seen: Seen) -> Report:
    """Reads everything, once, and compares; raises CannotJudge where there is nothing to say."""
    async with Cluster(options) as cluster:
        found = Found()
        await _take(cluster, METRICS, found, seen)
        beats = _heartbeats(found)
        for topic in (FACTS, SLA, LATE, DEAD):
            await _take(cluster, topic, found, seen)
        events = await cluster.extent(EVENTS)
        silent = sorted(set(events.end) - set(beats))
        if silent:
            raise CannotJudge(
                f"{METRICS} has no heartbeat of {EVENTS} {', '.join(map(str, silent))}: no tick "
                "has passed every stage. Remedy: start a worker, or wait for it"
            )
        oracle, scope = Oracle(derive=False), Scope(beats)
        if any(events.first.values()):
            await _rulebooks(cluster, oracle, seen)
        await _tell(cluster, events, oracle, scope, seen)
        return judge(oracle, found, scope)


async def _take(cluster: Cluster, topic: str, found: Found, seen: Seen) -> None:
    extent = await cluster.extent(topic)
    seen(topic, extent.records)
    async for one in cluster.read(extent):
        seen(topic, 0)
        if topic == DEAD:
            found.take_dead({name: text.decode() for name, text in one.headers.items()})
            continue
        key = None if one.key is None else one.key.decode()
        found.take(topic, key, None if one.value is None else json.loads(one.value))


def _heartbeats(found: Found) -> dict[int, int]:
    beats = (one for one in found.points.values() if one["metric"] == "heartbeat")
    return {int(one["partition"]): instant(one["at"]) for one in beats if one.get("at")}


async def _rulebooks(cluster: Cluster, oracle: Oracle, seen: Seen) -> None:
    """The published rulebooks, whole: the head of the log may have held some."""
    extent = await cluster.extent(RULEBOOKS)
    seen(RULEBOOKS, extent.records)
    published: dict[int, dict[str, Any]] = {}
    async for one in cluster.read(extent):
        seen(RULEBOOKS, 0)
        if one.value is not None:
            said = json.loads(one.value)["data"]
            published[said["number"]] = said
    for number, said in sorted(published.items()):
        oracle.enforce(said["document"], number, instant(said["effective_at"]))


async def _tell(cluster: Cluster, events: Extent, oracle: Oracle, scope: Scope, seen: Seen) -> None:
    """Takes every record up to the position of its partition, and notes what comes after."""
    seen(EVENTS, events.records)
    passed: set[int] = set()
    async for one in cluster.read(events):
        seen(EVENTS, 0)
        try:
            read = admit(one.value, one.key)
        except Dead:
            read = None
        if one.partition not in scope.heads and read is not None and events.first[one.partition]:
            scope.heads[one.partition] = read.recorded + LATENESS
        tick = isinstance(read, Control) and read.type == "care.tick"
        if one.partition in passed:
            if read is not None and not isinstance(read, Control):
                scope.moving.add(read.conversation)
            continue
        oracle.take(one.partition, one.value, offset=one.offset, key=one.key)
        if tick and read is not None and read.recorded >= scope.beats[one.partition]:
            passed.add(one.partition)
