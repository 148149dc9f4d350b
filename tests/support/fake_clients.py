"""Clients of the in-memory log: the engine's ports, behind lines that are slow and may be cut.

A request that was sent arrives even if its sender is frozen; if its sender was killed, any prefix
of what was on each line still arrives, and possibly much later. Answers reach only the living.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from carewatch.domain.errors import Retryable
from carewatch.engine.ports import Message
from carewatch.processors.base import Record
from support.fake_log import BusyError, FakeLog, Place
from support.world import Process, World

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Weather:
    """How bad the network and the broker are; shares are in thousandths of the requests."""

    latency_us: tuple[int, int] = (200, 4_000)
    posthumous_us: tuple[int, int] = (0, 400_000)
    """By how much the last requests of a killed process may be late."""
    failed_send: int = 0
    commit_lost: int = 0
    commit_unanswered: int = 0
    commit_delayed: int = 0
    commit_refused: int = 0
    """A commit that is answered with an error although it may have been decided."""


class SendError(Retryable):
    """A batch was not stored, or nobody knows whether it was."""


class CommitError(Retryable):
    """A commit was answered with an error: it may have happened or not."""


class Line:
    """One connection: requests arrive in the order in which they were sent."""

    def __init__(self, process: Process, weather: Weather) -> None:
        self.process = process
        self.world: World = process.world
        self.weather = weather
        self._last_us = 0
        self._waiting: list[Callable[[], None]] = []

    def post(self, action: Callable[[], T], *, extra_us: int = 0) -> asyncio.Future[T]:
        """Sends a request; the future gets what the broker answers, if the sender lives then."""
        future: asyncio.Future[T] = self.process.create_future()

        def arrive() -> None:
            self._waiting.remove(arrive)
            try:
                result, error = action(), None
            except Exception as refused:  # noqa: BLE001 - it is the sender's to look at
                result, error = None, refused
            self.world.after(self._latency(), lambda: self._answer(future, result, error))

        self._waiting.append(arrive)
        when = max(self._last_us, self.world.now_us + self._latency() + extra_us)
        self._last_us = when
        self.world.at(when, lambda: self._arrive(arrive))
        return future

    def cut(self) -> int:
        """The sender is dead: a random prefix of what is on the line arrives, perhaps late.

        Returns how many requests that is.
        """
        keep = self._waiting[: self.world.random.randint(0, len(self._waiting))]
        self._waiting = []
        when = self.world.now_us
        for arrive in keep:
            when += self.world.random.randint(*self.weather.posthumous_us)
            self._waiting.append(arrive)
            self.world.at(when, lambda arrive=arrive: self._arrive(arrive))  # type: ignore[misc]
        return len(keep)

    def _arrive(self, arrive: Callable[[], None]) -> None:
        if arrive in self._waiting:
            arrive()

    def _latency(self) -> int:
        least, most = self.weather.latency_us
        return least + int(self.world.random.random() * (most - least))

    def _answer(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        if not self.process.alive or future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


class Host:
    """What one process uses to reach the log: its lines, so that killing it can cut them."""

    def __init__(self, log: FakeLog, process: Process, weather: Weather) -> None:
        self.log = log
        self.process = process
        self.weather = weather
        self.lines: list[Line] = []

    def line(self) -> Line:
        """A new connection of this process."""
        line = Line(self.process, self.weather)
        self.lines.append(line)
        return line

    def kill(self) -> None:
        """SIGKILL of the process, with its requests cut at random points."""
        self.process.world.kill(self.process)
        for line in self.lines:
            self.log.seen["requests after the kill"] += line.cut()

    def chance(self, thousandths: int) -> bool:
        """True for that share of the calls; draws nothing for 0."""
        return thousandths > 0 and self.process.world.random.randrange(1000) < thousandths


async def _retry_busy(line: Line, action: Callable[[], T]) -> T:
    while True:
        try:
            return await line.post(action)
        except BusyError:
            await asyncio.sleep(0.02)


class FakeProducer:
    """The port `TransactionalProducer` on the in-memory log.

    Like aiokafka it commits although a batch failed, and once a batch has failed its partition is
    out of sequence for the rest of this producer's life.
    """

    def __init__(self, host: Host, transactional_id: str) -> None:
        self.host = host
        self.transactional_id = transactional_id
        self.epoch = -1
        self.batch_records = 8
        self._coordinator = host.line()
        self._lines: dict[Place, Line] = {}
        self._joined: set[Place] = set()
        self._futures: list[asyncio.Future[None]] = []
        self._broken: set[Place] = set()

    async def start(self) -> None:
        """Registers the id, waiting for what the former owner left to be ended."""
        log, name = self.host.log, self.transactional_id
        _, self.epoch = await _retry_busy(self._coordinator, lambda: log.register(name))

    async def begin(self) -> None:
        """Starts a transaction: the broker learns of it with the first partition."""
        self._joined.clear()
        self._futures.clear()

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        """Posts the messages in batches, in order."""
        place = (topic, partition)
        log, name, epoch = self.host.log, self.transactional_id, self.epoch
        if place not in self._joined:
            await _retry_busy(self._coordinator, lambda: log.join(name, epoch, place))
            self._joined.add(place)
        futures = []
        for start in range(0, len(messages), self.batch_records):
            batch = messages[start : start + self.batch_records]
            futures.append(self._post(place, batch))
        self._futures.extend(futures)
        return futures

    async def commit(self) -> None:
        """Waits for the batches without looking at them, then ends the transaction."""
        if self._futures:
            await asyncio.wait(self._futures)
        log, name, epoch = self.host.log, self.transactional_id, self.epoch
        host, weather = self.host, self.host.weather
        if not self._joined:
            return
        if host.chance(weather.commit_lost):
            log.seen["commit lost"] += 1
            await host.process.create_future()
        if host.chance(weather.commit_unanswered):
            log.seen["commit unanswered"] += 1
            self._coordinator.post(lambda: log.end(name, epoch, commit=True)).add_done_callback(
                _take
            )
            await host.process.create_future()
        if host.chance(weather.commit_delayed):
            log.seen["commit delayed"] += 1
            late = host.process.world.random.randint(1_000_000, 20_000_000)
            await self._coordinator.post(lambda: log.end(name, epoch, commit=True), extra_us=late)
            return
        if host.chance(weather.commit_refused):
            log.seen["commit refused"] += 1
            if host.chance(500):
                await _retry_busy(self._coordinator, lambda: log.end(name, epoch, commit=True))
            raise CommitError(name)
        await _retry_busy(self._coordinator, lambda: log.end(name, epoch, commit=True))

    async def close(self) -> None:
        """Leaves everything as it is: what is on the lines may still arrive."""
        for future in self._futures:
            future.add_done_callback(_take)

    def _post(self, place: Place, batch: Sequence[Message]) -> asyncio.Future[None]:
        log, name, epoch = self.host.log, self.transactional_id, self.epoch
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = self.host.line()
        if place in self._broken or self.host.chance(self.host.weather.failed_send):
            log.seen["send failed"] += 1
            self._broken.add(place)
            return line.post(_fail)
        return line.post(lambda: log.produce(name, epoch, place, batch))


def _fail() -> None:
    raise SendError


def _take(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


class FakeReader:
    """The port `Log` on the in-memory log; `committed_only` is there to be switched off."""

    committed_only = True

    def __init__(self, host: Host) -> None:
        self.host = host
        self._line = host.line()

    async def first_offset(self, topic: str, partition: int) -> int:
        """The oldest offset that is still there."""
        log = self.host.log
        return await self._line.post(lambda: log.partition(topic, partition).first_offset)

    async def stable_end(self, topic: str, partition: int) -> int:
        """The last stable offset, or the end for a reader that takes everything."""
        place = self.host.log.partition(topic, partition)
        return await self._line.post(lambda: place.stable_end if self.committed_only else place.end)

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record at an offset, if a reader may see one there."""
        return await self._line.post(lambda: next(self._place(topic, partition, offset), None))

    def _place(self, topic: str, partition: int, offset: int) -> Iterator[Record]:
        place = self.host.log.partition(topic, partition)
        return place.records(offset, offset + 1, committed_only=self.committed_only)

    def read(self, topic: str, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Every record below `end`, in batches of any size."""
        return self._read(topic, partition, end)

    async def fetch(self, topic: str, partition: int, position: int) -> tuple[list[Record], int]:
        """(records from `position` on, the next position); no records when there are none yet."""
        place = self.host.log.partition(topic, partition)
        span = self.host.process.world.random.randint(1, 12)

        def answer() -> tuple[list[Record], int]:
            end = place.stable_end if self.committed_only else place.end
            end = max(position, min(end, position + span))
            return list(place.records(position, end, committed_only=self.committed_only)), end

        return await self._line.post(answer)

    async def _read(self, topic: str, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        position = await self.first_offset(topic, partition)
        while position < end:
            records, position = await self.fetch(topic, partition, position)
            records = [record for record in records if record.offset < end]
            if records:
                yield records
