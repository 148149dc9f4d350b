"""Waiting for a condition inside the event loop, always with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")


async def eventually(
    look: Callable[[], Awaitable[Found | None]], *, within_s: float = 30, every_s: float = 0.02
) -> Found:
    """What `look` finds (anything but None), as soon as it does; fails when it never does.

    A look that is work for others (`every_s`) must not be what keeps them from getting there.
    """
    async with asyncio.timeout(within_s):
        while True:
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(every_s)
