"""A worker on a machine whose clock is wrong: whatever it shows, it never reaches the log.

libfaketime gives one process another clock; its monotonic clock stays the machine's.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from carewatch.clock import system_clock
from carewatch.wire import topics
from support.deployment import Deployment, deployed
from support.eventually import eventually
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow]

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOUR_S = 3600
APART_MS = 5000
"""The least by which a clock that is refused must be wrong."""


@pytest.fixture
def faked() -> dict[str, str]:
    """The variables of a process whose clock is not the machine's."""
    if not LIBRARIES:
        pytest.skip("libfaketime is not installed (as root on Debian: apt-get install faketime)")
    return {"LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    """All at work but for the worker: that is the test's."""
    async with deployed(tmp_path, CONFIG, SECRETS) as found:
        await found.first_worker.stop()
        yield found
    assert found.ended_early == []


async def durations(deployment: Deployment) -> list[int]:
    facts = [json.loads(one.value or b"") for one in await deployment.committed(topics.FACTS)]
    return sorted(
        one["data"]["calendar_ms"]
        for one in facts
        if one["data"].get("metric") == "first_response_time"
    )


async def newest_instant(deployment: Deployment) -> int:
    return max(one.at for one in await deployment.committed(topics.EVENTS))


async def test_an_hour_ahead_it_works_says_so_and_writes_no_time(
    deployment: Deployment, faked: dict[str, str]
) -> None:
    worker = deployment.worker(FAKETIME=f"+{HOUR_S}", **faked)
    began_s = system_clock() // 1000 - 10
    for name in ("web_late_1_question", "web_late_2_reply"):
        assert await deliver(deployment, name, began_s) == (200, "")

    async def told() -> float | None:
        async with (
            aiohttp.ClientSession(raise_for_status=False) as session,
            session.get(f"{worker.url}/readyz") as answer,
        ):
            found = re.search(r"clock is ([\d.]+) s ahead of Kafka's", await answer.text())
        return None if found is None else float(found[1])

    async def worked() -> bool | None:
        return await durations(deployment) == [9000] or None

    await worker.alive()
    assert round(await eventually(told, within_s=60) / 10) == HOUR_S / 10
    await eventually(worked, within_s=60)
    assert await newest_instant(deployment) < system_clock() + APART_MS
    assert await worker.stop() == 0

    await deployment.worker().ready()
    await deployment.passed(system_clock())
    assert await newest_instant(deployment) < system_clock() + APART_MS


async def test_a_jump_while_it_works_is_not_followed(
    deployment: Deployment, faked: dict[str, str], tmp_path: Path
) -> None:
    shown = tmp_path / "clock"
    shown.write_text("+0", encoding="ascii")
    worker = deployment.worker(FAKETIME_TIMESTAMP_FILE=str(shown), FAKETIME_NO_CACHE="1", **faked)
    await worker.ready()
    began_s = system_clock() // 1000 - 10
    assert await deliver(deployment, "web_late_1_question", began_s) == (200, "")

    shown.write_text(f"+{HOUR_S}", encoding="ascii")
    await deployment.passed(system_clock() + 2000)
    shown.write_text(f"-{HOUR_S}", encoding="ascii")
    assert await deliver(deployment, "web_late_2_reply", began_s) == (200, "")
    await deployment.passed(system_clock() + 2000)

    assert await durations(deployment) == [9000]
    assert await newest_instant(deployment) < system_clock() + APART_MS
    assert await worker.stop() == 0
