"""The failure model: every failure has tests that exist, or a reason why it is not run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "failures.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
NOT_RUN = re.compile(r"\bnot run: \w+")
FAILURES = [f"F{number:02}" for number in range(1, 49)]


def rows() -> dict[str, list[str]]:
    """The cells of the table by the number of the failure."""
    text = TABLE.read_text(encoding="utf-8")
    table = text.split("<!-- failures -->\n")[1].split("\n<!-- end -->")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")[2:]
    ]
    return {one[0]: one[1:] for one in cells}


@cache
def defined_in(path: str) -> frozenset[str]:
    """The tests that a file defines; none if there is no such file."""
    file = TESTS / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, functions))


def test_every_failure_has_its_row_in_order() -> None:
    assert list(rows()) == FAILURES


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_told_whole_and_proved_or_excused(failure: str) -> None:
    cells = rows()[failure]

    assert len(cells) == 4
    assert all(cells)
    assert NAMED.search(cells[-1]) or NOT_RUN.search(cells[-1])


@pytest.mark.parametrize("failure", FAILURES)
def test_the_tests_that_prove_it_exist(failure: str) -> None:
    proof = rows()[failure][-1]
    named = NAMED.findall(proof)

    assert [f"{path}::{name}" for path, name in named if name not in defined_in(path)] == []
    assert len(named) == proof.count("::")


def test_the_files_that_the_text_names_exist() -> None:
    after = TABLE.read_text(encoding="utf-8").split("<!-- end -->")[1]
    named = re.findall(r"`([\w/]+\.py)`", after)

    assert named
    assert [path for path in named if not (TESTS / path).is_file()] == []
