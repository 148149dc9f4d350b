"""When which conversation has something due: buckets of a second, so that setting costs the same
however many are pending."""

from heapq import heappop, heappush
from typing import Final

from carewatch.processors.conversation_rows import Key, read_key

SECOND_MS: Final = 1000


class Timers:
    """The next timer of every conversation of a partition; a newer one replaces the older.

    Conversations go by the keys of their rows: of these there is one object for each already.
    """

    def __init__(self) -> None:
        self._due: dict[bytes, int] = {}
        self._buckets: dict[int, list[bytes]] = {}
        self._seconds: list[int] = []

    def set(self, row_key: bytes, at: int | None) -> None:
        """The conversation's next timer fires at `at`; None: it has none."""
        if at is None:
            self._due.pop(row_key, None)
            return
        if self._due.get(row_key) == at:
            return
        self._due[row_key] = at
        second = at // SECOND_MS
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [row_key]
            heappush(self._seconds, second)
        else:
            bucket.append(row_key)

    def next_at(self) -> int | None:
        """A clock from which `take_due` may find something; None when nothing is pending."""
        return self._seconds[0] * SECOND_MS + 1 if self._seconds else None

    def soonest_before(self, clock: int) -> int | None:
        """The soonest timer below `clock`, if any; everything before its second was taken out."""
        if not self._seconds or self._seconds[0] * SECOND_MS >= clock:
            return None
        pending = (self._due.get(row_key) for row_key in self._buckets[self._seconds[0]])
        return min((at for at in pending if at is not None and at < clock), default=None)

    def take_due(self, clock: int) -> list[Key]:
        """The conversations with a timer below `clock`, earliest first, then by key.

        Each is taken out: its owner lets it fire and sets the next one.
        """
        due: set[tuple[int, Key]] = set()
        keep: list[tuple[int, bytes]] = []
        while self._seconds and self._seconds[0] * SECOND_MS < clock:
            for row_key in self._buckets.pop(heappop(self._seconds)):
                at = self._due.get(row_key)
                if at is None:
                    continue  # it was cancelled
                if at < clock:
                    due.add((at, read_key(row_key)))
                    del self._due[row_key]
                else:
                    keep.append((at, row_key))
        for at, row_key in keep:
            # The bucket was left early, or the timer had moved: put it where it belongs.
            if self._due.pop(row_key, None) is not None:
                self.set(row_key, at)
        return [conversation for _, conversation in sorted(due)]
