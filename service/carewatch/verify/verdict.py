"""Holds what an oracle worked out against what was found."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from carewatch.verify.admission import Event
from carewatch.verify.comparison import Content, Difference, Report, What, compare
from carewatch.verify.found import DEAD, FACTS, LATE, SLA, Found
from carewatch.verify.found import METRICS as POINTS
from carewatch.verify.instants import HOUR, instant
from carewatch.verify.measures import OF_CUSTOMERS, ROLLING, SIZES, UNJUDGED
from carewatch.verify.oracle import Key, Oracle
from carewatch.verify.points import Key as PointKey

LONGEST_DAY = 25 * HOUR
_SPREAD = ("sum", "min", "max", "p50", "p90", "p95", "p99")
FIELDS = frozenset(
    {
        *("end", "value", "at", "count", "buckets", "classic", "gross", "n", "d", "due"),
        *("provisional", *_SPREAD, *(f"{one}_ms" for one in _SPREAD)),
    }
)
"""What a point says; pane and revision depend on timing and are not compared."""

BESIDE = frozenset({"metric", "window", "start", "pane", "revision", "unit"})


@dataclass(slots=True)
class Scope:
    """What of a cluster can be judged; all of it, for files.

    `beats`: the worker's position by partition of `care.events`; `ends`: the newest tick that was
    there when it was read. `heads`: of partitions whose first
    records are gone, until when older conversations may be heard of. `moving`: conversations with
    events beyond the position.
    """

    beats: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    heads: dict[int, int] = field(default_factory=dict)
    moving: set[Key] = field(default_factory=set)

    @property
    def position(self) -> int | None:
        """The least position of all partitions."""
        return min(self.beats.values(), default=None)


def judge(oracle: Oracle, found: Found, scope: Scope | None = None) -> Report:
    """Compares everything that both sides hold and the scope allows."""
    scope, report = scope or Scope(), Report()
    for topic, id_, why in found.broken:
        report.differences.append(Difference(topic, id_, "broken", None, {"error": why}))
    older = _older(oracle, found, scope)
    report.leave_out("conversations with events beyond the worker's position", len(scope.moving))
    report.leave_out("conversations that may be older than the log", len(older))
    for topic in (FACTS, SLA):
        _judge_conversations(topic, report, oracle, found, scope, older | scope.moving)
    _judge_points(report, oracle, found, scope, older)
    _judge_late(report, oracle, found, scope)
    _judge_dead(report, oracle, found, scope)
    return report


def _older(oracle: Oracle, found: Found, scope: Scope) -> set[Key]:
    """Conversations that may have begun before the first record that is kept: those heard of soon
    after it, and those of which results stand that no kept record explains."""
    older: set[Key] = set()
    if not scope.heads:
        return older
    known = oracle.stories()
    for key in known:
        head = scope.heads.get(oracle.partition_of.get(key, -1))
        if head is not None and oracle.steps(key)[0].event.recorded <= head:
            older.add(key)
    for topic in (FACTS, SLA):
        for key, contents in found.net(topic).items():
            if key not in known or _first(contents) < oracle.steps(key)[0].event.time:
                older.add(key)
    return older


def _first(contents: Iterable[Content]) -> int:
    return min(instant(one.get("started_at") or one["at"]) for one in contents)


def _at(content: Content) -> int:
    return instant(content.get("ended_at") or content["at"])


def _judge_conversations(
    topic: str, report: Report, oracle: Oracle, found: Found, scope: Scope, out: set[Key]
) -> None:
    stories, standing = oracle.stories(), found.net(topic)
    work_out = oracle.facts if topic == FACTS else oracle.transitions
    report.compared["conversations"] = len(stories.keys() - out)
    report.compared[topic] = 0
    for key in sorted({*stories, *standing} - out):
        expected = work_out(key) if key in stories else []
        report.compared[topic] += len(expected)
        differences = compare(topic, f"{key[0]} {key[1]}", expected, standing.get(key, []))
        beat = scope.beats.get(oracle.partition_of.get(key, -1))
        for one in differences:
            # A timer beyond the position may have fired since: that is no difference.
            if one.what == "unexpected" and beat is not None and _at(one.found or {}) >= beat:
                continue
            report.differences.append(one)


def _judge_points(
    report: Report, oracle: Oracle, found: Found, scope: Scope, older: set[Key]
) -> None:
    expected = oracle.points()
    standing: dict[PointKey, Content] = {}
    moved = 0
    newer: set[PointKey] = set()
    for name, data in found.points.items():
        if data["metric"] in UNJUDGED:
            report.leave_out(f"{data['metric']} ({UNJUDGED[data['metric']]})", 1)
            continue
        rolls = ("start",) if data["window"] in ROLLING else ()
        standing[_key(data)] = {k: v for k, v in data.items() if k in FIELDS or k in rolls}
        if scope.position is not None and found.said_at[name] > scope.position:
            newer.add(_key(data))
    report.compared[POINTS] = 0
    touched = _touched(oracle, found, older | scope.moving)
    newer |= _changed_by_time(oracle, expected, scope)
    whole = not scope.heads and not scope.moving
    for key in sorted({*expected, *standing}, key=str):
        if key[0] in OF_CUSTOMERS and (tenant := dict(key[3]).get("tenant")) in oracle.erased_in:
            # What was counted before stands (E23); which contacts came before, no log says.
            report.leave_out(f"points of customers of {tenant}, where one was erased", 1)
            continue
        if key in newer or not (whole or _untouched(key, touched, scope)):
            moved += 1
            continue
        report.compared[POINTS] += 1
        wanted, there = expected.get(key), standing.get(key)
        if wanted != there and not (_empty(wanted) and _empty(there)):
            what: What = "missing" if there is None else "unexpected" if wanted is None else "other"
            report.differences.append(Difference(POINTS, _told(key), what, wanted, there))
    report.leave_out("points that conversations left out may have touched, or newer ones", moved)


def _changed_by_time(
    oracle: Oracle, expected: dict[PointKey, Content], scope: Scope
) -> set[PointKey]:
    """Points that timers change between the position and the end of the log: nobody knows which
    of the two stood when the topic was read. The oracle's clock stays at the end."""
    for partition, at in scope.ends.items():
        oracle.tick(partition, at)
    later = oracle.points() if scope.ends else expected
    return {key for key in {*expected, *later} if expected.get(key) != later.get(key)}


