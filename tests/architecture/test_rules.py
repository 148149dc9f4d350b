"""The rules: what code and cases cite is written down, and each has something that proves it."""

import re
from pathlib import Path

import pytest

from support.cases import CASES, rules_of

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "rules.md"
RULE = re.compile(r"\b([RQEWCS]\d{1,2}[ab]?)\b")
"""A rule's number, as documents, docstrings and cases write it."""

TESTS = {
    "R6a": [
        *("tests/domain/test_ledger.py", "tests/processors/test_forgetting.py"),
        "tests/processors/test_track_properties.py",
    ],
    "R6b": ["tests/domain/test_policy.py", "tests/processors/test_track.py"],
    "E14": ["tests/processors/test_hand_over_properties.py"],
    "W1": ["tests/domain/test_days.py", "tests/domain/test_windows.py"],
    "W2": ["tests/domain/test_contributions.py", "tests/exporter/test_collector.py"],
    "W4": ["tests/domain/test_windows.py"],
    "W5": ["tests/domain/test_aggregates.py"],
    "W6": ["tests/processors/test_merge.py", "tests/processors/test_merge_properties.py"],
    "W8": ["tests/processors/test_merge_windows.py"],
    "W9": ["tests/wire/test_points.py"],
    "W10": ["tests/domain/test_gauges.py", "tests/processors/test_track_gauges.py"],
    "W11": ["tests/domain/test_gauges.py", "tests/processors/test_track_gauges.py"],
    "W12": ["tests/processors/test_merge.py", "tests/processors/test_merge_windows.py"],
    "C4": ["tests/rulebooks/test_schedules.py"],
    "S4": ["tests/processors/test_sla_properties.py"],
}
"""Tests that prove what a golden case would be clumsy for."""

NOT_YET: dict[str, str] = {}
"""Written down and not built: take the line away with the first proof."""

SAID_ELSEWHERE = {
    "S19": "nothing here tells people anything: alerts route by time intervals",
}


def written() -> list[str]:
    """The rules of the document, in its order."""
    text = RULES.read_text(encoding="utf-8").split("## What proves them")[0]
    bold = re.findall(r"\*\*([RQEWCS]\d{1,2}[ab]?)\b", text)
    return list(dict.fromkeys(bold))


def proofs() -> dict[str, list[str]]:
    """Golden cases and tests by rule."""
    found: dict[str, list[str]] = {}
    for case in CASES:
        for rule in rules_of(case):
            found.setdefault(rule, []).append(f"`{case.split('-')[0]}`")
    for rule, tests in TESTS.items():
        found.setdefault(rule, []).extend(f"`{test}`" for test in tests)
    return found


def table(proved: dict[str, list[str]]) -> list[list[str]]:
    open_ = {**NOT_YET, **SAID_ELSEWHERE}
    return [[rule, ", ".join(proved.get(rule, [])) or open_.get(rule, "")] for rule in written()]


def test_every_rule_that_a_case_names_is_written_down() -> None:
    assert sorted(set(proofs()) - set(written())) == []


def test_every_rule_that_the_domain_cites_is_written_down() -> None:
    cited = {
        rule
        for path in (ROOT / "service/carewatch/domain").rglob("*.py")
        for rule in RULE.findall(path.read_text(encoding="utf-8"))
    }

    assert sorted(cited - set(written())) == []


def test_every_rule_has_something_that_proves_it() -> None:
    unproved = set(written()) - set(proofs())

    assert sorted(unproved) == sorted({**NOT_YET, **SAID_ELSEWHERE})


def test_the_tests_that_prove_rules_exist() -> None:
    named = [ROOT / path for paths in TESTS.values() for path in paths]

    assert [path for path in named if not path.is_file()] == []


def test_the_table_of_proofs_is_true(pytestconfig: pytest.Config) -> None:
    expected = [f"| {rule} | {proof} |" for rule, proof in table(proofs())]
    text = RULES.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- proofs -->\n")
    shown, _, after = rest.partition("\n<!-- end -->")
    head, lines = shown.split("\n")[:2], shown.split("\n")[2:]

    if pytestconfig.getoption("update_tables"):
        body = "\n".join([*head, *expected])
        RULES.write_text(f"{before}<!-- proofs -->\n{body}\n<!-- end -->{after}", "utf-8")
        return
    assert lines == expected
