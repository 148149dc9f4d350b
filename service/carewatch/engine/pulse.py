"""The pulse of the process: whether it stood still, and whether its main loop hangs.

A process that was stopped and goes on (SIGSTOP, a suspended machine) has lost its partitions to
others without knowing it. One whose main loop hangs keeps its place in the group for ever, since
nothing tells the group; so a thread of its own ends it, and its partitions move.
"""

import asyncio
import faulthandler
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from carewatch.clock import elapsed

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.5

EXIT_HANGING: Final = 70


class Pulse:
    """Beats in the main loop. `elapsed_ns` counts also while the machine sleeps."""

    def __init__(
        self,
        *,
        session_seconds: float,
        on_still: Callable[[float], Awaitable[None]],
        elapsed_ns: Callable[[], int] = elapsed,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self.beats = 0
        """How often it has beaten: unchanged for long means a main loop that hangs."""
        self._session = session_seconds
        self._on_still = on_still
        self._elapsed = elapsed_ns
        self._beat_seconds = beat_seconds

    async def run(self) -> None:
        """Beats until cancelled; tells of every gap longer than the session, in seconds."""
        while True:
            before = self._elapsed()
            await asyncio.sleep(self._beat_seconds)
            self.beats += 1
            gap = (self._elapsed() - before) / 1e9
            if gap >= self._session:
                await self._on_still(gap)


class Watchdog:
    """Ends the process when a pulse stops, from a thread of its own.

    It counts its own looks, not the time between them: a process that was stopped as a whole, and
    its watchdog with it, is not one that hangs.
    """

    def __init__(
        self,
        pulse: Pulse,
        *,
        limit_seconds: float,
        end: Callable[[], None] | None = None,
    ) -> None:
        self._pulse = pulse
        self._limit = max(1, round(limit_seconds / LOOK_SECONDS))
        self._end = end or self._end_process
        self._beats = 0
        self._looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watches no longer."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """One look at the pulse; ends the process at the last one without a beat."""
        if self._pulse.beats != self._beats:
            self._beats, self._looks = self._pulse.beats, 0
            return
        self._looks += 1
        if self._looks == self._limit:
            self._end()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.look()

    def _end_process(self) -> None:
        logger.critical(
            "the main loop hangs for %.0f s: ending the process, so that its partitions move; "
            "where it hangs follows",
            self._limit * LOOK_SECONDS,
        )
        faulthandler.dump_traceback()
        os._exit(EXIT_HANGING)
