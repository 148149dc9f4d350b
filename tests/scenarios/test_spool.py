"""Kafka dies, the gateway goes on taking events, and is killed itself: each counts once."""

import asyncio
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from carewatch.clock import system_clock
from carewatch.domain.times import format_time
from carewatch.local.kafka import LocalKafka
from support import hooks
from support.deployment import Deployment, deployed
from support.eventually import eventually
from support.story import CONFIG, PATHS, SECRETS

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(480)]

CONVERSATIONS = 60
REPLIED_AFTER_MS = 5000
PERSONAL = re.compile(rb"Ada|example\.org|parcel|visitor")


def message(number: int, at: int, *, reply: bool = False) -> bytes:
    """A customer's question, or the reply of a person."""
    who = {"kind": "agent", "key": "bob@example.org"} if reply else {"kind": "customer"}
    data = {
        "conversation_key": f"visitor {number}",
        "customer_key": f"ada{number}@example.org",
        "actor": who,
        "message": {
            "key": f"{number}-{'reply' if reply else 'question'}",
            "direction": "outbound" if reply else "inbound",
            "kind": "text",
            "text": "Where is my parcel? Ada Example",
        },
    }
    return json.dumps(
        {"type": "care.message.created", "timestamp": format_time(at), "data": data}
    ).encode()


async def post(deployment: Deployment, body: bytes) -> int:
    headers = hooks.signature("generic", body, at=system_clock())
    return (await deployment.post(PATHS["generic"], body, headers))[0]


async def scraped(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def spooled(deployment: Deployment) -> dict[str, float]:
    """The samples of the spool, by their names without `care_spool_`."""
    text = await scraped(f"{deployment.gateway_metrics_url}/metrics")
    lines = [line.split() for line in text.splitlines() if line.startswith("care_spool_")]
    return {name.removeprefix("care_spool_"): float(value) for name, value in lines}


async def emptied(deployment: Deployment) -> None:
    async def empty() -> bool | None:
        return (await spooled(deployment))["records"] == 0 or None

    await eventually(empty, within_s=90)


async def another_gateway(deployment: Deployment) -> None:
    """In the place of the one that has ended."""
    deployment.gateway = deployment.start("gateway")
    await deployment.gateway.ready(f"{deployment.gateway_metrics_url}/readyz", timeout_s=90)


async def test_what_was_promised_in_an_outage_counts_once_whoever_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    async with deployed(tmp_path, CONFIG, SECRETS) as deployment:
        began = system_clock()
        assert await post(deployment, message(0, began)) == 200

        assert isinstance(deployment.kafka, LocalKafka)
        await asyncio.to_thread(deployment.kafka.kill)
        questions = [message(number, began + number) for number in range(1, CONVERSATIONS)]
        answers = [await post(deployment, body) for body in questions]
        during = await spooled(deployment)
        ready = json.loads(await scraped(f"{deployment.gateway_metrics_url}/readyz"))
        deployment.gateway.kill()
        left = {path.name: path for path in folder.glob("*.spool")}
        on_disk = b"".join(path.read_bytes() for path in left.values())
        modes = {path.stat().st_mode & 0o777 for path in left.values()}
        # What a kill in the middle of the next write would have left.
        with max(left.values()).open("ab") as last:
            last.write(on_disk[:100])
        shutil.copytree(folder, tmp_path / "kept")

        await asyncio.to_thread(deployment.kafka.start)
        await another_gateway(deployment)
        await emptied(deployment)
        torn = (await spooled(deployment))["torn_total"]

        # What a kill would have left that struck after Kafka had it all, before the files went.
        deployment.gateway.kill()
        for path in (tmp_path / "kept").glob("*.spool"):
            shutil.copy(path, folder)
        await another_gateway(deployment)
        await emptied(deployment)

        for number in range(CONVERSATIONS):
            reply = message(number, began + number + REPLIED_AFTER_MS, reply=True)
            assert await post(deployment, reply) == 200
        await deployment.passed(system_clock() + 1000)
        facts = [json.loads(r.value or b"") for r in await deployment.committed("care.facts")]
        events = [json.loads(r.value or b"") for r in await deployment.committed("care.events")]

    assert answers == [200] * len(questions)
    assert during["records"] == during["written_total"] == len(questions)
    assert 0 < during["bytes"] < during["limit_bytes"]
    assert ready["ready"] is True
    assert any("records wait in the spool" in reason for reason in ready["reasons"])
    assert modes == {0o600}
    assert PERSONAL.search(on_disk) is None
    assert torn == 1
    told = Counter(one["id"] for one in events if one["type"] == "care.message.created")
    assert len(told) == 2 * CONVERSATIONS
    assert sum(count >= 2 for count in told.values()) >= len(questions)
    assert list(folder.glob("*.spool")) == []

    gone = {one["data"]["corrects"] for one in facts}
    first = [
        one["data"]
        for one in facts
        if one["data"].get("metric") == "first_response_time" and one["data"]["sign"] > 0
        and one["id"] not in gone
    ]  # fmt: skip
    assert Counter(one["conversation_key"] for one in first) == dict.fromkeys(
        {one["partitionkey"] for one in events if "partitionkey" in one}, 1
    )
    assert {one["calendar_ms"] for one in first} == {REPLIED_AFTER_MS}
    assert len(first) == CONVERSATIONS
