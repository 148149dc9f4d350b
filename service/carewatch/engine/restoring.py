"""Makes a stage of the rows of its changelog, and leaves off when nobody waits for it any more."""

import asyncio
from collections.abc import Callable

from carewatch.engine.changelog import Restored


async def restored_in_thread(
    restore: Callable[[Restored], int], restored: Restored, left: Callable[[], None]
) -> int:
    """What `restore` returns when it has taken all rows; in a thread, since a million of them take
    longer than the group waits for a heartbeat.

    Cancelled, it takes the rows away, so that the thread soon comes to an end. Only then is what it
    has made nobody's: `left` is called.
    """
    working = asyncio.ensure_future(asyncio.to_thread(restore, restored))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        restored.newest.clear()
        working.add_done_callback(_end(left))
        raise


def _end(left: Callable[[], None]) -> Callable[["asyncio.Future[int]"], None]:
    def ended(working: "asyncio.Future[int]") -> None:
        if not working.cancelled():
            working.exception()  # of half of the rows: it means nothing
        left()

    return ended
