"""Kafka's disk is full, and Kafka ends by itself: nothing is lost, and with room it goes on."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from carewatch.clock import system_clock
from carewatch.local.kafka import LocalKafka
from carewatch.wire import topics
from support.deployment import Deployment
from support.eventually import eventually
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow]

DISK_MIB = 48
STORED_AT_ONCE = 65_536


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of some MiB, where Kafka keeps its data."""
    place = tmp_path / "kafka" / "log"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Takes what is left, to the last byte; returns the file that has it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * STORED_AT_ONCE):
                pass
        except OSError:
            os.fsync(file.fileno())
    return filler


async def test_a_full_disk_is_outlived(tmp_path: Path, disk: Path) -> None:
    kafka = LocalKafka(tmp_path / "kafka")
    deployment = Deployment(tmp_path, CONFIG, SECRETS, kafka)
    try:
        await deployment.come_up()
        began_s = system_clock() // 1000 + 1
        assert await deliver(deployment, "web_late_1_question", began_s) == (200, "")
        await deployment.passed(began_s * 1000)

        filler = await asyncio.to_thread(fill, disk)
        status, _ = await deliver(deployment, "web_withdrawn_1_question", began_s)
        # The gateway's spool has it, or the provider keeps it.
        assert status in (200, 503)
        assert await asyncio.to_thread(kafka.wait) != 0

        filler.unlink()
        await asyncio.to_thread(kafka.start)

        async def taken() -> bool | None:
            answer = await deliver(deployment, "web_withdrawn_1_question", began_s)
            return answer == (200, "") or None

        await eventually(taken, within_s=90)
        for name in ("web_late_2_reply", "web_withdrawn_2_reply"):
            assert await deliver(deployment, name, began_s) == (200, "")
        await deployment.passed(max(system_clock(), (began_s + 10) * 1000) + 1000)
        facts = [json.loads(r.value or b"") for r in await deployment.committed(topics.FACTS)]
    finally:
        await deployment.go_down()

    assert deployment.ended_early == []
    assert sorted(
        one["data"]["calendar_ms"]
        for one in facts
        if one["data"].get("metric") == "first_response_time"
    ) == [3000, 9000]
    assert len({one["id"] for one in facts}) == len(facts)
