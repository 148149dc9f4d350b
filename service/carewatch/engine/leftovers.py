"""What is left in memory of partitions that were given up, and how it is freed.

State refers to itself here and there: a series to the panes it counts in, a gauge to the clock by
which it moves. So it does not go when nobody wants it any more, but when the collector looks; and
the collector hardly ever looks at millions of objects that are as old as the process.
"""

import asyncio
import ctypes
import gc
from typing import Final

from carewatch.engine.observer import Observer

TOGETHER_SECONDS: Final = 2.0
"""A rebalance, or a broker that dies, gives up many partitions one after the other: one look is
enough for all."""


class Leftovers(Observer):
    """Hears which state was dropped."""

    def __init__(self, together_seconds: float = TOGETHER_SECONDS) -> None:
        self._together_seconds = together_seconds
        self._dropped = asyncio.Event()

    def failed(self, stage: str, partition: int, *, fenced: bool) -> None:
        """The partition dropped its memory."""
        self._dropped.set()

    def closed(self, stage: str, partition: int) -> None:
        """The partition was given up."""
        self._dropped.set()

    def abandoned(self, stage: str, partition: int) -> None:
        """A restore has ended that nobody wanted: what it made is dropped now, not before."""
        self._dropped.set()

    async def freed(self) -> None:
        """Waits until state is dropped, and frees it."""
        await self._dropped.wait()
        await asyncio.sleep(self._together_seconds)
        self._dropped.clear()
        free()


def free() -> None:
    """Frees what nobody can reach, and lets the collector spare what is left.

    It looks at everything: a fraction of a second, since conversations at rest are bytes. What the
    allocator holds back of it goes to the system, where that can be asked for (glibc): rows lie
    between others, and by itself it would return only what lies at the end.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
