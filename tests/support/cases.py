"""Golden cases: a configuration, a log of events, and what must come out.

An expected record names some fields, and only these are compared. A withdrawal and what it takes
back are taken out together. A part that a case does not have is not checked.
"""

import json
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.wire import topics
from support.replays import net, values

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())

Record = dict[str, Any]


def until_of(case: str) -> str | None:
    """The `until` of a case.yaml, which is flat."""
    for line in (GOLDEN / case / "case.yaml").read_text().splitlines():
        if line.startswith("until:"):
            text = line.removeprefix("until:").strip().strip('"')
            return None if text == "null" else text
    return None


def rules_of(case: str) -> list[str]:
    """The `rules` of a case.yaml."""
    for line in (GOLDEN / case / "case.yaml").read_text().splitlines():
        if line.startswith("rules:"):
            return line.removeprefix("rules:").strip(" []").split(", ")
    return []


def expected(case: str) -> Record:
    """What must come out."""
    read: Record = json.loads((GOLDEN / case / "expect.json").read_text())
    return read


def check(case: str, outputs: list[Output]) -> None:
    """Compares every part that the case has."""
    want = expected(case)
    facts = [one["data"] | {"type": one["type"]} for one in net(outputs, topics.FACTS)]
    samples = [one for one in facts if one["type"] == "care.fact.sample"]
    for metric, wanted in want.get("facts", {}).items():
        _same(metric, wanted, [one for one in samples if one["metric"] == metric])
    if "sessions" in want:
        _same("sessions", want["sessions"], [one for one in facts if "transition" in one])
    _check_sla(want, outputs)
    _check_withdrawn(want, outputs)
    _check_points(want, outputs)
    for name, topic in (("late", topics.LATE), ("dead", topics.DEAD)):
        if name in want:
            assert (name, want[name]) == (name, sum(one.topic == topic for one in outputs))


def _check_sla(want: Record, outputs: list[Output]) -> None:
    if "sla" not in want:
        return
    targets = {one["target"] for one in want["sla"]} | set(want.get("sla_targets", ()))
    found = [one["data"] for one in net(outputs, topics.SLA)]
    found = [one for one in found if one["target"] in targets]
    for at in sorted({parse_time(one["at"]) for one in (*want["sla"], *found)}):
        _same(
            f"sla at {at}",
            [one for one in want["sla"] if _instant(one["at"]) == at],
            [one for one in found if _instant(one["at"]) == at],
        )


def _check_withdrawn(want: Record, outputs: list[Output]) -> None:
    taken = {
        topic: [one["data"] for one in values(outputs, topic) if one["data"]["sign"] == -1]
        for topic in (topics.FACTS, topics.SLA)
    }
    if "corrections" in want:
        assert want["corrections"] == sum(len(found) for found in taken.values())
    listed = want.get("withdrawn", {})
    for wanted in listed.get("sla", ()):
        assert any(_fits(wanted, one) for one in taken[topics.SLA]), wanted
    for wanted in (*listed.get("sessions", ()), *chain(*listed.get("facts", {}).values())):
        assert any(_fits(wanted, one) for one in taken[topics.FACTS]), wanted


def _check_points(want: Record, outputs: list[Output]) -> None:
    written = [(one.key, orjson.loads(one.value)["data"]) for one in _metrics(outputs)]
    newest = dict(written)
    for wanted in want.get("metrics", ()):
        labels = {k: v for k, v in wanted.items() if k not in _VALUES}
        found = [one for one in newest.values() if _fits(labels, one)]
        if not found and not any(wanted.get(k) for k in ("count", "sum_ms", "value", "n", "d")):
            continue  # nothing published counts as zero
        assert len(found) == 1, (wanted, found)
        assert _fits(wanted, found[0]), (wanted, found[0])
    place = 0
    for wanted in want.get("metric_records", ()):
        while not _fits(wanted, written[place][1]):
            place += 1
        place += 1
    if "duplicates" in want:
        counted = sum(
            one["value"]
            for one in newest.values()
            if (one["metric"], one["window"]) == ("duplicate_events", "total")
        )
        assert want["duplicates"] == counted


_VALUES = ("count", "sum", "sum_ms", "value", "n", "d", "pane", "revision", "at")


def _metrics(outputs: Iterable[Output]) -> Iterable[Any]:
    return (one for one in outputs if one.topic == topics.METRICS and one.value is not None)


def _same(what: str, wanted: list[Record], found: list[Record]) -> None:
    """The lists are equal as multisets; every expected record takes one of the found."""
    rest = list(found)
    for one in sorted(wanted, key=len, reverse=True):
        match = next((other for other in rest if _fits(one, other)), None)
        assert match is not None, f"{what}: {one} is missing; found {rest}"
        rest.remove(match)
    assert rest == [], f"{what}: not expected"


def _fits(wanted: Record, found: Record) -> bool:
    return all(
        key in found and _value(key)(value) == _value(key)(found[key])
        for key, value in wanted.items()
    )


def _value(key: str) -> Callable[[Any], Any]:
    return _instant if key in ("started_at", "ended_at", "at", "due_at", "start", "end") else _self


def _instant(value: str | None) -> int | None:
    return None if value is None else parse_time(value)


def _self(value: Any) -> Any:
    return value
