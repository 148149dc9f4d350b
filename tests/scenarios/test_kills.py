"""Workers that die, come and go under load: the results are those of an undisturbed run."""

import asyncio
import json
from pathlib import Path

import pytest

from carewatch.local import comparison, demo_config
from carewatch.wire import topics
from support.deployment import Deployment, Worker, deployed
from support.eventually import eventually
from support.schemas import complaints_of
from support.verdicts import Ran, look_at, metric_points, net, repeated

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SECONDS = 24
RATE = 50
SEED = 20260105

KILLED_AFTER = (1, 60, 0, 150, 15, 33, 7)
"""Rows that a worker may still write before it is killed; 0: while it restores."""

SHORT_TIMEOUTS = {
    "CAREWATCH_WORKER_SESSION_TIMEOUT_MS": "2000",
    "CAREWATCH_WORKER_TRANSACTION_TIMEOUT_MS": "4000",
    "CAREWATCH_WORKER_FLUSH_TIMEOUT_MS": "3000",
}
CHANGELOG = "care.state.track"


async def more_rows(deployment: Deployment, than: int) -> None:
    """Returns as soon as track's changelog has grown beyond so many records."""

    async def grown() -> bool | None:
        return (await deployment.written(CHANGELOG) > than) or None

    await eventually(grown, within_s=90)


async def disturb(deployment: Deployment, worker: Worker) -> Worker:
    """Kills and replaces the worker again and again, lets another join and leave; the last one."""
    for rows in KILLED_AFTER:
        if rows == 0:
            await worker.alive()
        else:
            await worker.ready()
            await more_rows(deployment, than=await deployment.written(CHANGELOG) + rows)
        worker.kill()
        worker = deployment.worker()
    await worker.ready()
    guest = deployment.worker(slot="1")
    await guest.ready()

    async def has_shared_the_work() -> bool | None:
        return (await guest.published() > 50) or None

    await eventually(has_shared_the_work, within_s=90)
    assert await guest.stop() == 0, guest.child.log_tail()
    return worker


async def run(folder: Path) -> Ran:
    """Traffic while workers die, come and go, until everything has settled."""
    manifest_file = folder / "manifest.json"
    secrets = demo_config.random_secrets()
    async with deployed(folder, demo_config.FOLDER, secrets, **SHORT_TIMEOUTS) as deployment:
        traffic = deployment.start(
            "simulate",
            *("--gateway", deployment.gateway_url, "--manifest", str(manifest_file)),
            *("--for", str(SECONDS), "--rate", str(RATE), "--seed", str(SEED)),
            *("--policy", demo_config.POLICY, "--first-reply", demo_config.FIRST_REPLY),
            *("--next-reply", demo_config.NEXT_REPLY),
        )
        await disturb(deployment, deployment.first_worker)
        await traffic.succeed()
        manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
        return await look_at(deployment, manifest)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run, disturbed all the way; the tests look at what it left."""
    return asyncio.run(run(tmp_path_factory.mktemp("kills")))


def test_totals_are_what_the_simulator_states(ran: Ran) -> None:
    lines = comparison.compare(ran.manifest, ran.board)

    assert [str(line) for line in lines if not line.equal] == []
    assert comparison.all_equal(lines)


@pytest.mark.parametrize("topic", [topics.FACTS, topics.SLA])
def test_every_result_is_there_exactly_once(ran: Ran, topic: str) -> None:
    assert len(ran.records[topic]) > 100
    assert repeated(ran.records[topic]) == []


@pytest.mark.parametrize("topic", [topics.FACTS, topics.SLA])
def test_results_are_those_of_an_undisturbed_replay(ran: Ran, topic: str) -> None:
    assert net(ran.records[topic]) == net(ran.replayed[topic])


def test_every_record_is_as_its_schema_says(ran: Ran) -> None:
    """Those of the demo are alike: this is its configuration and its traffic."""
    written = [record for records in ran.records.values() for record in records]

    assert complaints_of(written) == []
    assert {record.topic for record in written} == set(ran.records)


def test_metric_points_are_those_of_an_undisturbed_replay(ran: Ran) -> None:
    found, wanted = metric_points(ran)

    assert found == wanted
    assert len(found) > 1000
