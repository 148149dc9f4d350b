"""Starts an aiokafka client so that whoever cancels the start leaves no connection open."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

ANSWER_SECONDS: Final = 1.0
"""How long a start that was cancelled is waited for; with a broker it takes some milliseconds."""


async def started(start: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Starts a client; a cancellation is passed on when the start has come to an end.

    While aiokafka asks for the cluster's metadata for the first time, the connection over which it
    asks is known to nobody else: cancelled there, not even the client's own stop closes it. A start
    that takes longer than ANSWER_SECONDS is cancelled all the same.
    """
    starting = asyncio.ensure_future(start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        try:
            await asyncio.wait([starting], timeout=ANSWER_SECONDS)
        finally:
            starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise
