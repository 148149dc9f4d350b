"""Three brokers, each record on all of them: any one may go, and two that lag stop the writing."""

import asyncio
import json
import re
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from carewatch.clock import system_clock
from carewatch.wire import topics
from chaos.arena import Arena, arena, replicas
from chaos.plan import Fault
from chaos.proxy import APIS, Weather
from chaos.report import Report
from chaos.run import chaos
from support.deployment import Deployment
from support.eventually import eventually
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(900)]

PLANNED = (
    # Longer than the session of a broker: its partitions are led by others meanwhile.
    Fault(number=0, kind="broker_kill", after_ms=3000, broker=0, lasts_ms=4500),
    Fault(number=1, kind="broker_kill", after_ms=2000, broker=1, lasts_ms=4500),
    Fault(number=2, kind="kill", after_ms=1000),
    Fault(number=3, kind="broker_kill", after_ms=1000, broker=2, lasts_ms=4500),
    # It wakes up and believes for a moment that it leads still.
    Fault(number=4, kind="broker_freeze", after_ms=2000, broker=0, lasts_ms=6000),
    # Whom its peers cannot hear leads on, alone, and may take nothing.
    Fault(number=5, kind="isolate", after_ms=2000, broker=1, lasts_ms=6000),
    Fault(number=6, kind="broker_restart", after_ms=2000, broker=2, lasts_ms=500),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One run; the tests look at its report."""
    folder = tmp_path_factory.mktemp("three-brokers")
    done, _ = asyncio.run(
        chaos(folder, PLANNED, seed=3, workers=2, brokers=3, rate=25, say=lambda _: None)
    )
    return done


def test_every_number_is_right_after_each_broker_was_lost(report: Report) -> None:
    assert {name: found for name, found in report.differences.items() if found} == {}


def test_leaders_have_moved_and_requests_between_brokers_were_held_back(report: Report) -> None:
    assert len(report.faults) == len(PLANNED)
    assert report.leader_moves > 20
    assert report.spoiled_requests > 0
    assert report.events > 500


async def in_sync(place: Arena) -> list[int]:
    """How many replicas of each partition of the events are in sync."""
    found = await replicas(place.deployment)
    return [count for (topic, _), (_, count) in found.items() if topic == topics.EVENTS]


async def refused(deployment: Deployment, name: str, began_s: int) -> None:
    """A delivery that Kafka does not acknowledge: the spool has it, or the provider keeps it."""
    status, _ = await deliver(deployment, name, began_s)
    if status == 503:
        return
    assert status == 200
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{deployment.gateway_metrics_url}/metrics") as answer,
    ):
        told = await answer.text()
    assert re.search(r"^care_spool_records [1-9]", told, re.MULTILINE)


async def test_too_few_replicas_in_sync_refuse_rather_than_lose(tmp_path: Path) -> None:
    async with arena(tmp_path, brokers=3, config=CONFIG, secrets=SECRETS) as place:
        deployment = place.deployment
        began_s = system_clock() // 1000 + 1
        assert await deliver(deployment, "web_late_1_question", began_s) == (200, "")
        await deployment.passed(began_s * 1000)

        for peer in place.peers:
            peer.turn(Weather("stall", apis=frozenset({APIS["Fetch"]})))
        await refused(deployment, "web_withdrawn_1_question", began_s)

        async def alone() -> bool | None:
            return min(await in_sync(place)) == 1 or None

        await eventually(alone, within_s=60)
        await refused(deployment, "web_late_2_reply", began_s)
        for peer in place.peers:
            peer.turn(None)

        async def together() -> bool | None:
            return min(await in_sync(place)) == 3 or None

        await eventually(together, within_s=90)
        for name in ("web_withdrawn_1_question", "web_late_2_reply", "web_withdrawn_2_reply"):
            await eventually(partial(taken, deployment, name, began_s), within_s=90)
        await deployment.passed(max(system_clock(), (began_s + 10) * 1000) + 1000)
        facts = [json.loads(r.value or b"") for r in await deployment.committed(topics.FACTS)]

    assert sorted(
        one["data"]["calendar_ms"]
        for one in facts
        if one["data"].get("metric") == "first_response_time"
    ) == [3000, 9000]
    assert len({one["id"] for one in facts}) == len(facts)


async def taken(deployment: Deployment, name: str, began_s: int) -> bool | None:
    """True when a delivery, perhaps a repeated one, is answered with 200."""
    return await deliver(deployment, name, began_s) == (200, "") or None
