"""The engine's real lane under random faults: its loops, its openings, its flushes and refusals.

Only the adapter of aiokafka's consumer (`engine/assignment.py`) stays outside: what it does is to
translate that client's callbacks, and a fake of the client would prove the fake. It is tested on a
real broker (`tests/engine/test_engine.py`, `test_kills.py`).
"""

import os

import pytest

from support.two_stages.cluster import Cluster, Design
from support.two_stages.lanes import LANE_ABLATIONS, LANES
from support.two_stages.table import Tried, try_seeds

SEEDS = int(os.environ.get("CAREWATCH_SEEDS", "50"))
FIRST = int(os.environ.get("CAREWATCH_FIRST_SEED", "0"))
MOST = 1000
"""Seeds after which an ablation that does no harm is one that nobody notices."""

FAULTS = (
    "fenced",
    "freeze",
    "kill",
    "leftover aborted",
    "probe refused",
    "rebalance",
    "stood still",
)


@pytest.fixture(scope="module")
def lanes() -> Tried:
    """The lane as it is, over all seeds."""
    return try_seeds(LANES, range(FIRST, FIRST + SEEDS))


def test_lanes_come_to_the_right_results_whatever_happens(lanes: Tried) -> None:
    assert lanes.wrong == []


def test_every_kind_of_fault_was_met(lanes: Tried) -> None:
    assert [fault for fault in FAULTS if not lanes.seen[fault]] == []


@pytest.mark.parametrize("design", LANE_ABLATIONS, ids=lambda design: design.name)
def test_every_rule_of_a_lane_is_needed(design: Design) -> None:
    """Stops at the first seed that comes out wrong."""
    wrong = (seed for seed in range(FIRST, FIRST + MOST) if Cluster(seed, design).run())

    assert next(wrong, None) is not None, f"without {design.rule} nothing went wrong"


def test_a_seed_reproduces_its_run() -> None:
    runs = [Cluster(7, LANES) for _ in range(2)]
    for run in runs:
        run.run()

    assert runs[0].trace() == runs[1].trace()
