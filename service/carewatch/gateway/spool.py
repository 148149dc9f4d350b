"""The spool: records on disk while Kafka is away, in order, and safe from a kill at any moment.

What `append` has taken is synced to the disk: the requests of one moment share one write and one
sync, beside the event loop. Records queue by lane (a partition of a topic) and leave it from its
head. A record that left just before a crash may be read once more: its event has the id it had, so
it counts once.

Everything in a file is sealed with the key of the dead letters (`engine.sealing`): a stolen disk
shows nobody.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.engine.sealing import Seal
from carewatch.gateway.frames import frame, pack, unpack
from carewatch.gateway.journal import Journal, Place
from carewatch.gateway.producer import Outgoing, Unavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

FILE_BYTES: Final = 8_388_608
"""A file is followed by the next from here on, so that disk space comes back in steps."""

HEAD_BYTES: Final = 262_144
"""How much of a lane is taken up at once, at most; one record in any case."""


class SpoolFull(Unavailable):
    """No room is left; the sender must keep what it has."""


class SpoolFailed(Unavailable):
    """The disk did not take it; the sender must keep what it has."""


class Lane(NamedTuple):
    """A partition of a topic: within it the order is kept."""

    topic: str
    partition: int


Addressed = tuple[str, Outgoing]
"""A record, and the topic it is for."""


@dataclass(slots=True)
class _Queue:
    """One lane: the records that are safe on disk, and how many more are being written.

    `head_at` is the arrival of its oldest record (ms UTC), as far as it was looked at.
    """

    places: deque[Place] = field(default_factory=deque)
    unwritten: int = 0
    head_at: int = 0


@dataclass(frozen=True, slots=True)
class _Share:
    """What one request has in a common write."""

    lanes: list[Lane]
    frames: list[bytes]
    safe: asyncio.Future[None]


class Spool:
    """Records on disk, by lane; at most `limit_bytes` of them. `open` comes first, `close` last.

    `lane_of` tells the lane of a topic's key: also for records of an earlier process.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        seal: Seal | None,
        lane_of: Callable[[str, bytes | None], Lane],
        *,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self.limit_bytes = limit_bytes
        self.written = 0
        """Records written by this process."""
        self.failed: str | None = None
        """Why the disk did not take the last records; None when it did."""
        self._folder = folder
        self._journal = Journal(folder, file_bytes)
        self._seal = seal
        self._lane_of = lane_of
        self._queues: dict[Lane, _Queue] = {}
        self._shares: list[_Share] = []
        self._unwritten_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        # One thread for all of the disk: the journal needs no lock, the event loop never waits.
        self._disk = ThreadPoolExecutor(1, "spool")

    async def open(self) -> None:
        """Finds what an earlier process left. Raises ConfigError for a folder of no use."""
        for lane, place, arrived_at in await self._on_disk(self._recover):
            queue = self._queues.setdefault(lane, _Queue(head_at=arrived_at))
            queue.places.append(place)
        if self.records:
            logger.info("%s: %s records wait for Kafka", self._folder, self.records)

    async def close(self) -> None:
        """Ends all writing; what waits stays on disk for the next process."""
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._on_disk(self._journal.close)
        self._disk.shutdown()

    async def append(self, records: Sequence[Addressed]) -> None:
        """Returns when all of them are safe on disk; else raises SpoolFull or SpoolFailed.

        From the call on, before anything is awaited, the lanes hold them.
        """
        frames = [frame(self._sealed(pack(topic, record))) for topic, record in records]
        size = sum(map(len, frames))
        if self.size + size > self.limit_bytes:
            raise SpoolFull(f"the spool is full: {self.size} of {self.limit_bytes} bytes")
        lanes = [self._lane_of(topic, record.key) for topic, record in records]
        for lane, (_, record) in zip(lanes, records, strict=True):
            queue = self._queues.setdefault(lane, _Queue(head_at=record.timestamp))
            queue.unwritten += 1
        safe = asyncio.get_running_loop().create_future()
        self._shares.append(_Share(lanes, frames, safe))
        self._unwritten_bytes += size
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await safe

    def holds(self, lane: Lane) -> bool:
        """Whether later records of this lane must queue behind others."""
        return lane in self._queues

    @property
    def empty(self) -> bool:
        """Whether no record waits at all."""
        return not self._queues

    @property
    def lanes(self) -> list[Lane]:
        """Those in which something waits."""
        return list(self._queues)

    async def head(self, lane: Lane, most: int) -> tuple[list[Outgoing], int]:
        """The first records of a lane, and how many places they take up; none is removed.

        There are fewer records than places when the disk has lost some, and no places while the
        lane's first records are still being written.
        """
        queue = self._queues.get(lane)
        places: list[Place] = []
        size = 0
        for place in queue.places if queue else ():
            size += place.size
            if len(places) == most or (places and size > HEAD_BYTES):
                break
            places.append(place)
        records = await self._on_disk(lambda: [self._read(place) for place in places])
        whole = [record for record in records if record is not None]
        if whole and queue:
            queue.head_at = whole[0].timestamp
        return whole, len(places)

    def ends_with(self, lane: Lane, count: int) -> bool:
        """Whether nothing waits behind the first `count` records of a lane."""
        queue = self._queues[lane]
        return len(queue.places) == count and not queue.unwritten

    async def drop(self, lane: Lane, count: int) -> None:
        """Removes the first records of a lane, which are stored elsewhere; at once for `holds`."""
        queue = self._queues[lane]
        gone = [queue.places.popleft() for _ in range(count)]
        self._forget_empty(lane)
        await self._on_disk(lambda: self._journal.release(gone))

    @property
    def records(self) -> int:
        """How many wait."""
        return sum(len(queue.places) + queue.unwritten for queue in self._queues.values())

    @property
    def size(self) -> int:
        """Bytes on disk, or on their way there."""
        return self._journal.size + self._unwritten_bytes

    @property
    def oldest_at(self) -> int | None:
        """When the oldest of those that wait arrived (ms UTC)."""
        return min((queue.head_at for queue in self._queues.values()), default=None)

    @property
    def torn(self) -> int:
        """Ends of files that a killed process left half-written; nobody was told they were safe."""
        return self._journal.torn

    @property
    def damaged(self) -> int:
        """Places on disk that came back other than they were written."""
        return self._journal.damaged

    async def _write(self) -> None:
        while self._shares:
            shares, self._shares = self._shares, []
            frames = [one for share in shares for one in share.frames]
            try:
                places = iter(await self._on_disk(partial(self._journal.write, frames)))
            except OSError as error:
                self._not_written(shares, error)
            else:
                self.failed = None
                self.written += len(frames)
                for share in shares:
                    for lane in share.lanes:
                        queue = self._queues[lane]
                        queue.unwritten -= 1
                        queue.places.append(next(places))
                    if not share.safe.done():
                        share.safe.set_result(None)
            self._unwritten_bytes -= sum(map(len, frames))

    def _not_written(self, shares: list[_Share], error: OSError) -> None:
        reason = f"{self._folder} cannot be written: {error.strerror}"
        if self.failed != reason:
            logger.error("%s", reason)
        self.failed = reason
        for share in shares:
            for lane in share.lanes:
                self._queues[lane].unwritten -= 1
                self._forget_empty(lane)
            if not share.safe.done():
                share.safe.set_exception(SpoolFailed(reason))

    def _forget_empty(self, lane: Lane) -> None:
        queue = self._queues.get(lane)
        if queue is not None and not queue.places and not queue.unwritten:
            del self._queues[lane]

    def _recover(self) -> list[tuple[Lane, Place, int]]:
        found = []
        self._journal.open()
        for place, payload in self._journal.recover():
            try:
                topic, record = self._opened(payload)
            except InvalidRecord as error:
                self._journal.close()
                raise ConfigError(
                    f"gateway.spool_dir: {self._folder} holds records that privacy.dead_letter_key"
                    " does not open; set it to the key they were sealed with until they are in"
                    " Kafka, or move the folder away"
                ) from error
            found.append((self._lane_of(topic, record.key), place, record.timestamp))
        return found

    def _read(self, place: Place) -> Outgoing | None:
        payload = self._journal.read(place)
        return None if payload is None else self._opened(payload)[1]

    def _opened(self, payload: bytes) -> Addressed:
        return unpack(self._seal.open(payload) if self._seal else payload)

    def _sealed(self, packed: bytes) -> bytes:
        return self._seal.close(packed) if self._seal else packed

    async def _on_disk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)
