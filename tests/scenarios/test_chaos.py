"""Sixty faults under live traffic: nothing is lost, doubled or wrong.

`make chaos` runs longer ones; this one belongs to every test run.
"""

import asyncio

import pytest

from carewatch.engine.failpoints import FAILPOINTS
from chaos.plan import plan
from chaos.report import Report
from chaos.run import chaos

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(900)]

FAULTS = 60
SEED = 20261811


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One run of the plan; the tests look at its report."""
    folder = tmp_path_factory.mktemp("chaos")
    planned = list(plan(SEED, FAULTS, tuple(FAILPOINTS)))
    done, _ = asyncio.run(chaos(folder, planned, seed=SEED, workers=2, rate=40, say=lambda _: None))
    return done


def test_every_number_is_right_afterwards(report: Report) -> None:
    assert {name: found for name, found in report.differences.items() if found} == {}


def test_the_faults_have_struck(report: Report) -> None:
    assert len(report.faults) + report.missed == FAULTS
    assert report.missed < FAULTS // 10
    assert sum(times for status, times in report.deaths.items() if status != "0") > 20
    assert report.spoiled_requests > 0
    assert report.events > 1000
