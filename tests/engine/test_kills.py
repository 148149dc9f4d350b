"""Worker processes that are killed, frozen and cut off: every record still counts exactly once."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from carewatch.clock import system_clock
from carewatch.engine.engine import Engine
from carewatch.local.kafka import LocalKafka
from support.counting_process import worker_process
from support.lab import Address, Lab, eventually, expected_counts

pytestmark = pytest.mark.broker

BATCH = 40


async def load(lab: Lab, keys: list[str], done: asyncio.Event) -> None:
    """Appends `keys` to every partition until told that it is enough; what was sent is kept."""
    number = 0
    while not done.is_set():
        batch = [f"k{(number + i) % 11}" for i in range(BATCH)]
        for partition in range(lab.partitions):
            await lab.produce(batch, partition=partition)
        keys += batch
        number += BATCH


async def test_killed_workers_lose_and_repeat_nothing(broker: Address) -> None:
    """Five kills at random moments while records keep coming; flushes are back to back."""
    lab = await Lab(broker.bootstrap_servers, partitions=2).create()
    moments = random.Random(20260105)
    keys: list[str] = []
    done = asyncio.Event()
    loading = asyncio.create_task(load(lab, keys, done))

    for _ in range(5):
        # The slot keeps its place in the group: the next process takes over without a wait.
        async with worker_process(lab, slot="0", flush_interval_ms=1):
            before = len(await lab.counted())

            async def moved(before: int = before) -> bool:
                return len(await lab.counted()) > before

            await eventually(moved)
            await asyncio.sleep(moments.uniform(0, 0.3))
    done.set()
    await loading

    async with worker_process(lab, slot="0"):
        for partition in range(2):
            await lab.until_counted(expected_counts(keys), partition)


async def test_a_frozen_worker_that_wakes_writes_nothing_twice(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers, partitions=2).create()
    keys: list[str] = []
    done = asyncio.Event()
    loading = asyncio.create_task(load(lab, keys, done))
    short = {"session_timeout_ms": 2000, "flush_interval_ms": 1}

    async with worker_process(lab, **short) as sleeper:

        async def begun() -> bool:
            return bool(await lab.counted(0)) and bool(await lab.counted(1))

        await eventually(begun)
        sleeper.send_signal(signal.SIGSTOP)
        other = Engine([lab.processor], lab.settings(**short), system_clock)
        await other.start()
        try:

            async def taken_over() -> bool:
                return other.live(lab.name) == {0, 1}

            await eventually(taken_over)
            assert other.live(lab.name) == {0, 1}
            sleeper.send_signal(signal.SIGCONT)

            async def shared() -> bool:
                return len(other.live(lab.name)) == 1

            await eventually(shared)
            assert len(other.live(lab.name)) == 1
            done.set()
            await loading
            for partition in range(2):
                await lab.until_counted(expected_counts(keys), partition)
        finally:
            await other.stop()


async def test_work_goes_on_after_the_broker_was_away_for_longer_than_every_timeout(
    tmp_path: Path,
) -> None:
    with LocalKafka(tmp_path) as kafka:
        lab = await Lab(kafka.bootstrap_servers).create()
        engine = Engine(
            [lab.processor],
            lab.settings(
                session_timeout_ms=2000, flush_timeout_ms=1500, transaction_timeout_ms=2500
            ),
            system_clock,
        )
        await engine.start()
        try:
            await lab.produce(["a", "b"])
            await lab.until_counted(["a:1", "b:1"])
            await lab.produce(["a"])
            await asyncio.to_thread(kafka.kill)
            # Time itself is what is tested: session, flush and transaction are over by then.
            await asyncio.sleep(4)
            await asyncio.to_thread(kafka.start)

            await lab.produce(["b"])
            await lab.until_counted(["a:1", "b:1", "a:2", "b:2"])
        finally:
            await engine.stop()
