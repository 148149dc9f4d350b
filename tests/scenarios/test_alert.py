"""From an unanswered webhook to an alert in a real Prometheus, and what a late reply takes back."""

import asyncio
from pathlib import Path

import pytest

from carewatch.clock import system_clock
from support.deployment import deployed
from support.eventually import eventually
from support.prometheus import prometheus
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow]

BREACHES = "sum(max without (instance) (care_sla_breaches_total))"
TODAY = "sum(max without (instance) (care_sla_breaches_today))"
CORRECTED = 'sum(care_corrections_total{metric="sla_transitions"})'


async def test_a_breach_alerts_and_a_reply_that_was_in_time_takes_it_back(tmp_path: Path) -> None:
    """Two customers are not answered; of one the reply arrives late, stamped before its deadline.

    What Prometheus counts never goes down: the withdrawal shows as a correction, and in the net
    figure of today.
    """
    limits = {"care:sla_breached_open_limit:count": 1}
    async with deployed(tmp_path / "d", CONFIG, SECRETS) as deployment:
        jobs = {
            "care-board": deployment.board_url.removeprefix("http://"),
            "care-gateway": deployment.gateway_metrics_url.removeprefix("http://"),
        }
        async with prometheus(tmp_path / "p", jobs, limits=limits) as running:

            async def shown(query: str, value: float) -> None:
                async def seen() -> bool | None:
                    return await running.values(query) == [value] or None

                await eventually(seen, within_s=90)

            began_s = system_clock() // 1000 + 1
            await deployment.passed(began_s * 1000)
            for name in ("web_withdrawn_1_question", "web_unanswered_1_question"):
                assert await deliver(deployment, name, began_s) == (200, "")
            await running.until("CareSlaBreachedOpen", fires=True, within_s=90)
            await asyncio.gather(shown(BREACHES, 2), shown(TODAY, 2), shown(CORRECTED, 0))

            assert await deliver(deployment, "web_withdrawn_2_reply", began_s) == (200, "")
            await running.until("CareSlaBreachedOpen", fires=False, within_s=90)
            await asyncio.gather(shown(BREACHES, 2), shown(TODAY, 1), shown(CORRECTED, 1))
        assert deployment.ended_early == []
