"""Waiting for conditions and processes, always with a deadline."""

import os
import select
import time
from collections.abc import Callable


def until(condition: Callable[[], bool], *, deadline_s: float = 30) -> None:
    """Returns once the condition holds; fails when it does not in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not true within {deadline_s:g} s"
        time.sleep(0.02)


class Ending:
    """The end of a process that need not be a child: the kernel tells, nothing polls."""

    def __init__(self, pid: int) -> None:
        self._fd = os.pidfd_open(pid)

    def comes(self, *, within_s: float = 30) -> bool:
        """Whether the process ended, waiting for it at most so long."""
        ready, _, _ = select.select([self._fd], [], [], within_s)
        os.close(self._fd)
        return bool(ready)
