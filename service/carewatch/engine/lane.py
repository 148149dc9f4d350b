"""One processor at work in this process: its group, its partitions, and what keeps them going.

Four loops: one takes records in, one follows the assignments, one flushes each partition, one tells
the group and the metrics where they are. Each partition is opened by a task of its own, so that a
slow one holds up neither the others nor the next assignment. A partition that fails is opened
again; one whose stored state cannot be right is refused and left alone, with the reason, while the
others go on.

A rebalance takes nothing back that is restored, or being restored: whatever comes back goes on
where it was. That is safe since only fencing decides who writes: an owner in between has taken the
transactional id, and what this one flushes then is refused. It is needed since on a busy machine
rebalances may come faster than restores end, and nothing would ever be restored.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka.errors import KafkaError

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.loops import Loops
from carewatch.engine.observer import Observer
from carewatch.engine.orders import Orders, Paused
from carewatch.engine.partition import Partition, Timings
from carewatch.engine.ports import Fetched, Lag, Log, MembershipFactory, NotOwner, ProducerFactory
from carewatch.engine.tally import TooManyDead
from carewatch.processors.base import PartitionContext, Processor, Stage
from carewatch.settings import WorkerSettings

logger = logging.getLogger(__name__)

PASSING: Final = (Retryable, KafkaError, TimeoutError, OSError)
"""What a partition gets over by opening again. Anything else is a bug and stops the worker."""

REVOKE_SECONDS: Final = 2.0
COMMIT_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 0.5
RETRY_MOST_SECONDS: Final = 5.0
OPEN_AT_ONCE: Final = 4
FLUSH_AT_ONCE: Final = 8


class Lane:
    """Runs one processor on the partitions that the group gives to this process."""

    def __init__(
        self,
        processor: Processor,
        *,
        counts: Mapping[str, int],
        settings: WorkerSettings,
        group: MembershipFactory,
        producers: ProducerFactory,
        log: Log,
        observer: Observer,
        orders: Orders,
        flush_gate: asyncio.Semaphore,
        on_lag: Callable[[str, int, Lag], None],
        timings: Timings | None = None,
    ) -> None:
        self.processor = processor
        self.refused: dict[int, str] = {}
        """Partitions whose stored state cannot be right, and why."""
        self.first_restore = asyncio.Event()
        """Set when everything of the first assignment lives or was refused."""
        self._counts = counts
        self._settings = settings
        self._producers = producers
        self._log = log
        self._observer = observer
        self._orders = orders
        self._flush_gate = flush_gate
        self._on_lag = on_lag
        self._timings = timings or Timings(flush=settings.flush_timeout_ms / 1000)
        self._partitions: dict[int, Partition] = {}
        self._flushers: dict[int, asyncio.Task[None]] = {}
        self._openings: dict[int, asyncio.Task[None]] = {}
        self._open_gate = asyncio.Semaphore(OPEN_AT_ONCE)
        self._retry: dict[int, float] = {}
        self._rests: dict[int, float] = {}
        self._admitted: dict[int, int] = {}
        self._loops = Loops()
        self._group = group(self._on_revoke)

    @property
    def live(self) -> dict[int, Stage]:
        """The source partitions that are restored, working, and still ours, with their stages."""
        return {
            number: partition.stage
            for number, partition in self._partitions.items()
            if partition.stage is not None and self._group.token(number) is not None
        }

    @property
    def notices(self) -> frozenset[str]:
        """What the live stages want people to know."""
        stages = (partition.stage for partition in tuple(self._partitions.values()))
        told = (stage.notice for stage in stages if stage is not None)
        return frozenset(notice for notice in told if notice is not None)

    @property
    def assigned(self) -> frozenset[int] | None:
        """What the group gave us; None while it rebalances."""
        return self._group.assigned

    async def start(self) -> None:
        """Joins the group and begins; returns before partitions come.

        Raises Retryable without a broker; nothing has begun then, and it may be tried again.
        """
        await self._group.start()
        self._orders.listen(self._heed)
        for work in (self._take_in(), self._reconcile(), self._report()):
            self._loops.keep(work)

    async def stop(self) -> None:
        """Stops taking in, flushes, says where we are, leaves the group; in some seconds."""
        await self._loops.stop()
        opened = self._loops.cancel(self._openings.values())
        late, _ = await asyncio.gather(self._flush_before_leaving(), opened)
        for flush in late:
            flush.cancel()
        await self._loops.cancel(self._flushers.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._group.commit(self._durable())
        await asyncio.gather(
            self._group.stop(), *(partition.close() for partition in self._partitions.values())
        )
        self._partitions.clear()
        self._loops.forget_failure()

    async def stood_still(self) -> None:
        """This process was stopped for longer than its session: others may have taken over.

        Asks the group at once. Who is no member any more joins again; what does not come back then
        is closed, what does has its state still. Whether it may write is for the id to say.
        """
        try:
            for number in sorted(self.live)[:1]:  # the group's answer is about the member
                await self._group.prove(number, self._partitions[number].durable_offset or 0)
        except PASSING as error:
            logger.info("%s: no longer a member, or nobody knows: %r", self.processor.name, error)

    async def failed(self) -> None:
        """Waits for a bug: raises it when one of the loops ends by an exception."""
        await self._loops.failed()

    # -- taking in -------------------------------------------------------------------------------

    async def _take_in(self) -> None:
        while True:
            try:
                fetched = await self._group.fetch()
            except PASSING as error:
                logger.warning("%s: fetching failed, again soon: %r", self.processor.name, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for batch in fetched:
                await self._feed(batch)

    async def _feed(self, batch: Fetched) -> None:
        partition = self._partitions.get(batch.partition)
        if partition is None or not partition.live:
            return
        if await partition.feed(batch.records, batch.token):
            return
        # Dropped records would be lost without this: the consumer stands behind them already.
        back_to = partition.next_offset
        if back_to is not None and self._group.token(batch.partition) is not None:
            with contextlib.suppress(NotOwner):
                self._group.seek(batch.partition, back_to)

    async def _on_revoke(self) -> None:
        self._observer.revoked(self.processor.name)
        await self._flush_before_leaving()

    # -- opening and closing ---------------------------------------------------------------------

    async def _reconcile(self) -> None:
        generation = self._group.generation
        while True:
            await self._group.changed.wait()
            self._group.changed.clear()
            assigned = self._group.assigned
            if assigned is None:
                continue
            if generation != self._group.generation:
                generation = self._group.generation
                self._observer.assigned(self.processor.name, assigned)
            gone = [number for number in self._partitions if number not in assigned]
            await asyncio.gather(*(self._give_up(number) for number in gone))
            for number in sorted(assigned):
                opening = self._openings.get(number)
                if opening is None or opening.done():
                    self._openings[number] = self._loops.spawn(self._admit(number))
            self._note_restored()

    async def _admit(self, number: int) -> None:
        """Opens a partition, or goes on with one that was given back; until it is settled."""
        partition = self._partitions.get(number) or self._partition(number)
        self._partitions[number] = partition
        await asyncio.sleep(self._rests.pop(number, 0))
        while not self._settled(partition):
            try:
                await self._rest_if_paused(partition)
                if not partition.live:
                    self._admitted.pop(number, None)
                    async with self._open_gate:
                        await partition.open()
                    continue  # somebody may have ordered something meanwhile
                # Nobody owned it in between, or our next flush is fenced: state may be kept.
                self._group.seek(number, partition.next_offset or 0)
            except NotOwner:
                if self._group.token(number) is None:
                    return  # the next assignment says whose it is
                # The group has forgotten us and we do not know it yet: we shall join anew.
                await asyncio.sleep(RETRY_SECONDS)
            except Refused as error:
                self._admitted[number] = self._group.generation
                self._refuse(number, error)
            except PASSING as error:
                await asyncio.sleep(self._wait_to_open(number, error))
            else:
                self._work_on(partition)
        self._note_restored()

    def _partition(self, number: int) -> Partition:
        return Partition(
            processor=self.processor,
            context=PartitionContext(partition=number, partitions=self._counts, in_slices=True),
            producers=self._producers,
            log=self._log,
            group=self._group,
            observer=self._observer,
            orders=self._orders,
            timings=self._timings,
        )

    def _settled(self, partition: Partition) -> bool:
        """Whether this assignment of it was carried out: it works here, or was refused."""
        number = partition.number
        return self._admitted.get(number) == self._group.generation and (
            partition.live or number in self.refused
        )

    def _work_on(self, partition: Partition) -> None:
        number = partition.number
        self._admitted[number] = self._group.generation
        if self.refused.pop(number, None) is not None:
            self._observer.stopped(self.processor.name, number, None)
        self._retry.pop(number, None)
        self._group.resume(number)
        if number not in self._flushers or self._flushers[number].done():
            self._flushers[number] = self._loops.spawn(self._flush_often(partition))

    def _note_restored(self) -> None:
        assigned = self._group.assigned
        if assigned is not None and all(n in self.refused or n in self.live for n in assigned):
            self.first_restore.set()

    def _refuse(self, number: int, error: Refused) -> None:
        self.refused[number] = str(error)
        match error:
            case TooManyDead():
                kind = "dead_letters"
            case Paused():
                kind = "paused"
            case _:
                kind = "refused"
        self._observer.stopped(self.processor.name, number, kind)
        logger.log(logging.WARNING if kind == "paused" else logging.ERROR, "%s", error)

    def _heed(self, stage: str, number: int) -> None:
        """An operator has ordered something about a partition: look at it again."""
        if stage == self.processor.name and number in self._partitions:
            self._partitions[number].heed()
            self._admitted.pop(number, None)
            self._group.changed.set()

    async def _rest_if_paused(self, partition: Partition) -> None:
        """Raises Paused for a partition that is to rest; what it had in memory is durable then."""
        by = self._orders.paused(self.processor.name, partition.number)
        if by is None:
            return
        self._group.pause(partition.number)
        await partition.flush(now=True)
        await partition.close()
        raise Paused(
            f"{self.processor.reads} partition {partition.number} is paused by {by}. Remedy: "
            f"carewatch state resume --stage {self.processor.name} --partition {partition.number}"
        )

    def _wait_to_open(self, number: int, error: BaseException) -> float:
        """After how many seconds a partition is opened again: longer each time, up to a limit."""
        wait = self._retry.get(number, RETRY_SECONDS)
        self._retry[number] = min(wait * 2, RETRY_MOST_SECONDS)
        logger.warning(
            "%s partition %s is opened again in %.1f s: %r",
            self.processor.reads,
            number,
            wait,
            error,
        )
        return wait

    async def _give_up(self, number: int) -> None:
        opening = self._openings.pop(number, None)
        if opening is not None and not opening.done():
            logger.info("%s partition %s went elsewhere", self.processor.reads, number)
            await self._loops.cancel([opening])
        flusher = self._flushers.pop(number, None)
        partition = self._partitions.pop(number)
        if self.refused.pop(number, None) is not None:
            self._observer.stopped(self.processor.name, number, None)
        self._admitted.pop(number, None)
        await partition.close()
        if flusher is not None:
            await self._loops.cancel([flusher])
        self._rests.pop(number, None)

    # -- flushing --------------------------------------------------------------------------------

    async def _flush_often(self, partition: Partition) -> None:
        interval = self._settings.flush_interval_ms / 1000
        count = max(1, self._counts[self.processor.reads])
        # Staggered, so that not all partitions' transactions begin in the same instant.
        await asyncio.sleep(interval * partition.number / count)
        while partition.live:
            try:
                async with self._flush_gate:
                    await partition.flush()
            except Refused as error:
                self._group.pause(partition.number)
                self._refuse(partition.number, error)
                return
            except PASSING as error:
                self._group.pause(partition.number)
                self._rests[partition.number] = self._wait_to_open(partition.number, error)
                break
            await partition.until_told(interval)
        self._group.changed.set()

    async def _flush_before_leaving(self) -> "set[asyncio.Task[None]]":
        """What is in memory becomes durable if it can within two seconds; else others redo it.

        Returns the flushes that were late. They go on: broken off, they would take what is restored
        with them, and in a rebalance most partitions come back to where they were.
        """
        flushes = [
            asyncio.create_task(partition.flush(now=True))
            for partition in self._partitions.values()
            if partition.live
        ]
        if not flushes:
            return set()
        _, late = await asyncio.wait(flushes, timeout=REVOKE_SECONDS)
        for flush in flushes:
            flush.add_done_callback(_note_flush)
        return late

    # -- telling ---------------------------------------------------------------------------------

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            self._refuse_another_count()
            await self._group.commit(self._durable())
            for number in self.live:
                lag = self._group.lag(number)
                if lag is not None:
                    self._on_lag(self.processor.reads, number, lag)

    def _refuse_another_count(self) -> None:
        """Partitions added while we run: keys now go elsewhere, so nothing may go on."""
        source = self.processor.reads
        found, expected = self._group.partition_count, self._counts[source]
        if found not in (None, expected):
            raise Refused(
                f"{source} has {found} partitions, and had {expected} when this worker started: "
                "partition counts are fixed at birth, since keys now go to other partitions than "
                "their state. Remedy: create the topics anew with carewatch topics apply, and "
                "replay into them"
            )

    def _durable(self) -> dict[int, int]:
        return {
            number: partition.durable_offset
            for number, partition in self._partitions.items()
            if partition.durable_offset is not None
        }


def _note_flush(flush: "asyncio.Task[None]") -> None:
    if not flush.cancelled() and (error := flush.exception()) is not None:
        logger.warning("the flush before leaving failed; it is done again elsewhere: %r", error)
