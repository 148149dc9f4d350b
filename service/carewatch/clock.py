"""The only reader of the system clock. Everything else takes `now` as a parameter."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns the current instant as integer milliseconds since 1970, UTC."""


def system_clock() -> int:
    """The machine's clock: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def elapsed() -> int:
    """Nanoseconds since some instant: never jumps, and counts while the machine sleeps."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """A clock that no jump of the machine's clock reaches: a start reading, and what passed since.

    `restart` takes a new start reading.
    """

    def __init__(
        self, machine: Callable[[], int] = time.time_ns, passed: Callable[[], int] = elapsed
    ) -> None:
        self._machine = machine
        self._passed = passed
        self.restart()

    def restart(self) -> None:
        """Believes the machine's clock once more."""
        self._start = self._machine() - self._passed()

    def __call__(self) -> int:
        return (self._start + self._passed()) // 1_000_000
