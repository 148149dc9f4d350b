"""What the exactly-once protocol needs from a log and a group, as small protocols.

The same `partition.py` runs on Kafka (`transaction.py`, `changelog.py`, `assignment.py`) and on an
in-memory log under a simulated scheduler. A port promises only what Kafka really guarantees; where
Kafka's answer is indefinite, so is the port's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from carewatch.domain.errors import Retryable
from carewatch.processors.base import Record


class Fenced(Retryable):
    """Another owner has registered the transactional id, or the broker ended the transaction.

    Kafka gives both the same name, so both have the same remedy: drop everything, prove
    membership, open again.
    """


class NotOwner(Retryable):
    """The group no longer counts this process as the owner of the partition."""


class Lag(NamedTuple):
    """How far the reading of a partition has come, as of the last fetch.

    `records` are committed and not fetched yet. `reached` is when the newest that was fetched had
    been written (ms). From `stable` up to `end` an open transaction holds back what there is.
    """

    records: int
    reached: int | None
    stable: int
    end: int


class Message(NamedTuple):
    """One record to send; a `value` of None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class TransactionalProducer(Protocol):
    """The only writer of one source partition's results; one transactional id for ever.

    Any exception of any method leaves the outcome unknown: the object is closed and never used
    again. Only a new start of the same id resolves what happened.
    """

    async def start(self) -> None:
        """Registers the id: bumps its epoch, ends what the previous owner left open, fences it."""

    async def begin(self) -> None:
        """Starts a transaction. One at a time."""

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        """Queues messages, in order, and returns one awaitable per batch made of them.

        An awaitable ends when the broker has stored its batch, and raises when it did not. Raises
        Refused for a message above the producer's limit, before any of them is queued.
        """

    async def commit(self) -> None:
        """Makes all of the transaction visible at once.

        Does NOT raise for a batch that failed: the caller awaits every batch first. When it
        raises, the transaction may be committed or not.
        """

    async def close(self) -> None:
        """Frees connections and tasks in bounded time; never raises, may be called twice.

        An open transaction is left to the next start of the id, or to the broker's time-out.
        """


ProducerFactory = Callable[[str], TransactionalProducer]
"""transactional id -> a producer that is not started yet."""


class Log(Protocol):
    """Reads committed records only."""

    async def first_offset(self, topic: str, partition: int) -> int:
        """The oldest offset that is still there."""

    async def stable_end(self, topic: str, partition: int) -> int:
        """The last stable offset: all below it is decided (ListOffsets with read_committed)."""

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The committed record at `offset`; None when the one there is none, or another one's.

        To be asked of an offset below the stable end and not below the first.
        """

    def read(self, topic: str, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Every committed record below `end`, from the first offset on, in order, in batches.

        Ends only when its position has reached `end`: a read that stops short raises.
        """


class Fetched(NamedTuple):
    """Records of one partition, and the token under which their fetch began."""

    partition: int
    token: int | None
    records: Sequence[Record]


class Group(Protocol):
    """Membership in the consumer group of one stage.

    It decides who works. Safety never depends on it: that is the producer's fencing.
    """

    def token(self, partition: int) -> int | None:
        """The ownership token of `partition`; None while it is not owned.

        It changes at every assignment, revocation and seek, never back: what was fetched under
        another token is not to be used.
        """

    async def committed(self, partition: int) -> int | None:
        """The group's (advisory) offset of `partition`, None if there is none."""

    async def prove(self, partition: int, offset: int) -> None:
        """Commits `offset` (known to be durable) as a probe; raises NotOwner if refused."""

    def seek(self, partition: int, offset: int) -> None:
        """Moves the position of an owned partition; what is on its way from before is dropped."""


class Membership(Group, Protocol):
    """A group as a lane uses it: joining, assignments, and the source's records.

    Each assignment gives all partitions anew, and paused: their records come once `resume` is
    called. Before the next one every token is over, and the lane's flush is waited for.
    """

    changed: asyncio.Event
    """Set at every assignment."""

    generation: int
    """Counts assignments."""

    @property
    def assigned(self) -> frozenset[int] | None:
        """The partitions of the current assignment; None while the group rebalances."""

    @property
    def partition_count(self) -> int | None:
        """How many partitions the source has by the newest metadata; None while unknown."""

    async def start(self) -> None:
        """Joins; `changed` tells when partitions come. Raises Retryable: it may be tried again."""

    async def stop(self) -> None:
        """Leaves for good, in bounded time."""

    def resume(self, partition: int) -> None:
        """Lets records of an owned partition come."""

    def pause(self, partition: int) -> None:
        """Keeps an owned partition's records back until `resume`."""

    async def fetch(self) -> Sequence[Fetched]:
        """What has arrived; waits a moment for something."""

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Tells lag tools where we are: advisory, errors are noted."""

    def lag(self, partition: int) -> Lag | None:
        """What of an owned partition was not fetched yet; None before the first fetch."""


OnRevoke = Callable[[], Awaitable[None]]
MembershipFactory = Callable[[OnRevoke], Membership]
"""What to await when partitions are taken back -> a membership that has not joined yet."""
