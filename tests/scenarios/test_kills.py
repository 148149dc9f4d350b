"""Workers that die, come and go under load: the results are those of an undisturbed run."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from carewatch.local import comparison, demo_config
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.wire import topics
from support.deployment import Deployment, Stored, Worker, deployed
from support.eventually import eventually

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
Result = dict[str, Any]


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


@dataclass(frozen=True)
class Ran:
    """What a run left: the simulator's manifest, the board, every committed record by topic."""

    manifest: dict[str, Any]
    board: dict[str, Any]
    records: dict[str, list[Stored]]

    @cached_property
    def replayed(self) -> dict[str, list[Output]]:
        """What the processors make of the recorded events, undisturbed.

        The partitions are merged by time; within each the log's own order holds.
        """
        written: dict[str, list[Output]] = {}
        replay = Replay(
            lambda output: written.setdefault(output.topic, []).append(output),
            partitions=1 + max(event.partition for event in self.records[topics.EVENTS]),
        )
        reached: Counter[int] = Counter()
        events = []
        for event in self.records[topics.EVENTS]:
            reached[event.partition] = max(reached[event.partition], event.at)
            events.append((reached[event.partition], event))
        for _, event in sorted(events, key=lambda one: one[0]):
            replay.recorded(event.partition, event.key, event.value)
        return written


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
        await deployment.passed(manifest["settled_at_ms"] + 2000)
        names = (topics.EVENTS, topics.FACTS, topics.SLA, topics.METRICS)
        records = {name: await deployment.committed(name) for name in names}
        return Ran(manifest, await deployment.board(), records)


def net(records: Iterable[Stored | Output]) -> dict[str, Result]:
    """Results that were not withdrawn, by id."""
    documents = [json.loads(record.value or b"") for record in records]
    gone = {document["data"]["corrects"] for document in documents}
    return {
        document["id"]: document
        for document in documents
        if document["data"]["sign"] > 0 and document["id"] not in gone
    }


def newest(records: Iterable[Stored | Output]) -> dict[bytes | None, Result]:
    """The newest point of each key, without how it came about and without the pipeline's clocks."""
    points: dict[bytes | None, Result] = {}
    for record in records:
        data = json.loads(record.value or b"null")["data"]
        if "partition" not in data:
            points[record.key] = {**data, "pane": None, "revision": None}
    return points


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
    ids = Counter(json.loads(record.value or b"")["id"] for record in ran.records[topic])

    assert len(ids) > 100
    assert [name for name, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("topic", [topics.FACTS, topics.SLA])
def test_results_are_those_of_an_undisturbed_replay(ran: Ran, topic: str) -> None:
    assert net(ran.records[topic]) == net(ran.replayed[topic])


def test_metric_points_are_those_of_an_undisturbed_replay(ran: Ran) -> None:
    assert newest(ran.records[topics.METRICS]) == newest(ran.replayed[topics.METRICS])
