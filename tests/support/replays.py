"""Runs events through the replay driver and reads what came out."""

import json
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from carewatch.domain.rulebook import Document, Policy, Schedule, TargetRule, Threshold
from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.wire import topics
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.envelopes import Event, encode

BEGINNING = parse_time("0001-01-01T00:00:00.000Z")

POLICY = Policy(
    policy="p",
    version=1,
    effective_from="2020-01-01T00:00:00Z",
    order=10,
    targets={
        "first_reply": TargetRule(urgent="1m", normal="5m"),
        "next_reply": TargetRule(all="3m"),
    },
    at_risk=[Threshold(at="50%")],
)


def publication(
    *policies: Policy,
    number: int = 1,
    effective_at: int = BEGINNING,
    schedules: Sequence[Schedule] = (),
    duplicates_within: str = "168h",
) -> bytes:
    """The control record of a rulebook with these policies."""
    document = Document(
        policies=list(policies), schedules=list(schedules), duplicates_within=duplicates_within
    )
    canonical = encode_document(document)
    return encode_publication(
        number=number, canonical=canonical, effective_at=effective_at, recorded_at=effective_at
    )


def replay(
    events: Sequence[Event],
    *,
    until: int | None = None,
    partitions: int = 1,
    policies: Sequence[Policy] = (POLICY,),
    schedules: Sequence[Schedule] = (),
    between: Sequence[int] = (),
) -> list[Output]:
    """Everything that the processors write, in order.

    One tick before each event, those `between` (ms, in order), and one at `until`: timers fire at
    their own instants however late a tick comes, so the seconds in between would only take time.
    """
    written: list[Output] = []
    driver = Replay(written.append, partitions=partitions)
    driver.everywhere(publication(*policies, schedules=schedules))
    more = deque(between)
    for one in events:
        recorded = parse_time(one["recordedtime"])
        second = recorded - recorded % 1000
        while more and more[0] < second:
            driver.tick(more.popleft())
        driver.tick(second)
        while more and more[0] <= recorded:
            driver.tick(more.popleft())
        driver.event(one["partitionkey"], encode(one))
    for at in more:
        driver.tick(at)
    if until is not None:
        driver.tick(until)
    return written


def values(outputs: Iterable[Output], topic: str) -> list[dict[str, Any]]:
    """The JSON values of a topic."""
    return [orjson.loads(o.value) for o in outputs if o.topic == topic and o.value is not None]


class NotInForceError(AssertionError):
    """A withdrawal of something that is not in force, or an id used twice."""


def net(outputs: Iterable[Output], topic: str) -> list[dict[str, Any]]:
    """The records of a topic with withdrawals taken out, in order; checks the ids."""
    alive: dict[str, dict[str, Any]] = {}
    used: set[str] = set()
    for value in values(outputs, topic):
        if value["id"] in used:
            raise NotInForceError(f"the id {value['id']} is used twice")
        used.add(value["id"])
        if value["data"]["sign"] == 1:
            alive[value["id"]] = value
        elif value["data"]["corrects"] not in alive:
            raise NotInForceError(f"{value['id']} corrects what is not in force")
        else:
            taken = alive.pop(value["data"]["corrects"])["data"]
            told = {k: v for k, v in value["data"].items() if k not in _SAID}
            assert {k: v for k, v in taken.items() if k not in _SAID} == told
    return list(alive.values())


_SAID = ("sign", "corrects", "cause")


def contents(outputs: Iterable[Output]) -> Counter[str]:
    """The net facts and SLA transitions without ids and causes: what is said to be true."""
    outputs = list(outputs)
    records = net(outputs, topics.FACTS) + net(outputs, topics.SLA)
    return Counter(
        json.dumps({k: v for k, v in one["data"].items() if k not in _SAID}, sort_keys=True)
        for one in records
    )


def points(outputs: Iterable[Output]) -> dict[str, dict[str, Any]]:
    """The newest point of every key, without revision, pane and the moment it was said."""
    newest: dict[str, dict[str, Any]] = {}
    for output in outputs:
        if output.topic != topics.METRICS or output.key is None:
            continue
        if output.value is None:
            newest.pop(output.key.decode(), None)
            continue
        data = orjson.loads(output.value)["data"]
        if data["metric"] in ("watermark", "heartbeat"):
            continue
        newest[output.key.decode()] = {
            k: v for k, v in data.items() if k not in ("revision", "pane")
        }
    return newest


def totals(outputs: Iterable[Output]) -> dict[str, dict[str, Any]]:
    """What counts since the beginning, net, by series; nothing is as good as a zero.

    Without what is counted about the arrival of events, which is another one in another order.
    """
    net_ = {
        key: {name: value for name, value in point.items() if name in _NET}
        for key, point in points(outputs).items()
        if point["window"] == "total" and point["metric"] not in _OF_ARRIVAL
    }
    return {key: value for key, value in net_.items() if any(value.values())}


_NET = ("value", "n", "d", "count", "sum", "sum_ms", "buckets")
_OF_ARRIVAL = ("corrections", "late_facts", "duplicate_events", "clamped_future", "late_events")
