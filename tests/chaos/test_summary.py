"""The page about chaos runs says what the reports say."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.summary import read_reports, summarise, write_summary

REPORTS = Path(__file__).parents[2] / "docs" / "chaos.json"


def report(**more: Any) -> dict[str, Any]:
    return {
        "verdict": "passed",
        "seed": 1,
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

    assert "**20 faults, 12 of them kills, over 3,000 records" in text
    assert "1,000 results: 0 differences.**" in text
    assert "| network | 8 |" in text
    assert "| 2 | 2 | 10 | 60 | 2,000 | 500 | 250 | passed |" in text
    assert "below 3/12 (95 %, rule of three)" in text


def test_a_run_with_a_difference_is_told_and_nothing_is_claimed_from_it() -> None:
    wrong = report(verdict="failed", differences={"oracle": ["care.facts c1: missing"]})

    text = summarise([report(), wrong], [])

    assert "1 differences.**" in text
    assert "| failed |" in text
    assert "rule of three" not in text


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
