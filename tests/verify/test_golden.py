"""Every golden case through both: the oracle agrees with the replay, and with the case itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from carewatch.cli import main
from carewatch.rulebooks.folder import read_rulebook
from carewatch.verify.instants import instant
from carewatch.verify.measures import MEASURES
from carewatch.verify.oracle import Oracle, take_file
from carewatch.wire.rulebooks import encode_document
from support.cases import CASES, GOLDEN, expected, until_of

Record = dict[str, Any]

TIMES = ("started_at", "ended_at", "at", "due_at", "start", "end")
VALUES = ("count", "sum", "sum_ms", "value", "n", "d", "at", "due", "classic")
TIMING = ("pane", "revision", "unit")
"""What depends on timing, and what the catalogue says of every point alike."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.mark.parametrize("case", CASES)
def test_the_results_of_a_replay_are_the_oracles(
    case: str, replayed: Callable[[str], Path]
) -> None:
    until = until_of(case)
    options = () if until is None else ("--until", until)
    files = ("--events", GOLDEN / case / "events.jsonl", "--results", replayed(case))

    judged = run("verify", "--config", GOLDEN / case / "config", *options, *files)

    assert (judged.output.splitlines()[-1], judged.exit_code) == ("the same", 0)


def told(case: str) -> Oracle:
    """The oracle after the events of a case."""
    oracle, until = Oracle(derive=True), until_of(case)
    document = json.loads(encode_document(read_rulebook(GOLDEN / case / "config")))
    lines = (GOLDEN / case / "events.jsonl").read_bytes().split(b"\n")
    end = None if until is None else instant(until)
    take_file(oracle, lines, document=document, until=end)
    return oracle


@pytest.mark.parametrize("case", CASES)
def test_the_oracle_alone_finds_what_a_case_expects(case: str) -> None:
    oracle, want = told(case), expected(case)

    facts = [one for key in oracle.stories() for one in oracle.facts(key)]
    sla = [one for key in oracle.stories() for one in oracle.transitions(key)]

    for metric, wanted in want.get("facts", {}).items():
        assert same(wanted, [one for one in facts if one.get("metric") == metric])
    if "sessions" in want:
        assert same(want["sessions"], [one for one in facts if "transition" in one])
    if "sla" in want:
        targets = {one["target"] for one in want["sla"]} | set(want.get("sla_targets", ()))
        assert same(want["sla"], [one for one in sla if one["target"] in targets])
    assert want.get("late", len(oracle.late)) == len(oracle.late)
    assert want.get("dead", len(oracle.dead)) == len(oracle.dead)
    for wanted in want.get("metrics", ()):
        assert wanted["metric"] in MEASURES
        assert holds(wanted, points(oracle)), wanted


def points(oracle: Oracle) -> list[Record]:
    """The points with their labels as fields, as records have them."""
    return [
        {"metric": metric, "window": window, "start": start, **dict(labels), **said}
        for (metric, window, start, labels), said in oracle.points().items()
    ]


def holds(wanted: Record, found: list[Record]) -> bool:
    """Exactly one series fits and says so; nothing counts as zero."""
    labels = {k: v for k, v in wanted.items() if k not in (*VALUES, *TIMING)}
    alike = [one for one in found if fits(labels, one)]
    said = {k: v for k, v in wanted.items() if k not in TIMING}
    if not alike:
        return not any(wanted.get(k) for k in VALUES)
    return len(alike) == 1 and fits(said, alike[0])


def same(wanted: list[Record], found: list[Record]) -> bool:
    """The lists are equal as multisets, as far as the wanted records say anything."""
    rest = list(found)
    for one in sorted(wanted, key=len, reverse=True):
        match = next((other for other in rest if fits(one, other)), None)
        if match is None:
            return False
        rest.remove(match)
    return not rest


def fits(wanted: Record, found: Record) -> bool:
    return all(name in found and read(name, found[name]) == read(name, value)
               for name, value in wanted.items())  # fmt: skip


def read(name: str, value: Any) -> Any:
    return instant(value) if name in TIMES and value is not None else value
