"""Conversations to be looked at later: nothing hurries, so it is some of them at a time."""

from typing import Final

SHARE: Final = 256
"""Of many that wait, one in so many is looked at at once beyond the least number."""


class Later:
    """Keys of rows, by the span of time that must have passed before they are looked at.

    What has changed meanwhile finds whoever takes a key: none is ever taken out.
    """

    def __init__(self, span_ms: int) -> None:
        self._span_ms = span_ms
        self._waiting: dict[int, list[bytes]] = {}

    def put(self, row_key: bytes, at: int | None = None) -> None:
        """To be taken at the end of the span that holds `at`; None: at once."""
        place = 0 if at is None else at // self._span_ms + 1
        self._waiting.setdefault(place, []).append(row_key)

    def take(self, clock: int, at_least: int) -> list[bytes]:
        """Some of those whose time has come by the clock, and takes them out."""
        due = sorted(place for place in self._waiting if place * self._span_ms <= clock)
        most = at_least + sum(len(self._waiting[place]) for place in due) // SHARE
        taken: list[bytes] = []
        for place in due:
            waiting = self._waiting[place]
            while waiting and len(taken) < most:
                taken.append(waiting.pop())
            if not waiting:
                del self._waiting[place]
        return taken
