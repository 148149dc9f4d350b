"""How the page writes values, in the viewer's language."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import carewatch.wall

SOURCE = Path(carewatch.wall.__file__).parent / "format.js"
MINUTE = 60_000
HOUR = 60 * MINUTE


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = tmp_path_factory.mktemp("wall") / "format.mjs"
    copied.write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    return copied


def written(module: Path, calls: list[list[Any]], language: str = "en-GB") -> list[object]:
    """What the named functions of the module answer, each to its arguments."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing: it comes with the Debian package nodejs")
    script = (
        f"Object.defineProperty(globalThis, 'navigator', {{value: {{languages: ['{language}']}}}});"
        f"const found = await import('{module.as_uri()}');"
        f"const calls = {json.dumps(calls)};"
        "console.log(JSON.stringify(calls.map(([name, ...rest]) => found[name](...rest))));"
    )
    command = [node, "--input-type=module", "--eval", script]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    answers: list[object] = json.loads(told.stdout)
    return answers


def test_durations_are_as_exact_as_can_be_read_at_a_glance(module: Path) -> None:
    durations = {
        0: "0 secs",
        59_999: "59 secs",
        61_000: "1:01 mins",
        10 * MINUTE - 1: "9:59 mins",
        10 * MINUTE: "10 mins",
        HOUR - 1: "59 mins",
        90 * MINUTE: "1:30 hrs",
        47 * HOUR: "47 hrs",
        49 * HOUR: "2 days",
    }

    assert written(module, [["text", "ms", ms] for ms in durations]) == list(durations.values())


def test_rows_write_shorter_and_never_round_a_share_up(module: Path) -> None:
    calls: list[list[Any]] = [
        ["brief", "ms", 42_000],
        ["brief", "ms", 299_999],
        ["brief", "ms", 40 * MINUTE],
        ["brief", "ms", 90 * MINUTE],
        ["brief", "permille", 899],
        ["brief", "permille", -167],
        ["brief", "count", 12],
        ["brief", "ms", None],
    ]

    expected = ["42s", "4:59", "40m", "1:30h", "89%", "-17%", "12", "\u2013"]
    assert written(module, calls) == expected


def test_countdown_goes_on_below_zero(module: Path) -> None:
    calls = [["countdown", ms] for ms in (3_700_000, 65_000, 0, -65_000)]

    assert written(module, calls) == ["1:01:40", "1:05", "0:00", "\u22121:05"]


def test_promise_is_written_in_the_greatest_unit_that_fits(module: Path) -> None:
    calls = [["promised", ms] for ms in (20_000, 10 * MINUTE, 90 * MINUTE, 4 * HOUR)]

    assert written(module, calls) == ["20 secs", "10 mins", "90 mins", "4 hrs"]


def test_numbers_and_units_are_those_of_the_language(module: Path) -> None:
    calls = [["text", "permille", 987], ["text", "count", 1234], ["text", "ms", 12 * MINUTE]]

    assert written(module, calls, "de-DE") == ["98,7%", "1.234", "12 Min."]
