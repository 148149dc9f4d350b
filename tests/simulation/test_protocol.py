"""The exactly-once protocol under random faults, and every one of its rules taken out once.

Two stages run on the real `engine.partition` over the in-memory log; workers are killed and frozen
at any await, partitions move, sends fail, commits are lost or answered with errors, changelogs are
compacted, input and partials repeat. Afterwards everything is recomputed from the source log.

CAREWATCH_SEEDS and CAREWATCH_FIRST_SEED choose how many seeds, from which one on; longer runs:
`PYTHONPATH=tests python -m support.two_stages --help`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.two_stages.ablations import ABLATIONS, REAL
from support.two_stages.cluster import Cluster, Design
from support.two_stages.table import Tried, render, try_seeds

SEEDS = int(os.environ.get("CAREWATCH_SEEDS", "50"))
FIRST = int(os.environ.get("CAREWATCH_FIRST_SEED", "0"))

FAULTS = (
    "aborted",
    "commit delayed",
    "commit lost",
    "commit refused",
    "commit unanswered",
    "compact",
    "fenced",
    "freeze",
    "kill",
    "leftover aborted",
    "probe refused",
    "rebalance",
    "repeat",
    "requests after the kill",
    "send failed",
    "session expired",
)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[list[Tried]]:
    """Collects what the tests of this module tried, and prints it as one table."""
    collected: list[Tried] = []
    yield collected
    order = [design.name for design in (REAL, *ABLATIONS)]
    collected.sort(key=lambda tried: order.index(tried.design))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stdout.write("\n" + render(collected))


@pytest.fixture(scope="module")
def protocol(results: list[Tried]) -> Tried:
    """The protocol as it is, over all seeds."""
    tried = try_seeds(REAL, range(FIRST, FIRST + SEEDS))
    results.append(tried)
    return tried


def test_results_are_right_whatever_happens(protocol: Tried) -> None:
    assert protocol.wrong == []


def test_every_kind_of_fault_was_met(protocol: Tried) -> None:
    """Without this the test above could pass by never being hit."""
    assert [fault for fault in FAULTS if not protocol.seen[fault]] == []


@pytest.mark.parametrize("design", ABLATIONS, ids=lambda design: design.name)
def test_every_rule_is_needed(design: Design, results: list[Tried]) -> None:
    """Stops at the first seed that comes out wrong; the longer runs say how many do."""
    tried = try_seeds(design, range(FIRST, FIRST + SEEDS), until_wrong=True)
    results.append(tried)

    assert tried.wrong != [], f"without {design.rule} nothing went wrong: {design.name}"


def trace(seed: int) -> str:
    cluster = Cluster(seed, REAL)
    cluster.run()
    return cluster.trace()


def test_a_seed_reproduces_its_run_in_any_process() -> None:
    """Also under another order of sets: the two processes hash texts differently."""
    code = (
        "from support.two_stages.ablations import REAL;"
        "from support.two_stages.cluster import Cluster;"
        "cluster = Cluster(7, REAL); cluster.run(); print(cluster.trace())"
    )
    tests = Path(__file__).parents[1]
    traces = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(tests), "PYTHONHASHSEED": hashes},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for hashes in ("1", "2")
    }

    assert traces == {trace(7)}


def test_different_seeds_are_different_runs() -> None:
    assert trace(1) != trace(2)
