"""One owned source partition: open, feed, flush, fail to a restore.

The protocol that makes results exactly once, over the ports of `ports.py`:

open    start the producer (fences whoever worked here before), then read the changelog to its last
        stable offset, restore the stage, seek the source to the marker's next offset
flush   ONE transaction: changelog rows of what changed, all outputs, the marker last
fail    the outcome of a failed flush is unknown: drop memory and producer, and open again

Transactions so form one sequence, each starting at the marker of the one before; whatever is not
committed has never happened.
"""

import asyncio
import contextlib
import logging
from bisect import bisect_left
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from carewatch.engine.changelog import Restored, read_newest
from carewatch.engine.observer import Flushed, Observer
from carewatch.engine.orders import Orders
from carewatch.engine.ports import (
    Fenced,
    Group,
    Log,
    NotOwner,
    ProducerFactory,
    TransactionalProducer,
)
from carewatch.engine.refusals import Refusals
from carewatch.engine.restoring import restored_in_thread
from carewatch.engine.sends import sends_of
from carewatch.engine.tally import Driven, Tally, TooManyDead
from carewatch.processors.base import Flush, PartitionContext, Processor, Record, Stage

logger = logging.getLogger(__name__)

_SLICE_SECONDS: Final = 0.002
_SLICE_LEAST: Final = 16
_SLICE_MOST: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things may take, in seconds, and how far memory may run ahead of the log."""

    start: float = 30.0
    """Registering the transactional id; the broker may first have to end an open transaction."""
    flush: float = 8.0
    """One flush; shorter than the transaction time-out, so that we give up before the broker."""
    pause: float = 0.02
    """Least time between two flushes: AddPartitions would meet the markers of the one before."""
    idle: float = 5.0
    """A flush that would only move the marker waits this long for company."""
    undurable_records: int = 50_000
    """Records folded but not yet durable, above which feeding waits."""


@dataclass(slots=True, kw_only=True)
class _Live:
    """What exists only between a completed restore and the next failure."""

    producer: TransactionalProducer
    stage: Stage
    driven: Driven
    newest: Record | None = None
    durable: int
    flushed_at: float
    marker_only: Flush | None = None
    fed: int = 0
    durable_fed: int = 0
    feeding: asyncio.Event = field(default_factory=asyncio.Event)


class Partition:
    """The live state of one source partition of one processor, and its way into the log."""

    def __init__(
        self,
        *,
        processor: Processor,
        context: PartitionContext,
        producers: ProducerFactory,
        log: Log,
        group: Group,
        observer: Observer,
        orders: Orders | None = None,
        timings: Timings | None = None,
    ) -> None:
        self.number = context.partition
        self._processor = processor
        self._context = context
        self._producers = producers
        self._log = log
        self._group = group
        self._observer = observer
        self._orders = orders or Orders()
        self._timings = timings or Timings()
        self._refusals = Refusals(processor, context.partition)
        self._live: _Live | None = None
        self._proof: int | None = None
        self._slice = 128
        self._one_flush = asyncio.Lock()
        self._told = asyncio.Event()

    @property
    def transactional_id(self) -> str:
        """Stable for ever: a new owner fences the old one by it."""
        return f"{self._processor.group}-{self.number}"

    @property
    def live(self) -> bool:
        """Restored and working."""
        return self._live is not None

    @property
    def next_offset(self) -> int | None:
        """The source offset after the last record folded; None while not live."""
        return self._live.stage.next_offset if self._live else None

    @property
    def stage(self) -> Stage | None:
        """The live stage, to be asked and not to be fed; None while not live."""
        return self._live.stage if self._live else None

    @property
    def durable_offset(self) -> int | None:
        """The source offset up to which results are committed; None while not live."""
        return self._live.durable if self._live else None

    async def open(self) -> None:
        """Fences and restores; after it the partition is live.

        Its position is moved if the group counts it as ours at the end. In a rebalance it may not,
        for a moment: whoever gives it back moves the position to `next_offset`.

        Raises Refused when the stored state cannot be right, NotOwner when the partition is not
        ours, Retryable and TimeoutError for the rest. Nothing of it is left then.
        """
        if self._live is not None:
            return
        started = asyncio.get_running_loop().time()
        self._owned()
        if self._proof is not None:
            # A worker that was frozen and wakes up would otherwise fence the rightful owner, and
            # the two could go on doing that to each other.
            await self._group.prove(self.number, self._proof)
        # Asked before the start, which waits until every commit that this offset may speak of is
        # visible: asked later, it could belong to an owner that has meanwhile taken over from us,
        # and the marker just read would look like a lost tail.
        committed = await self._group.committed(self.number)
        self._owned()  # the last moment: from here on the former owner is fenced
        producer = self._producers(self.transactional_id)
        try:
            async with asyncio.timeout(self._timings.start):
                await producer.start()
            restored = await read_newest(
                self._log, self._processor.changelog, self.number, self._tell_progress
            )
            stage = self._processor.build(self._context)
            next_offset = await self._restore(stage, restored, committed)
            driven = self._refusals.driven(restored)
            await self._check_source(driven)
            self._allow(driven.tally)
            self._refusals.too_many_dead(driven.tally, next_offset)
            if restored.marker is None:
                await self._first_marker(producer, stage, driven)
            if self._group.token(self.number) is not None:
                self._group.seek(self.number, next_offset)
        except BaseException:
            await producer.close()
            raise
        now = asyncio.get_running_loop().time()
        self._live = _Live(
            producer=producer, stage=stage, driven=driven, durable=next_offset, flushed_at=now
        )
        self._observer.opened(
            self._processor.name, self.number, rows=restored.read, seconds=now - started
        )

    async def feed(self, records: Sequence[Record], token: int | None) -> bool:
        """Hands records to the stage in slices of about 2 ms; waits while too much is undurable.

        A record that the stage folds in slices is handed over again until it is through with it.

        `token` is the one under which they were fetched. False: ownership changed on the way, the
        partition failed, or too many could not be understood; the rest was dropped, and the
        position has to be moved back to `next_offset`.
        """
        live = self._live
        loop = asyncio.get_running_loop()
        at = 0
        while at < len(records):
            if live is None or self._live is not live or self._lost(token):
                return False
            if live.driven.tally.over:
                return False
            ahead = self._timings.undurable_records - (live.fed - live.durable_fed)
            if ahead <= 0:
                live.feeding.clear()
                await live.feeding.wait()
                continue
            part = records[at : at + min(self._slice, live.driven.tally.room, ahead)]
            started, told = loop.time(), live.stage.told_until
            try:
                dead = live.stage.on_records(part)
            except BaseException as error:
                # A bug: what it left half done must never be flushed.
                await self._fail(live, error)
                raise
            folded = part[: _below(part, live.stage.next_offset)]
            if folded:
                live.driven.tally.count(folded, dead, self._processor.is_control)
                live.newest = folded[-1]
            if live.stage.told_until != told:
                self._told.set()
            took = loop.time() - started
            at += len(folded)
            live.fed += len(folded)
            self._observer.fed(self._processor.name, self.number, records=len(folded))
            if took > _SLICE_SECONDS:
                self._slice = max(_SLICE_LEAST, self._slice // 2)
            elif took < _SLICE_SECONDS / 2 and len(folded) == self._slice:
                self._slice = min(_SLICE_MOST, self._slice * 2)
            await asyncio.sleep(0)
        return True

    async def flush(self, *, now: bool = False) -> None:
        """Makes durable what was folded so far; one at a time, nothing when nothing changed.

        A flush that would only move the marker is held back for company, unless `now`. Any
        exception has already dropped memory and producer: the partition lives again only through
        `open`.
        """
        async with self._one_flush:
            live = self._live
            if live is None:
                return
            loop = asyncio.get_running_loop()
            wait = live.flushed_at + self._timings.pause - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._live is not live:
                return
            try:
                await self._flush(live, now=now)
            except TooManyDead:
                await self._leave(live)
                raise
            except BaseException as error:
                await self._fail(live, error)
                raise

    async def until_told(self, most: float) -> None:
        """Waits for the stage to tell what its readers wait for; at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most):
                await self._told.wait()

    async def close(self) -> None:
        """Gives the partition up: producer and memory go, what was not flushed never happened."""
        if self._live is not None:
            await self._leave(self._live)
        self._proof = None

    def heed(self) -> None:
        """Takes up what operators have ordered since the partition was opened."""
        if self._live is not None:
            self._allow(self._live.driven.tally)

    async def drop(self) -> None:
        """Treats the partition as failed: it comes back through a proof and `open`."""
        if self._live is not None:
            await self._fail(self._live, None)

    async def _flush(self, live: _Live, *, now: bool) -> None:
        fed = live.fed
        self._told.clear()
        snapshot = live.stage.flush() or live.marker_only
        if snapshot is None:
            live.durable_fed = fed
            live.feeding.set()
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        alone = not snapshot.rows and not snapshot.outputs
        if alone and not now and started - live.flushed_at < self._timings.idle:
            # The next snapshot's marker stands for this one's records too.
            live.marker_only = snapshot
            live.durable_fed = fed
            live.feeding.set()
            return
        if live.newest is not None:
            live.driven.note_read(live.newest)
        async with asyncio.timeout(self._timings.flush):
            await self._transaction(live.producer, snapshot, live.driven)
        live.marker_only = None
        live.durable = snapshot.next_offset
        live.durable_fed = fed
        live.flushed_at = loop.time()
        live.feeding.set()
        flushed = Flushed.of(snapshot, live.flushed_at - started)
        self._observer.flushed(self._processor.name, self.number, flushed)
        self._refusals.too_many_dead(live.driven.tally, live.durable)

    async def _transaction(
        self, producer: TransactionalProducer, flush: Flush, driven: Driven
    ) -> None:
        # Only this producer ever writes to this changelog partition: another one's open
        # transaction would hold the last stable offset below rows that we have committed.
        sends = sends_of(flush, driven, self._processor.changelog, self.number)
        await producer.begin()
        stored: list[Awaitable[object]] = []
        for (topic, partition), messages in sends.items():
            stored.extend(await producer.send(topic, partition, messages))
        await asyncio.gather(*stored)
        await producer.commit()

    async def _restore(self, stage: Stage, restored: Restored, committed: int | None) -> int:
        """The next source offset; refuses what cannot be right rather than guess."""
        self._refusals.rows(restored, committed)
        restore = partial(self._refusals.stage, stage)
        left = partial(self._observer.abandoned, self._processor.name, self.number)
        next_offset = await restored_in_thread(restore, restored, left)
        first = await self._log.first_offset(self._processor.reads, self.number)
        if restored.marker is None or next_offset == 0:
            # Nothing was ever folded, so nothing is missing when the log begins later than 0.
            return max(first, next_offset)
        end = await self._log.stable_end(self._processor.reads, self.number)
        self._refusals.beyond_the_end(next_offset, end)
        if self._orders.accepts(self._processor.name, self.number, next_offset):
            return max(first, next_offset)
        self._refusals.before_the_beginning(next_offset, first)
        self._refusals.behind_the_group(next_offset, committed)
        return next_offset

    async def _check_source(self, driven: Driven) -> None:
        """Refuses a source in which not the record stands that was read there."""
        source, offset = self._processor.reads, driven.read_offset
        if offset is None or offset < await self._log.first_offset(source, self.number):
            return
        self._refusals.another_source(
            driven, await self._log.record_at(source, self.number, offset)
        )

    def _tell_progress(self, read: int, left: int) -> None:
        self._observer.restoring(self._processor.name, self.number, read=read, left=left)

    async def _first_marker(
        self, producer: TransactionalProducer, stage: Stage, driven: Driven
    ) -> None:
        """Written before anything is read: a group offset without a marker means lost state."""
        first = stage.flush()
        if first is None:
            raise TypeError(
                f"{self._processor.name}: a stage restored without a marker hands one over at once"
            )
        async with asyncio.timeout(self._timings.flush):
            await self._transaction(producer, first, driven)

    def _allow(self, tally: Tally) -> None:
        until = self._orders.allowed_until(self._processor.name, self.number)
        if until > tally.allowed_until:
            tally.allow(until)

    async def _leave(self, live: _Live) -> None:
        self._live = None
        self._proof = live.durable
        live.feeding.set()
        await live.producer.close()
        self._observer.closed(self._processor.name, self.number)

    async def _fail(self, live: _Live, error: BaseException | None) -> None:
        if self._live is live:
            self._live = None
            self._proof = live.durable
            live.feeding.set()
            self._observer.failed(
                self._processor.name, self.number, fenced=isinstance(error, Fenced)
            )
        await live.producer.close()

    def _lost(self, token: int | None) -> bool:
        return token is None or self._group.token(self.number) != token

    def _owned(self) -> None:
        if self._group.token(self.number) is None:
            raise NotOwner(f"{self._processor.reads} partition {self.number} is not ours")


def _below(records: Sequence[Record], offset: int) -> int:
    """How many of the records, which are in order, stand below an offset."""
    if records[-1].offset < offset:
        return len(records)
    return bisect_left(records, offset, key=lambda record: record.offset)
