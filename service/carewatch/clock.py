"""The only reader of the system clock. Everything else takes `now` as a parameter."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns the current instant as integer milliseconds since 1970, UTC."""


def system_clock() -> int:
    """The machine's clock: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000
