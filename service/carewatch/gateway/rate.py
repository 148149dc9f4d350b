"""How many requests an account may bring: a token bucket, in integers, on the gateway's clock."""

from typing import Final

_TOKEN: Final = 1000
"""A token in the unit of the level: so many of them per second come in exactly, ms by ms."""


class TokenBucket:
    """`burst` requests at once, and `per_second` on average."""

    def __init__(self, per_second: int, burst: int) -> None:
        self._per_second = per_second
        self._full = burst * _TOKEN
        self._level = self._full
        self._at: int | None = None

    def take(self, now: int) -> int:
        """0 when a request may pass at `now` (ms), which is then counted; else ms until one may.

        A clock that went back gives nothing and takes nothing.
        """
        if self._at is None or now > self._at:
            passed = 0 if self._at is None else now - self._at
            self._level = min(self._full, self._level + passed * self._per_second)
            self._at = now
        if self._level < _TOKEN:
            return -(-(_TOKEN - self._level) // self._per_second)
        self._level -= _TOKEN
        return 0
