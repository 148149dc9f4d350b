"""A worker that dies at every named place: afterwards every record counts exactly once."""

import asyncio
import signal

import pytest

from carewatch.clock import system_clock
from carewatch.domain.errors import ConfigError
from carewatch.engine.engine import Engine
from carewatch.engine.failpoints import FAILPOINTS, read_failpoints
from carewatch.settings import Settings
from support.counting_process import worker_process
from support.lab import Address, Lab, eventually, expected_counts

KEYS = [f"k{number % 7}" for number in range(300)]
DEADLINE_S = 60

AT_THE_START = ("before_init", "after_init", "mid_restore", "after_restore", "after_open")
"""There the second life is the one that dies, so that there are rows to restore."""


def settings(failpoints: str | None, *, testing: bool = True) -> Settings:
    return Settings(failpoints=failpoints, testing=testing)


def test_the_place_counts_and_the_chosen_time_strikes() -> None:
    struck: list[signal.Signals] = []
    points = read_failpoints(settings("after_begin=kill@3,before_commit=stop"), struck.append)
    assert points is not None

    for name in ("after_begin", "before_commit", "after_begin", "before_commit", "after_commit"):
        points.reach(name)
    before_the_third = list(struck)
    points.reach("after_begin")
    points.reach("after_begin")

    assert before_the_third == [signal.SIGSTOP]
    assert struck == [signal.SIGSTOP, signal.SIGKILL]


def test_nothing_is_wrapped_when_there_are_none() -> None:
    assert read_failpoints(settings(None, testing=False)) is None


def test_failpoints_outside_of_tests_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"testing is not true.*Remedy"):
        read_failpoints(settings("after_begin=kill", testing=False))


@pytest.mark.parametrize(
    "text", ["after_lunch=kill", "after_begin=hug", "after_begin", "after_begin=kill@0", "a,"]
)
def test_what_is_no_failpoint_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not NAME=ACTION.*after_begin"):
        read_failpoints(settings(text))


@pytest.mark.broker
@pytest.mark.parametrize("name", [name for name in FAILPOINTS if name != "after_revoke"])
async def test_a_worker_that_dies_there_loses_and_repeats_nothing(
    broker: Address, name: str
) -> None:
    """An uninterrupted run writes exactly `expected_counts`; so must this one, after the death."""
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(KEYS[:200])
    quick = {"slot": "0", "flush_interval_ms": 20}
    if name in AT_THE_START:
        async with worker_process(lab, **quick):
            await lab.until_counted(expected_counts(KEYS[:200]))

    async with worker_process(lab, f"{name}=kill", **quick) as dying:
        await lab.produce(KEYS[200:])
        status = await asyncio.wait_for(dying.wait(), DEADLINE_S)
    async with worker_process(lab, **quick):
        await lab.until_counted(expected_counts(KEYS))

    assert status == -signal.SIGKILL


@pytest.mark.broker
async def test_a_worker_that_dies_while_partitions_leave_it_loses_and_repeats_nothing(
    broker: Address,
) -> None:
    lab = await Lab(broker.bootstrap_servers, partitions=2).create()
    for partition in (0, 1):
        await lab.produce(KEYS, partition=partition)
    short = {"session_timeout_ms": 2000}

    async with worker_process(lab, "after_revoke=kill", **short) as dying:

        async def begun() -> bool:
            return bool(await lab.counted(0))

        await eventually(begun)
        other = Engine([lab.processor], lab.settings(**short), system_clock)
        await other.start()
        try:
            status = await asyncio.wait_for(dying.wait(), DEADLINE_S)
            for partition in (0, 1):
                await lab.until_counted(expected_counts(KEYS), partition)
        finally:
            await other.stop()

    assert status == -signal.SIGKILL


@pytest.mark.broker
async def test_a_worker_frozen_in_its_commit_writes_nothing_twice(broker: Address) -> None:
    """The next owner ends what the sleeper left open; the sleeper finds itself fenced."""
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(KEYS)
    short = {"session_timeout_ms": 2000, "flush_interval_ms": 20}

    async with worker_process(lab, "during_commit=stop@2", **short) as sleeper:
        other = Engine([lab.processor], lab.settings(**short), system_clock)
        await other.start()
        try:

            async def taken_over() -> bool:
                return other.live(lab.name) == {0}

            await eventually(taken_over)
            sleeper.send_signal(signal.SIGCONT)
            await lab.produce(KEYS)
            await lab.until_counted(expected_counts(KEYS + KEYS))
        finally:
            await other.stop()
