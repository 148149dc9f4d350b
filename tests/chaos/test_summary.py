"""The page about chaos runs says what the reports say."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.summary import add, read_reports, summarise, write_summary

REPORTS = Path(__file__).parents[2] / "docs" / "chaos.json"


def report(**more: Any) -> dict[str, Any]:
    return {
        "verdict": "passed",
        "commit": "a1b2c3",
        "seed": 1,
        "brokers": 3,
        "leader_moves": 12,
        "workers": 2,
        "faults": 10,
        "by_kind": {"kill": 4, "failpoint": 2, "network": 4},
        "seconds": 60,
        "events": 1000,
        "results": 500,
        "aborted_records": 7,
        "catch_up_seconds": 9,
        "oracle": {"compared": {"care.metrics": 250}},
        "differences": {"care.facts": [], "oracle": []},
        "versions": {"carewatch": "0.1.0"},
        **more,
    }


BASELINE = {"kills": 5, "written": 9000, "counted": 11247, "lost": 0, "doubled": 2247}


def test_runs_are_added_up() -> None:
    text = summarise([report(), report(seed=2, events=2000)], [])

    assert "**2 runs passed: 20 faults, 12 of them kills, over 3,000 records" in text
    assert "1,000 results, and no difference.** 0 failed." in text
    assert "| network | 8 |" in text
    assert "24 partitions came to be led by another broker" in text
    assert "| 2 | a1b2c3 | 2 | 3 | 10 | 60 s | 2,000 | 500 | 250 | passed |" in text
    assert "below 3/12 (95 %, rule of three)" in text


def test_a_run_with_a_difference_is_told_and_nothing_is_claimed_from_it() -> None:
    wrong = report(verdict="failed", differences={"oracle": ["care.facts c1: missing"]})

    text = summarise([report(), wrong], [])

    assert "**1 runs passed: 10 faults" in text
    assert "1 failed: see below." in text
    assert "oracle: care.facts c1: missing. The cause is not known yet." in text
    assert "| failed |" in text
    assert "rule of three" not in text


def test_a_run_that_failed_is_told_with_its_cause_and_adds_nothing() -> None:
    lost = {"liveness": ["not settled within 300 s"]}
    stuck = report(seed=9, verdict="failed", differences=lost, cause="The machine was busy.")

    text = summarise([report(), stuck], [])

    assert "**1 runs passed: 10 faults" in text
    assert "below 3/6 (95 %, rule of three)" in text
    assert "- Seed 9: liveness: not settled within 300 s. The machine was busy." in text


def test_a_list_is_added_once(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    ours.write_text(json.dumps([report()]))
    theirs.write_text(json.dumps([report(), report(seed=2)]))

    add(ours, theirs)
    add(ours, theirs)

    assert [one["seed"] for one in json.loads(ours.read_text())] == [1, 2]


def test_the_baseline_stands_beside_them(tmp_path: Path) -> None:
    reports = tmp_path / "chaos.json"
    reports.write_text(json.dumps([report()]))
    (tmp_path / "chaos-baseline.json").write_text(json.dumps([BASELINE]))

    written = write_summary(reports)

    assert written == tmp_path / "chaos.md"
    assert "| 5 | 9,000 | 11,247 | 0 | 2,247 |" in written.read_text()


def test_the_page_is_that_of_the_reports(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("update_tables"):
        write_summary(REPORTS)

    assert REPORTS.with_suffix(".md").read_text(encoding="utf-8") == summarise(
        *read_reports(REPORTS)
    )
