"""Tasks that are to run until they are cancelled, and what becomes known of one that is not."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


class Loops:
    """The tasks of one owner. A task that fails, or is cancelled by anyone else, is a bug.

    Must be made in the running loop that the tasks belong to.
    """

    def __init__(self) -> None:
        self._kept: list[asyncio.Task[None]] = []
        self._ended: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts a task that lasts as long as its owner: `stop` ends it."""
        self._kept.append(self.spawn(work))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts a task that may come to an end, or that its owner ends by `cancel`."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._on_end)
        return task

    async def cancel(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Ends tasks and waits until they have ended."""
        ending = list(tasks)
        self._ended.update(ending)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        self._ended.difference_update(ending)

    async def stop(self) -> None:
        """Ends the tasks that were to be kept."""
        await self.cancel(self._kept)
        self._kept.clear()

    async def failed(self) -> None:
        """Waits for a bug and raises it."""
        await asyncio.shield(self._failure)

    def forget_failure(self) -> None:
        """Nobody will ask for it any more."""
        if self._failure.done() and not self._failure.cancelled():
            self._failure.exception()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if self._failure.done() or task in self._ended:
            return
        if task.cancelled():
            self._failure.set_exception(RuntimeError(f"{task.get_name()} was cancelled"))
        elif (error := task.exception()) is not None:
            self._failure.set_exception(error)
