"""`carewatch replay`: the golden cases, and what it says to a person who made a mistake."""

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from carewatch.cli import main
from carewatch.processors.base import Output
from carewatch.wire.rulebooks import hash_document
from support.cases import CASES, GOLDEN, check, until_of
from support.schemas import complaints_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["replay", *(str(one) for one in arguments)])


def outputs(results: Path) -> list[Output]:
    """The lines as records; bytes of values as the topics would hold them."""
    lines = (orjson.loads(line) for line in results.read_bytes().splitlines())
    return [
        Output(
            one["topic"],
            0,
            None if one["key"] is None else one["key"].encode(),
            None if one["value"] is None else orjson.dumps(one["value"]),
            0,
        )
        for one in lines
    ]


@pytest.mark.parametrize("case", CASES)
def test_a_golden_case_holds(case: str, replayed: Callable[[str], Path]) -> None:
    """And every record that it leads to is as its schema says."""
    records = outputs(replayed(case))

    check(case, records)
    assert complaints_of(records) == []


CASE = GOLDEN / "V12-breach-taken-back"


def test_the_same_file_gives_the_same_bytes(replayed: Callable[[str], Path]) -> None:
    """To the standard output, too."""
    arguments = ("--config", CASE / "config", "--until", until_of(CASE.name), CASE / "events.jsonl")

    assert run(*arguments).stdout_bytes == replayed(CASE.name).read_bytes()


def test_the_log_of_a_worker_rules_unless_it_is_told_to_ignore_what_was_published(
    tmp_path: Path,
) -> None:
    document = {"policies": [{
        "policy": "log", "version": 1, "effective_from": "2020-01-01T00:00:00Z", "order": 1,
        "targets": {"first_reply": {"all": "30m"}},
    }]}  # fmt: skip
    published = {
        "specversion": "1.0", "id": "rulebook-1", "source": "/care/rulebook",
        "type": "care.rulebook.published", "time": "2026-01-05T08:00:00.000Z",
        "recordedtime": "2026-01-05T08:00:00.000Z", "dataschema": "care-event/1.0",
        "data": {
            "number": 1, "hash": hash_document(orjson.dumps(document)),
            "effective_at": "2026-01-05T08:00:05.000Z", "document": document,
        },
    }  # fmt: skip
    log = tmp_path / "events.jsonl"
    log.write_bytes(orjson.dumps(published) + b"\n" + (CASE / "events.jsonl").read_bytes())

    policies = [
        {one["value"]["data"]["policy"] for one in map(json.loads, lines) if "sla" in one["topic"]}
        for lines in (
            run("--config", CASE / "config", log).stdout.splitlines(),
            run("--config", CASE / "config", "--ignore-published", log).stdout.splitlines(),
        )
    ]

    assert [{"log"}, {"p"}] == policies


@pytest.mark.parametrize("partitions", [1, 3])
def test_recorded_hand_overs_are_left_out_and_derived_again(
    tmp_path: Path, partitions: int
) -> None:
    """The log of a worker holds them; they are neither taken twice nor counted as repeats."""
    case = GOLDEN / "M07-merged-twice"
    options = ("--config", case / "config", "--partitions", partitions)
    alone = run(*options, case / "events.jsonl")
    found = [one for one in map(json.loads, alone.stdout.splitlines()) if one["key"]]
    handed = [orjson.dumps(one["value"]) for one in found if one["topic"] == "care.events"]
    log = tmp_path / "events.jsonl"
    log.write_bytes((case / "events.jsonl").read_bytes() + b"\n".join(handed))

    assert len(handed) == 2
    assert alone.stdout_bytes == run(*options, log).stdout_bytes


def test_a_time_that_is_none_is_named() -> None:
    result = run("--config", CASE / "config", "--until", "tomorrow", CASE / "events.jsonl")

    assert result.exit_code == 2
    assert "--until 'tomorrow' is not a time" in result.stderr
