"""When which conversation has something due: buckets of a second, so that setting costs the same
however many are pending."""

from heapq import heappop, heappush
from typing import Final

SECOND_MS: Final = 1000

Conversation = tuple[str, str]
"""Tenant and conversation key."""


class Timers:
    """The next timer of every conversation of a partition; a newer one replaces the older."""

    def __init__(self) -> None:
        self._due: dict[Conversation, int] = {}
        self._buckets: dict[int, list[Conversation]] = {}
        self._seconds: list[int] = []

    def set(self, conversation: Conversation, at: int | None) -> None:
        """The conversation's next timer fires at `at`; None: it has none."""
        if at is None:
            self._due.pop(conversation, None)
            return
        if self._due.get(conversation) == at:
            return
        self._due[conversation] = at
        second = at // SECOND_MS
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [conversation]
            heappush(self._seconds, second)
        else:
            bucket.append(conversation)

    def next_at(self) -> int | None:
        """A clock from which `take_due` may find something; None when nothing is pending."""
        return self._seconds[0] * SECOND_MS + 1 if self._seconds else None

    def take_due(self, clock: int) -> list[Conversation]:
        """The conversations with a timer below `clock`, earliest first, then by key.

        Each is taken out: its owner lets it fire and sets the next one.
        """
        due: set[tuple[int, Conversation]] = set()
        keep: list[tuple[int, Conversation]] = []
        while self._seconds and self._seconds[0] * SECOND_MS < clock:
            for conversation in self._buckets.pop(heappop(self._seconds)):
                at = self._due.get(conversation)
                if at is None:
                    continue  # it was cancelled
                if at < clock:
                    due.add((at, conversation))
                else:
                    keep.append((at, conversation))
        taken = sorted(due)
        for _, conversation in taken:
            del self._due[conversation]
        for at, conversation in keep:
            # The bucket was left early, or the timer had moved: put it where it belongs.
            if self._due.pop(conversation, None) is not None:
                self.set(conversation, at)
        return [conversation for _, conversation in taken]
