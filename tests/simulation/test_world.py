"""The machine room itself: what killing and freezing mean, and that time is virtual."""

import asyncio

import pytest

from support.world import World


async def note(into: list[str], *, times: int = 1000) -> None:
    try:
        for number in range(times):
            await asyncio.sleep(0.01)
            into.append(str(number))
    finally:
        into.append("cleaned up")


def test_a_killed_process_runs_no_line_more_not_even_its_clean_up() -> None:
    world = World(1)
    said: list[str] = []
    process = world.process("p")
    process.spawn(note(said))
    world.run(lambda: len(said) == 3, max_steps=1000)
    world.kill(process)
    world.run(lambda: False, max_steps=1000)

    assert said == ["0", "1", "2"]
    world.close()


def test_a_frozen_process_goes_on_where_it_was() -> None:
    world = World(1)
    said: list[str] = []
    process = world.process("p")
    process.spawn(note(said, times=3))
    world.run(lambda: len(said) == 1, max_steps=1000)
    world.freeze(process)
    world.at(3_600_000_000, lambda: None)
    world.run(lambda: world.now() >= 3_600_000, max_steps=1000)
    during = list(said)
    world.thaw(process)
    world.run(lambda: False, max_steps=1000)

    assert during == ["0"]
    assert said == ["0", "1", "2", "cleaned up"]
    world.close()


def test_timeouts_pass_in_virtual_time() -> None:
    world = World(1)

    async def wait() -> None:
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().create_future()

    task = world.process("p").spawn(wait())
    world.run(task.done, max_steps=1000)

    assert world.now() == 5000
    with pytest.raises(TimeoutError):
        task.result()
    world.close()


def test_a_task_that_can_never_finish_is_reported() -> None:
    world = World(1)

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    task = world.process("p").spawn(wait())

    with pytest.raises(AssertionError, match="did not finish"):
        world.complete(task)
    world.close()
