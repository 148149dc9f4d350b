"""A process that stood still opens everything again; one whose main loop hangs ends."""

import asyncio
import signal

import pytest

from carewatch.clock import system_clock
from carewatch.engine.engine import Engine
from carewatch.engine.pulse import EXIT_HANGING, LOOK_SECONDS, Pulse, Watchdog
from support.counting_process import worker_process
from support.lab import Address, Lab, expected_counts


async def nothing(gap: float) -> None: ...


def watched(limit_seconds: float) -> tuple[Pulse, Watchdog, list[str]]:
    ended: list[str] = []
    beating = Pulse(session_seconds=1, on_still=nothing)
    return (
        beating,
        Watchdog(beating, limit_seconds=limit_seconds, end=lambda: ended.append("ended")),
        ended,
    )


def test_a_pulse_that_stops_ends_the_process_at_the_limit_and_once() -> None:
    beating, watchdog, ended = watched(10 * LOOK_SECONDS)
    beating.beats += 1
    watchdog.look()
    for _ in range(9):
        watchdog.look()
    before = list(ended)
    for _ in range(5):
        watchdog.look()

    assert before == []
    assert ended == ["ended"]


def test_a_single_beat_begins_the_count_anew() -> None:
    """However long the process was stopped in between: only looks without a beat count."""
    beating, watchdog, ended = watched(10 * LOOK_SECONDS)
    for _ in range(20):
        for _ in range(9):
            watchdog.look()
        beating.beats += 1
        watchdog.look()

    assert ended == []


@pytest.mark.parametrize(("passed_s", "told"), [(0.9, []), (1.0, [1.0]), (7.5, [7.5])])
async def test_a_gap_longer_than_the_session_is_told(passed_s: float, told: list[float]) -> None:
    readings = iter([0, round(passed_s * 1e9)])
    gaps: list[float] = []

    async def still(gap: float) -> None:
        gaps.append(gap)

    beating = Pulse(
        session_seconds=1, on_still=still, elapsed_ns=lambda: next(readings), beat_seconds=0
    )
    with pytest.raises(RuntimeError):  # the readings are used up
        await beating.run()

    assert gaps == told
    assert beating.beats == 1


@pytest.mark.broker
async def test_a_worker_that_hangs_ends_and_another_goes_on(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(["a", "b"])
    async with worker_process(lab, session_timeout_ms=2000, hang_timeout_ms=1500) as hanging:
        await lab.until_counted(["a:1", "b:1"])
        await lab.produce(["a"], value=b"hang")

        assert await asyncio.wait_for(hanging.wait(), 60) == EXIT_HANGING


@pytest.mark.broker
async def test_a_worker_that_was_stopped_alone_proves_membership_and_goes_on(
    broker: Address,
) -> None:
    """Nobody else was there: after the sleep it joins again, and nothing counts twice."""
    lab = await Lab(broker.bootstrap_servers).create()
    keys = [f"k{number % 5}" for number in range(100)]
    async with worker_process(lab, session_timeout_ms=2000, hang_timeout_ms=1000) as sleeper:
        await lab.produce(keys)
        await lab.until_counted(expected_counts(keys))
        sleeper.send_signal(signal.SIGSTOP)
        # Longer than the session and than the limit of a hang: sleep itself is what is tested.
        await asyncio.sleep(3)
        sleeper.send_signal(signal.SIGCONT)
        await lab.produce(keys)
        await lab.until_counted(expected_counts(keys + keys))

        assert sleeper.returncode is None


@pytest.mark.broker
async def test_what_stood_still_and_missed_no_other_owner_goes_on(broker: Address) -> None:
    """It asks for its place, which it has still: nothing is restored again."""
    lab = await Lab(broker.bootstrap_servers).create()
    engine = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await engine.start()
        await lab.produce(["a"])
        await lab.until_counted(["a:1"])
        (lane,) = engine._lanes
        before = lane._partitions[0]._live
        await engine._stood_still(99.0)
        kept = engine.live(lab.name)
        await lab.produce(["a"])
        await lab.until_counted(["a:1", "a:2"])
        after = lane._partitions[0]._live
    finally:
        await engine.stop()

    assert kept == {0}
    assert after is before
