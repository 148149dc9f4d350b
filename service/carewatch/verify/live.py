"""Judging a cluster that may be at work: what is committed, up to the worker's position.

The position of a partition is its heartbeat, the newest tick that passed every stage, as one
partition of the last stage tells it; the others may be behind, so no position is beyond the least
of their watermarks. What follows from records up to the last tick until then is published; what
came after is left out, and said. So are points that change by time alone up to the log's end: the
topic may hold them from before as well as from after. Where the head of
the log is gone, so is what older conversations did: they are left out with the windows they may
have touched, and so are `total` and `now`.
"""

import json
from collections.abc import Callable
from typing import Any

from carewatch.verify.admission import Control, Dead, Event, admit
from carewatch.verify.comparison import Report
from carewatch.verify.found import DEAD, FACTS, LATE, METRICS, SLA, Found
from carewatch.verify.instants import DAY, instant
from carewatch.verify.oracle import Key, Oracle
from carewatch.verify.reading import CannotJudge, Cluster, Extent, Stored
from carewatch.verify.verdict import Scope, judge

EVENTS, PARTIALS, RULEBOOKS = "care.events", "care.partials", "care.rulebooks"
LATENESS = DAY
"""How long after the first record that is kept an older conversation may still be heard of."""

Read = Event | Control | None
"""A record as it was understood; None if it was not."""

Seen = Callable[[str, int], None]
"""Called with a topic and how many records it holds, then again (with 0) for each record read."""


async def judge_cluster(options: dict[str, Any], seen: Seen) -> Report:
    """Reads everything, once, and compares; raises CannotJudge where there is nothing to say."""
    async with Cluster(options) as cluster:
        found = Found()
        await _take(cluster, METRICS, found, seen)
        beats = _positions(found, await cluster.extent(PARTIALS))
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


def _positions(found: Found, partials: Extent) -> dict[int, int]:
    """Up to when everything that follows from a partition of the events is published."""
    marks = _instants(found, "watermark")
    silent = sorted(set(partials.end) - set(marks))
    if silent:
        raise CannotJudge(
            f"{METRICS} has no watermark of {PARTIALS} {', '.join(map(str, silent))}: not every "
            "partition has a clock yet. Remedy: start a worker, or wait for it"
        )
    everywhere = min(marks.values())
    return {one: min(at, everywhere) for one, at in _instants(found, "heartbeat").items()}


def _instants(found: Found, metric: str) -> dict[int, int]:
    points = (one for one in found.points.values() if one["metric"] == metric)
    return {int(one["partition"]): instant(one["at"]) for one in points if one.get("at")}


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
    """Takes the records up to the last tick of each partition that is not beyond its position.

    What comes after is noted: the conversations that move, and how far the clock is.
    """
    seen(EVENTS, events.records)
    waiting: dict[int, list[tuple[Stored, Read]]] = {one: [] for one in scope.beats}
    passed: set[int] = set()
    async for one in cluster.read(events):
        seen(EVENTS, 0)
        try:
            read: Read = admit(one.value, one.key)
        except Dead:
            read = None
        number = one.partition
        if number not in scope.heads and read is not None and events.first[number]:
            scope.heads[number] = read.recorded + LATENESS
        waiting[number].append((one, read))
        if not isinstance(read, Control) or read.type != "care.tick":
            continue
        scope.ends[number] = max(read.recorded, scope.ends.get(number, 0))
        if number not in passed and read.recorded <= scope.beats[number]:
            for stored, _ in waiting[number]:
                oracle.take(number, stored.value, offset=stored.offset, key=stored.key)
        else:
            scope.moving |= _moving(waiting[number])
        waiting[number].clear()
        if read.recorded >= scope.beats[number]:
            passed.add(number)
    for left in waiting.values():
        scope.moving |= _moving(left)


def _moving(records: list[tuple[Stored, Read]]) -> set[Key]:
    events = (read for _, read in records if read is not None and not isinstance(read, Control))
    return {event.conversation for event in events}
