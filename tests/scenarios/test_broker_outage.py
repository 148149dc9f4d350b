"""Kafka goes away and comes back: nobody is told a lie, nothing is restarted, nothing is lost.

Here without a spool, as for accounts that have switched it off; with one: test_spool.
"""

import asyncio
import json
from pathlib import Path

import pytest

from carewatch.clock import system_clock
from carewatch.domain.times import parse_time
from support.deployment import deployed
from support.eventually import eventually
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def test_an_outage_is_told_and_outlived(tmp_path: Path) -> None:
    no_spool = {"CAREWATCH_GATEWAY_SPOOL_LIMIT_BYTES": "0"}
    async with deployed(tmp_path, CONFIG, SECRETS, **no_spool) as deployment:
        began_s = system_clock() // 1000 + 1
        assert await deliver(deployment, "web_late_1_question", began_s) == (200, "")
        await deployment.passed(began_s * 1000)

        await asyncio.to_thread(deployment.kafka.stop)
        # One that would be answered although nobody has it would be lost.
        status, retry_after = await deliver(deployment, "web_withdrawn_1_question", began_s)
        assert status == 503
        assert int(retry_after) >= 1
        await asyncio.to_thread(deployment.kafka.start)

        async def taken() -> bool | None:
            answer = await deliver(deployment, "web_withdrawn_1_question", began_s)
            assert answer == (200, "") or answer[0] == 503
            return answer[0] == 200 or None

        await eventually(taken, within_s=90)
        await deployment.passed((began_s + 10) * 1000)
        for name in ("web_late_2_reply", "web_withdrawn_2_reply"):
            assert await deliver(deployment, name, began_s) == (200, "")
        await deployment.passed(system_clock() + 1000)
        transitions = [json.loads(r.value or b"") for r in await deployment.committed("care.sla")]
        facts = [json.loads(r.value or b"") for r in await deployment.committed("care.facts")]

    assert deployment.ended_early == []
    gone = {one["data"]["corrects"] for one in transitions}
    assert sorted(
        (one["data"]["to"], parse_time(one["data"]["at"]) - began_s * 1000)
        for one in transitions
        if one["data"]["sign"] > 0 and one["id"] not in gone
    ) == [
        ("at_risk", 2000),
        ("at_risk", 2100),
        # Due while Kafka was away, or while it came back.
        ("breached", 4000),
        ("met", 3100),
        ("met_late", 9000),
        ("pending", 0),
        ("pending", 100),
    ]
    assert sorted(
        one["data"]["calendar_ms"]
        for one in facts
        if one["data"].get("metric") == "first_response_time"
    ) == [3000, 9000]
    assert len({one["id"] for one in facts}) == len(facts)
