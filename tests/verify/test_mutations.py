"""What the oracle must find: results with one thing wrong, each planted in a right replay."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from carewatch.cli import main
from support.cases import GOLDEN, until_of

Line = dict[str, Any]

CASE = "P39-out-of-order"
"""Facts, SLA transitions and points, some of them withdrawn."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def verify(results: Path, *options: str, case: str = CASE) -> Result:
    until = until_of(case)
    ending = () if until is None else ("--until", until)
    files = ("--events", GOLDEN / case / "events.jsonl", "--results", results)
    return run("verify", "--config", GOLDEN / case / "config", *ending, *files, *options)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What a replay of the case writes."""
    out = tmp_path_factory.mktemp("right") / "results.jsonl"
    config, events = GOLDEN / CASE / "config", GOLDEN / CASE / "events.jsonl"
    run("replay", "--config", config, "--until", until_of(CASE), "--out", out, events)
    return [json.loads(line) for line in out.read_text().splitlines()]


def written(lines: list[Line], folder: Path) -> Path:
    results = folder / "results.jsonl"
    results.write_text("\n".join(json.dumps(line) for line in lines))
    return results


def place(lines: list[Line], topic: str, **said: object) -> int:
    """Where the last line of a topic stands whose data says this."""
    return max(
        number
        for number, line in enumerate(lines)
        if line["topic"] == topic
        and line["value"] is not None
        and all(line["value"]["data"].get(name) == value for name, value in said.items())
    )


def without(topic: str, **said: object) -> Callable[[list[Line]], list[Line]]:
    def planted(lines: list[Line]) -> list[Line]:
        number = place(lines, topic, **said)
        return lines[:number] + lines[number + 1 :]

    return planted


def twice(topic: str, id_: str | None, **said: object) -> Callable[[list[Line]], list[Line]]:
    def planted(lines: list[Line]) -> list[Line]:
        again = json.loads(json.dumps(lines[place(lines, topic, **said)]))
        again["value"]["id"] = id_ or again["value"]["id"]
        return [*lines, again]

    return planted


def saying(
    topic: str, change: dict[str, object], **said: object
) -> Callable[[list[Line]], list[Line]]:
    def planted(lines: list[Line]) -> list[Line]:
        copied: list[Line] = json.loads(json.dumps(lines))
        copied[place(copied, topic, **said)]["value"]["data"] |= change
        return copied

    return planted


FACT = {"metric": "first_response_time", "conversation_key": "c1", "sign": 1}
C1 = {"conversation_key": "c1", "sign": 1}
POINT = {"metric": "first_response_time", "window": "total"}

PLANTED: dict[str, tuple[Callable[[list[Line]], list[Line]], str]] = {
    "a lost fact": (without("care.facts", **FACT), "missing account_ref"),
    "a fact twice": (twice("care.facts", None, **FACT), "used twice"),
    "a fact again under another id": (twice("care.facts", "x", **FACT), "not expected"),
    "a wrong duration": (
        saying("care.facts", {"calendar_ms": 240_001}, **FACT),
        "calendar_ms is 240001, expected 240000",
    ),
    "a wrong queue": (saying("care.facts", {"queue": "x"}, **FACT), 'queue is "x"'),
    "another tenant": (saying("care.facts", {"tenant": "beta"}, **FACT), "beta c1: not expected"),
    "a fact that is not withdrawn": (
        without("care.facts", metric="first_response_time", sign=-1),
        "not expected",
    ),
    "a breach that is not withdrawn": (
        without("care.sla", to="breached", sign=-1),
        "not expected",
    ),
    "a withdrawal of nothing": (
        saying("care.facts", {"corrects": "nobody"}, metric="first_response_time", sign=-1),
        "withdraws what is not in force",
    ),
    "a withdrawal that says something else": (
        saying("care.facts", {"calendar_ms": 1}, metric="first_response_time", sign=-1),
        "withdraws something other than it says",
    ),
    "a deadline off by one": (
        saying("care.sla", {"due_at": "2026-01-05T09:03:00.001Z"}, to="met_late", **C1),
        "due_at is",
    ),
    "a lost transition": (without("care.sla", to="met", sign=1), "missing"),
    "a lost point": (without("care.metrics", **POINT), "is"),
    "a wrong count": (saying("care.metrics", {"count": 7}, **POINT), "count is 7, expected 2"),
    "a wrong window": (
        saying(
            "care.metrics",
            {"start": "2026-01-05T09:03:00.000Z"},
            metric="first_response_time",
            window="1m",
            start="2026-01-05T09:04:00.000Z",
        ),
        "the key says other than the point",
    ),
    "a gauge that stays": (
        saying("care.metrics", {"value": 1}, metric="waiting_conversations"),
        "waiting_conversations now",
    ),
    "a late event that was none": (
        lambda lines: [
            *lines,
            {
                "topic": "care.late",
                "key": "c1",
                "value": {"data": {"reason": "too_late", "event": {"source": "s", "id": "e1"}}},
            },
        ],
        "care.late",
    ),
    "a dead letter that was none": (
        lambda lines: [*lines, {"topic": "care.dead", "key": None, "value": {"headers": {}}}],
        "care.dead",
    ),
}


def test_a_right_replay_is_the_same(right: list[Line], tmp_path: Path) -> None:
    judged = verify(written(right, tmp_path))

    assert (judged.exit_code, judged.output.splitlines()[-1]) == (0, "the same")


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_and_named(name: str, right: list[Line], tmp_path: Path) -> None:
    plant, told = PLANTED[name]

    judged = verify(written(plant(right), tmp_path))

    assert judged.exit_code == 1, judged.output
    assert told in judged.output


def test_people_are_never_shown(right: list[Line], tmp_path: Path) -> None:
    wrong = saying("care.facts", {"agent_key": "somebody", "customer_key": "someone"}, **FACT)
    results = written(wrong(right), tmp_path)

    told = verify(results).output + verify(results, "--json").output

    assert "agent_key is (hidden)" in told
    assert not {"somebody", "someone", "u_c1", "a1"} & set(told.replace('"', " ").split())


def test_so_many_differences_are_shown_as_asked_for(right: list[Line], tmp_path: Path) -> None:
    facts = [line for line in right if line["topic"] != "care.facts"]

    judged = verify(written(facts, tmp_path), "--limit", "2").output.splitlines()

    assert [line.partition(" ")[0] for line in judged[:2]] == ["care.facts", "care.facts"]
    assert judged[2].startswith("... and ")


def test_the_report_is_there_for_programs(right: list[Line], tmp_path: Path) -> None:
    wrong = saying("care.facts", {"calendar_ms": 1}, **FACT)(right)

    judged = verify(written(wrong, tmp_path), "--json")
    report = json.loads(judged.output)

    assert (judged.exit_code, report["same"]) == (1, False)
    assert [one["what"] for one in report["differences"]] == ["other"]
    assert report["compared"]["conversations"] == 2
    names = {one.partition(" ")[0] for one in report["left_out"]}
    assert names == {"watermark", "heartbeat"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--events", str(GOLDEN / CASE / "events.jsonl")),
        ("--until", "2026-01-05T10:00:00Z"),
    ],
    ids=["events alone", "until without files"],
)
def test_half_a_question_is_refused(arguments: tuple[str, ...]) -> None:
    judged = run("verify", *arguments)

    assert judged.exit_code == 2
    assert "--results" in judged.output


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    events, results = GOLDEN / CASE / "events.jsonl", written([], tmp_path)
    files = ("--events", events, "--results", results, "--config", GOLDEN / CASE / "config")

    judged = run("verify", *files, "--until", "noon")

    assert (judged.exit_code, "noon" in judged.output) == (2, True)
