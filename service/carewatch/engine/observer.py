"""What lanes and partitions tell about themselves: counted, timed, logged, never decided upon."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from carewatch.processors.base import Flush
from carewatch.wire.dead import reason_of
from carewatch.wire.topics import DEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What one committed transaction held, and how long the flush took.

    `outputs` counts records by topic, `dead` the dead letters among them by reason, `held` the
    entries of the state by kind.
    """

    outputs: Mapping[str, int]
    dead: Mapping[str, int]
    rows: int
    seconds: float
    held: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, flush: Flush, seconds: float) -> Self:
        """What was handed over, and is committed now."""
        dead = (reason_of(one.headers) for one in flush.outputs if one.topic == DEAD)
        return cls(
            outputs=Counter(output.topic for output in flush.outputs),
            dead=Counter(dead),
            rows=len(flush.rows),
            seconds=seconds,
            held=flush.held,
        )


STOPS: Final = ("refused", "dead_letters", "paused")
"""Why an assigned partition is not worked on: its state cannot be right, too many of its records
could not be understood, or an operator said so."""


class Observer:
    """Hears what a lane and its partitions tell about themselves, and does nothing with it."""

    def assigned(self, stage: str, partitions: frozenset[int]) -> None:
        """The group gave these partitions to this process."""

    def revoked(self, stage: str) -> None:
        """The group took every partition back, perhaps for a moment."""

    def restoring(self, stage: str, partition: int, *, read: int, left: int) -> None:
        """`read` changelog rows were read, about `left` are still to be read."""

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        """The partition lives: `rows` were restored in `seconds`."""

    def abandoned(self, stage: str, partition: int) -> None:
        """A restore for which nobody waits any more has come to its end."""

    def fed(self, stage: str, partition: int, *, records: int) -> None:
        """`records` were handed to the stage."""

    def flushed(self, stage: str, partition: int, flushed: Flushed) -> None:
        """A transaction was committed."""

    def failed(self, stage: str, partition: int, *, fenced: bool) -> None:
        """The partition dropped its memory and its producer."""

    def stopped(self, stage: str, partition: int, reason: str | None) -> None:
        """The partition is left alone, for one of STOPS; None: no longer."""

    def closed(self, stage: str, partition: int) -> None:
        """The partition was given up."""


class Observers(Observer):
    """Tells several, in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def assigned(self, stage: str, partitions: frozenset[int]) -> None:
        for one in self._observers:
            one.assigned(stage, partitions)

    def revoked(self, stage: str) -> None:
        for one in self._observers:
            one.revoked(stage)

    def restoring(self, stage: str, partition: int, *, read: int, left: int) -> None:
        for one in self._observers:
            one.restoring(stage, partition, read=read, left=left)

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        for one in self._observers:
            one.opened(stage, partition, rows=rows, seconds=seconds)

    def abandoned(self, stage: str, partition: int) -> None:
        for one in self._observers:
            one.abandoned(stage, partition)

    def fed(self, stage: str, partition: int, *, records: int) -> None:
        for one in self._observers:
            one.fed(stage, partition, records=records)

    def flushed(self, stage: str, partition: int, flushed: Flushed) -> None:
        for one in self._observers:
            one.flushed(stage, partition, flushed)

    def failed(self, stage: str, partition: int, *, fenced: bool) -> None:
        for one in self._observers:
            one.failed(stage, partition, fenced=fenced)

    def stopped(self, stage: str, partition: int, reason: str | None) -> None:
        for one in self._observers:
            one.stopped(stage, partition, reason)

    def closed(self, stage: str, partition: int) -> None:
        for one in self._observers:
            one.closed(stage, partition)
