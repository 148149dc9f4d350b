"""What the two stages must have produced, recomputed from the logs by plain loops.

Shares no code with the stages but the canonical JSON and the constants. Knows nothing of
transactions, workers or restores: it reads a log once, from the beginning, and says what follows.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from carewatch.processors.base import Record
from carewatch.wire.rows import MARKER_KEY
from support.fake_log import FakeLog
from support.two_stages.stages import BUCKET_MS, BUCKETS, DUE_MS, FACTS, PARTIALS, POINTS, SOURCE

SUMS = ("answers", "took", "late", "amount", "repeats")


@dataclass(frozen=True, slots=True)
class Expected:
    """What follows from one source partition."""

    facts: list[tuple[str, dict[str, Any]]]
    rows: dict[str, dict[str, Any]]


def tallied(records: Iterable[Record]) -> Expected:
    """Facts in order, and every row, of one partition of events and ticks."""
    facts: list[tuple[str, dict[str, Any]]] = []
    conversations: dict[str, dict[str, Any]] = {}
    sums: dict[str, dict[str, int]] = {}
    counted: dict[tuple[str, str], int] = {}
    clock = 0
    for record in records:
        said = orjson.loads(record.value or b"{}")
        if "tick" in said:
            clock = max(clock, said["tick"])
            overdue = []
            for key, one in conversations.items():
                if one["since"] is not None and one["late"] == 0 and one["since"] + DUE_MS <= clock:
                    overdue.append((one["since"] + DUE_MS, key))
            overdue.sort()
            for ordinal, (deadline, key) in enumerate(overdue):
                conversations[key]["late"] = 1
                sums[key[0]]["late"] += 1
                facts.append((key, {"id": f"{key}/{deadline}", "ordinal": ordinal}))
            continue
        key, ident, at = (record.key or b"").decode(), said["id"], said["at"]
        clock = max(clock, at)
        bucket = clock // BUCKET_MS
        one = conversations.setdefault(
            key, {"seq": 0, "score": 0, "since": None, "late": 0, "ids": {}}
        )
        group = sums.setdefault(key[0], dict.fromkeys(SUMS, 0))
        for old in [name for name in one["ids"] if bucket - int(name) > BUCKETS]:
            del one["ids"][old]
        before = counted.get((key, ident))
        if before is not None and bucket - before <= BUCKETS:
            group["repeats"] += 1
            continue
        counted[key, ident] = bucket
        one["ids"].setdefault(str(bucket), []).append(ident)
        one["seq"] += 1
        one["score"] = (3 * one["score"] + said["amount"]) % 1_000_003
        group["amount"] += said["amount"]
        if one["since"] is None:
            one["since"] = at
            one["late"] = 0
        else:
            took = max(0, at - one["since"])
            one["since"] = None
            group["answers"] += 1
            group["took"] += took
            facts.append((key, {"id": f"{key}/{ident}", "took": took, "score": one["score"]}))
    rows = {"k:" + key: one for key, one in conversations.items()}
    rows.update({"g:" + name: group for name, group in sums.items()})
    return Expected(facts, rows)


def merged(records: Iterable[Record], sources: int) -> list[tuple[str, dict[str, int]]]:
    """Points in order, of one partition of partials: the highest position of a source counts."""
    newest: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
    changed: set[str] = set()
    revisions: dict[str, int] = defaultdict(int)
    watermark = -1
    points = []
    for record in records:
        kind, source = (record.key or b"").decode().split("/")
        header = dict(record.headers)["position"].decode()
        position = int(header.partition(":")[2])
        if (kind, source) in newest and newest[kind, source][0] >= position:
            continue
        newest[kind, source] = (position, orjson.loads(record.value or b"{}"))
        if kind != "clock":
            changed.add(kind)
            continue
        clocks = [value["clock"] for (name, _), (_, value) in newest.items() if name == "clock"]
        if len(clocks) < sources or min(clocks) <= watermark:
            continue
        watermark = min(clocks)
        for group in sorted(changed):
            revisions[group] += 1
            parts = [value for (name, _), (_, value) in newest.items() if name == group]
            point = {field: sum(part[field] for part in parts) for field in SUMS}
            points.append((group, {**point, "revision": revisions[group], "watermark": watermark}))
        changed = set()
    return points


def read_out(records: Iterable[Record]) -> list[tuple[str, Any]]:
    """(key, value) of every record, decoded."""
    return [((r.key or b"").decode(), orjson.loads(r.value or b"null")) for r in records]


def rows_of(records: Iterable[Record]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """(rows, marker): the newest value of every key of a changelog partition."""
    newest = {r.key: r.value for r in records}
    marker = newest.pop(MARKER_KEY, None)
    rows = {(key or b"").decode(): orjson.loads(v) for key, v in newest.items() if v is not None}
    return rows, None if marker is None else orjson.loads(marker)


def wrong(log: FakeLog, *, committed_facts: bool = True) -> list[str]:
    """Everything that differs from the recomputation, by name; empty when all is right.

    `committed_facts` is false for a consumer of facts that reads uncommitted.
    """
    found: dict[str, None] = {}
    sources = log.counts[SOURCE]
    totals: dict[str, dict[str, int]] = {}
    for number in range(sources):
        expected = tallied(log.committed(SOURCE, number))
        if rows_of(log.committed("care.state.tally", number))[0] != expected.rows:
            found["tally rows"] = None
        place = log.partition(FACTS, number)
        facts = read_out(place.records(0, place.end, committed_only=committed_facts))
        if facts != expected.facts:
            found[_fault(facts, expected.facts)] = None
        for name, row in expected.rows.items():
            if name.startswith("g:"):
                total = totals.setdefault(name[2:], dict.fromkeys(SUMS, 0))
                for field in SUMS:
                    total[field] += row[field]
    final: dict[str, dict[str, int]] = {}
    for number in range(log.counts[PARTIALS]):
        points = read_out(log.committed(POINTS, number))
        if points != merged(log.committed(PARTIALS, number), sources):
            found["points"] = None
        for group, point in points:
            before = final.get(group)
            if before is not None and any(point[field] < before[field] for field in SUMS):
                found["totals went back"] = None
            final[group] = point
    if {group: {f: point[f] for f in SUMS} for group, point in final.items()} != totals:
        found["totals"] = None
    return list(found)


def _fault(facts: list[tuple[str, Any]], expected: list[tuple[str, Any]]) -> str:
    have, want = [orjson.dumps(f) for f in facts], [orjson.dumps(f) for f in expected]
    if len(have) != len(set(have)):
        return "facts doubled"
    lost, invented = set(want) - set(have), set(have) - set(want)
    if lost and invented:
        return "facts differ"
    return "facts lost" if lost else "facts invented" if invented else "facts out of order"
