"""Workers that run the engine's real lane: all its loops, on a membership of the simulation."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from carewatch.engine.lane import Lane
from carewatch.engine.observer import Observer
from carewatch.engine.orders import Orders
from carewatch.engine.ports import Fetched, Message, NotOwner, OnRevoke
from carewatch.engine.pulse import Pulse
from carewatch.processors.base import Processor, Record
from carewatch.settings import WorkerSettings
from support.fake_clients import FakeReader, Host
from support.fake_group import Coordinator, FakeGroup
from support.two_stages import stages
from support.two_stages.cluster import (
    BEAT_S,
    EMPTY_S,
    FAULTS_MS,
    STOOD_STILL_MS,
    TICK_MS,
    TIMINGS,
    TOPICS,
    Cluster,
    Design,
    Worker,
)
from support.two_stages.stages import SOURCE

SETTINGS = WorkerSettings(flush_interval_ms=100, session_timeout_ms=STOOD_STILL_MS)


class FakeMembership(FakeGroup):
    """The port `Membership`, as eager as aiokafka: a rebalance takes everything, then gives anew.

    What was fetched while its partition changed hands is handed over all the same, under the token
    that held when the fetch began.
    """

    def __init__(
        self, host: Host, coordinator: Coordinator, topic: str, on_revoke: OnRevoke
    ) -> None:
        super().__init__(host, coordinator)
        self.changed = asyncio.Event()
        self.generation = 0
        self.assigned: frozenset[int] | None = None
        self.partition_count: int | None = None
        self._topic = topic
        self._on_revoke = on_revoke
        self._paused: set[int] = set()
        self._reader = FakeReader(host)

    async def start(self) -> None:
        """Joins by the first heartbeat."""
        self.host.process.spawn(self._beats())

    async def stop(self) -> None:
        """A clean goodbye."""
        await self._line.post(lambda: self.coordinator.leave(self.member))

    async def _beats(self) -> None:
        while True:
            generation, owned = await self._line.post(lambda: self.coordinator.beat(self.member))
            if generation != self._generation:
                self._generation = generation
                self.assigned = None
                self._tokens = {}
                await self._on_revoke()
                self.positions = {}
                self._paused = set(owned)
                for partition in owned:
                    self._raise(partition)
                self.assigned = frozenset(owned)
                self.generation += 1
                self.changed.set()
            await asyncio.sleep(BEAT_S)

    def resume(self, partition: int) -> None:
        """Lets records come."""
        self._paused.discard(partition)

    def pause(self, partition: int) -> None:
        """Keeps records back."""
        self._paused.add(partition)

    async def fetch(self) -> Sequence[Fetched]:
        """Some records of every partition that has any; the position stands behind them at once."""
        found = []
        for partition, token in tuple(self._tokens.items()):
            records = await self._take(partition)
            if records:
                found.append(Fetched(partition, token, records))
        if not found:
            await asyncio.sleep(EMPTY_S)
        return found

    async def _take(self, partition: int) -> Sequence[Record]:
        """From the position on; what was on its way when that was moved is thrown away."""
        while partition in self.positions and partition not in self._paused:
            position, token = self.positions[partition], self.token(partition)
            records, reached = await self._reader.fetch(self._topic, partition, position)
            if self.token(partition) == token:
                self.positions[partition] = reached
                return records
        return ()

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """The advisory commits; a refusal is noted by the coordinator."""
        for partition, offset in offsets.items():
            if partition in self._tokens:
                try:
                    await self.tell(partition, offset)
                except NotOwner:
                    return

    def lag(self, partition: int) -> None:
        """Nobody looks at it here."""


class _Refusals(Observer):
    """A refusal is wrong here: no fault of a run loses what was committed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def stopped(self, stage: str, partition: int, reason: str | None) -> None:
        if reason is not None:
            self._cluster.refused.append(f"{stage} {partition}: {reason}")


class LaneWorker(Worker):
    """One worker process, put together as the engine does it."""

    lane: type[Lane] = Lane
    membership: type[FakeMembership] = FakeMembership

    async def _lane(self, processor: Processor) -> None:
        design = self.cluster.design
        coordinator = self.cluster.groups[processor.name]
        lane = self.lane(
            processor,
            counts=TOPICS,
            settings=SETTINGS,
            group=lambda revoke: self.membership(self.host, coordinator, processor.reads, revoke),
            producers=lambda stated: design.producer(
                self.host, design.transactional_id(stated, self.process.name)
            ),
            log=design.restore_reader(self.host),
            observer=_Refusals(self.cluster),
            orders=Orders(),
            flush_gate=asyncio.Semaphore(8),
            on_lag=lambda *_: None,
            timings=TIMINGS,
        )
        await lane.start()
        if processor.reads == SOURCE:
            self.process.spawn(self._ticks(lane))
        if self.watchful:
            self.process.spawn(self._pulse(lane).run())
        await lane.failed()

    def _pulse(self, lane: Lane) -> Pulse:
        async def woke(gap: float) -> None:
            self.cluster.log.seen["stood still"] += 1
            await lane.stood_still()

        return Pulse(
            session_seconds=STOOD_STILL_MS / 1000,
            on_still=woke,
            elapsed_ns=lambda: self.cluster.world.now_us * 1000,
        )

    async def _ticks(self, lane: Lane) -> None:
        log, world = self.cluster.log, self.cluster.world
        line = self.host.line()
        while True:
            await asyncio.sleep((TICK_MS - world.now() % TICK_MS) / 1000)
            at = world.now() // TICK_MS * TICK_MS
            for number in sorted(lane.live) if at < FAULTS_MS else ():
                tick = Message(*stages.tick(at))
                await line.post(lambda number=number, tick=tick: log.append(SOURCE, number, tick))  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class LaneDesign(Design):
    """The engine's lane as it is, or with one of its rules taken out."""

    worker: Callable[[Cluster, str], Worker] = LaneWorker


class NeverSeeksBack(Lane):
    """Drops records that came under an old token, and leaves the position behind them."""

    async def _feed(self, batch: Fetched) -> None:
        partition = self._partitions.get(batch.partition)
        if partition is not None and partition.live:
            await partition.feed(batch.records, batch.token)


class NeverOpensAgain(Lane):
    """Takes the first failure of a partition for its end."""

    def _wait_to_open(self, number: int, error: BaseException) -> float:
        return 1_000_000.0


class NeverSeeksBackWorker(LaneWorker):
    lane = NeverSeeksBack


class NeverOpensAgainWorker(LaneWorker):
    lane = NeverOpensAgain


LANES = LaneDesign(name="the protocol, in lanes")
LANE_ABLATIONS = (
    LaneDesign(
        name="dropped records not fetched again", rule="invariant 5", worker=NeverSeeksBackWorker
    ),
    LaneDesign(name="no opening after a failure", rule="R6", worker=NeverOpensAgainWorker),
)
"""What of a lane was switched off, and the rule that forbids it."""
