"""Every golden case through both: what a replay writes is what the oracle works out."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carewatch.cli import main
from support.cases import CASES, GOLDEN, until_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.mark.parametrize("case", [one for one in CASES if one[0] != "K"])
def test_the_results_of_a_replay_are_the_oracles(case: str, tmp_path: Path) -> None:
    config, events = GOLDEN / case / "config", GOLDEN / case / "events.jsonl"
    results, until = tmp_path / "results.jsonl", until_of(case)
    options = () if until is None else ("--until", until)
    run("replay", "--config", config, *options, "--out", results, events)

    judged = run("verify", "--config", config, *options, "--events", events, "--results", results)

    assert (judged.output.splitlines()[-1], judged.exit_code) == ("the same", 0)
