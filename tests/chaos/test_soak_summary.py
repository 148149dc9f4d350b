"""The page about the soak says what the report says."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.soak_summary import summarise_soak, write_soak_summary

REPORT = Path(__file__).parents[2] / "docs" / "soak.json"


def report(**more: Any) -> dict[str, Any]:
    growth = {
        "process": "gateway", "measure": "files", "before": 20, "after": 21,
        "kept": {}, "tolerated": True,
    }  # fmt: skip
    return {
        "verdict": "passed",
        "commit": "a1b2c3",
        "seconds": 1830,
        "capacity_deliveries_per_second": 120,
        "rate_deliveries_per_second": 60,
        "faults": 88,
        "events": 120_000,
        "differences": {"oracle": []},
        "ended": [],
        "growth": [growth, growth | {"process": "board", "measure": "tasks"}],
        **more,
    }


def test_what_did_not_grow_is_told_with_its_figures() -> None:
    text = summarise_soak(report())

    assert "**30 minutes at 60 deliveries a second, of 120 that went through at most" in text
    assert "0 of 2 measures have grown, 0 differences: passed.**" in text
    assert "| gateway | open files | 20 | 21 | no |" in text


def test_what_came_to_the_state_is_told() -> None:
    memory = report()["growth"][0] | {"measure": "memory_kib", "kept": {"panes": 21_000}}

    assert "| gateway | panes | 21,000 |" in summarise_soak(report(growth=[memory]))


def test_what_somebody_has_noted_is_told() -> None:
    assert "\n\nThe disk was slow.\n" in summarise_soak(report(note="The disk was slow."))


def test_what_has_grown_is_told_as_well() -> None:
    grown = report()["growth"][0] | {"after": 400, "tolerated": False}

    text = summarise_soak(report(growth=[grown], ended=["board"], verdict="failed"))

    assert "1 of 1 measures have grown, 0 differences, board ended in between: failed." in text
    assert "| gateway | open files | 20 | 400 | YES |" in text


def test_the_page_is_that_of_the_report(pytestconfig: pytest.Config) -> None:
    document = json.loads(REPORT.read_text(encoding="utf-8"))
    if pytestconfig.getoption("update_tables"):
        write_soak_summary(REPORT, document)

    assert REPORT.with_suffix(".md").read_text(encoding="utf-8") == summarise_soak(document)
