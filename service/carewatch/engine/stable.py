"""How long open transactions hold back readers of committed records, by partition.

A transaction is open for milliseconds. One whose writer has died holds back whatever was written
to its partitions after it, by anybody, until the broker ends it (`worker.transaction_timeout_ms`);
one that the broker has lost holds it back for ever, while consumer lag, which counts committed
records alone, stays at 0.
"""


class StableOffsets:
    """Since when the last stable offset of each partition has stood still below its end."""

    def __init__(self) -> None:
        self._stuck: dict[tuple[str, int], tuple[int, int]] = {}

    def held_ms(self, topic: str, partition: int, *, stable: int, end: int, now: int) -> int:
        """For how long the offset `stable` has stood still with records above it; else 0.

        `now` is any clock in milliseconds that only goes on, the same one at every call.
        """
        place = topic, partition
        if stable >= end:
            self._stuck.pop(place, None)
            return 0
        known, since = self._stuck.get(place, (stable, now))
        if known != stable:
            since = now
        self._stuck[place] = stable, since
        return max(0, now - since)

    def forget(self, topic: str, partition: int) -> None:
        """The partition is read by somebody else now."""
        self._stuck.pop((topic, partition), None)
