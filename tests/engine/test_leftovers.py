"""State that refers to itself is freed when its partition is given up, however old it is."""

import asyncio
import ctypes
import gc
import resource
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from carewatch.engine.leftovers import Leftovers, free


class Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _nobody_else_collects() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def resident() -> int:
    """Bytes of memory that the system has given to this process."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc can be asked for it"
)
def test_what_rows_leave_goes_back_to_the_system() -> None:
    """The allocator would hold it back: behind it lies something that is still wanted."""
    rows = [bytes(600) for _ in range(100_000)]
    wanted = rows[-1]
    del rows
    held = resident()
    free()

    assert resident() < held - 30_000_000
    assert len(wanted) == 600


async def test_what_a_partition_leaves_is_freed() -> None:
    leftovers = Leftovers(together_seconds=0)
    looking = asyncio.create_task(leftovers.freed())
    knot = Knot()
    seen = weakref.ref(knot)
    free()  # as after the first restore: it is spared from now on
    del knot
    await asyncio.sleep(0)

    assert seen() is not None
    assert not looking.done()

    leftovers.failed("track", 3, fenced=True)
    await looking
    assert seen() is None


@pytest.mark.parametrize("how", ["closed", "failed", "abandoned"])
async def test_each_loss_is_looked_after_anew(how: str) -> None:
    leftovers = Leftovers(together_seconds=0)
    for _ in range(2):
        knot = Knot()
        seen = weakref.ref(knot)
        del knot
        match how:
            case "closed":
                leftovers.closed("track", 1)
            case "abandoned":
                leftovers.abandoned("track", 1)
            case _:
                leftovers.failed("track", 1, fenced=False)
        await leftovers.freed()

        assert seen() is None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(leftovers.freed(), 0.01)
