"""State that refers to itself is freed when its partition is given up, however old it is."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

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


@pytest.mark.parametrize("how", ["closed", "failed"])
async def test_each_loss_is_looked_after_anew(how: str) -> None:
    leftovers = Leftovers(together_seconds=0)
    for _ in range(2):
        knot = Knot()
        seen = weakref.ref(knot)
        del knot
        if how == "closed":
            leftovers.closed("track", 1)
        else:
            leftovers.failed("track", 1, fenced=False)
        await leftovers.freed()

        assert seen() is None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(leftovers.freed(), 0.01)