def _touched(oracle: Oracle, found: Found, out: set[Key]) -> list[int]:
    """The instants at which conversations that are left out did anything."""
    stories = oracle.stories()
    told = [story for key in out for story in stories.get(key, ())]
    at = [one.at for story in told for one in story.moments]
    for topic in (FACTS, SLA):
        at += [_at(one) for key, many in found.net(topic).items() if key in out for one in many]
    return sorted(at)


def _untouched(key: PointKey, touched: list[int], scope: Scope) -> bool:
    metric, window, start, _ = key
    if start is None or metric in OF_CUSTOMERS:
        return False
    since, size = instant(start), SIZES.get(window, LONGEST_DAY)
    if any(since < head for head in scope.heads.values()):
        return False
    return not any(since <= at < since + size for at in touched)


def _judge_late(report: Report, oracle: Oracle, found: Found, scope: Scope) -> None:
    """Late events by id and reason; of a log without its head, those that are still in it."""
    wanted = [_late(event, reason) for reason, event in oracle.late]
    there = [
        {"source": source, "id": id_, "reason": reason}
        for source, id_, reason in found.late
        if not (scope.heads or scope.moving) or (source, id_) in oracle.known
    ]
    report.compared[LATE] = len(wanted)
    report.differences += compare(LATE, "-", wanted, there)


def _late(event: Event, reason: str) -> Content:
    return {"source": event.source, "id": event.id, "reason": reason}


def _judge_dead(report: Report, oracle: Oracle, found: Found, scope: Scope) -> None:
    """Dead letters: by their place in `care.events` on a cluster, by number in a file."""
    report.compared[DEAD] = len(oracle.dead)
    if not scope.beats:
        wanted, there = [{"records": len(oracle.dead)}], [{"records": len(found.dead)}]
        report.differences += compare(DEAD, "-", wanted, there)
        return
    places = {place for place, _ in oracle.dead}
    theirs = {place for place in found.dead if place in oracle.places}
    for place in sorted(places ^ theirs):
        what: What = "missing" if place in places else "unexpected"
        said: Content = {"partition": place[0], "offset": place[1]}
        known = what == "missing"
        report.differences.append(
            Difference(DEAD, "-", what, said if known else None, None if known else said)
        )


def _key(data: Content) -> PointKey:
    labels = tuple(sorted((k, v) for k, v in data.items() if k not in FIELDS | BESIDE))
    start = None if data["window"] in ROLLING else data["start"]
    return data["metric"], data["window"], start, labels


def _told(key: PointKey) -> str:
    metric, window, start, labels = key
    return " ".join([metric, window, *([start] if start else []), *(f"{k}={v}" for k, v in labels)])


def _empty(fields: Content | None) -> bool:
    """A zero may stand or not: nothing published says the same."""
    if fields is None:
        return True
    said = ("value", "count", "at", "n", "d", "due")
    return not any(fields.get(name) for name in said) and _empty(fields.get("gross"))
