"""Workers on the in-memory log, under a seeded schedule of faults, until everything is read.

The workers run the real `engine.partition.Partition`; around it stands the least that feeds it:
membership, fetching, flushing, ticks. Faults stop before the end, so that a run which does not
finish is a failure too (of liveness).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.observer import Observer
from carewatch.engine.partition import Partition, Timings
from carewatch.engine.ports import Message
from carewatch.processors.base import PartitionContext, Processor
from support.fake_clients import FakeProducer, FakeReader, Host, Weather
from support.fake_group import Coordinator, FakeGroup
from support.fake_log import FakeLog
from support.two_stages import oracle, stages
from support.two_stages.stages import FACTS, PARTIALS, POINTS, SOURCE
from support.world import World

TOPICS = {
    SOURCE: 3,
    FACTS: 3,
    PARTIALS: 2,
    POINTS: 2,
    "care.state.tally": 3,
    "care.state.merge": 2,
}
TIMINGS = Timings(start=5.0, flush=1.5, pause=0.02, idle=0.3)
TRANSACTION_MS = 2_000
FLUSH_S = 0.1
BEAT_S = 0.25
EMPTY_S = 0.15
"""How long a worker waits after a fetch that brought nothing."""

STOOD_STILL_MS = 1_500
EVENTS = 50
TICK_MS = 500
INPUT_MS = 4_000
FAULTS_MS = 5_500
LIMIT_MS = 20_000
EXPECTED_FAILURES = (Retryable, TimeoutError)


@dataclass(frozen=True, kw_only=True)
class Design:
    """The protocol as it is, or with one rule taken out."""

    name: str
    rule: str = ""
    partition: type[Partition] = Partition
    producer: type[FakeProducer] = FakeProducer
    restore_reader: type[FakeReader] = FakeReader
    transactional_id: Callable[[str, str], str] = lambda stated, worker: stated
    """(the id the engine states, the worker's name) -> the id that is used."""
    broken: stages.Broken = stages.RIGHT
    wall_clock: bool = False
    second_writer: bool = False
    committed_facts: bool = True
    worker: "Callable[[Cluster, str], Worker]" = lambda cluster, name: Worker(cluster, name)  # noqa: PLW0108 - defined below


class Worker:
    """One worker process with a lane for every stage."""

    def __init__(self, cluster: "Cluster", name: str) -> None:
        self.cluster = cluster
        self.process = cluster.world.process(name)
        self.host = Host(cluster.log, self.process, cluster.weather)
        self.watchful = cluster.chance.random() < 0.5
        """Notices that it stood still, and opens everything again, as the engine's lane does."""
        for processor in cluster.processors:
            self.process.spawn(self._lane(processor))

    async def _lane(self, processor: Processor) -> None:
        group = FakeGroup(self.host, self.cluster.groups[processor.name])
        lives: dict[int, asyncio.Task[None]] = {}
        partitions: dict[int, Partition] = {}
        while True:
            woke = self.cluster.world.now()
            if await group.beat():
                await self._flush_on_revoke(partitions)
            for number in [n for n, task in lives.items() if task.done()]:
                del lives[number], partitions[number]
            for number in group.owned:
                if number not in lives:
                    partitions[number] = self._build(processor, group, number)
                    lives[number] = asyncio.create_task(
                        self._live(processor, group, partitions[number])
                    )
            await asyncio.sleep(BEAT_S)
            if self.watchful and self.cluster.world.now() - woke > STOOD_STILL_MS:
                self.cluster.log.seen["stood still"] += 1
                await asyncio.gather(*(partition.drop() for partition in partitions.values()))

    async def _flush_on_revoke(self, partitions: dict[int, Partition]) -> None:
        """A last flush in bounded time; whether it makes it decides nothing."""
        flushes = [
            asyncio.create_task(partition.flush(now=True)) for partition in partitions.values()
        ]
        if flushes:
            _, late = await asyncio.wait(flushes, timeout=self.cluster.chance.choice((0.002, 0.2)))
            for flush in late:
                flush.cancel()
            await asyncio.gather(*flushes, return_exceptions=True)

    def _build(self, processor: Processor, group: FakeGroup, number: int) -> Partition:
        design = self.cluster.design
        return design.partition(
            processor=processor,
            context=PartitionContext(partition=number, partitions=TOPICS),
            producers=lambda stated: design.producer(
                self.host, design.transactional_id(stated, self.process.name)
            ),
            log=design.restore_reader(self.host),
            group=group,
            observer=Observer(),
            timings=TIMINGS,
        )

    async def _live(self, processor: Processor, group: FakeGroup, partition: Partition) -> None:
        """Works on one partition for as long as it is owned."""
        beside = [asyncio.create_task(self._flush(partition, group))]
        if processor.reads == SOURCE:
            beside.append(asyncio.create_task(self._tick(partition)))
        try:
            await self._feed(processor, partition, group)
        except Refused as refused:
            self.cluster.refused.append(str(refused))
        finally:
            for task in beside:
                task.cancel()
        await partition.close()

    async def _feed(self, processor: Processor, partition: Partition, group: FakeGroup) -> None:
        reader = FakeReader(self.host)
        number = partition.number
        while (token := group.token(number)) is not None:
            if not partition.live:
                try:
                    await partition.open()
                except EXPECTED_FAILURES:
                    self.cluster.log.seen["open failed"] += 1
                    await asyncio.sleep(0.1)
                continue
            if number not in group.positions:
                # Given back by a rebalance: the state goes on, the position is ours to say.
                group.seek(number, partition.next_offset or 0)
                continue
            found, position = await reader.fetch(processor.reads, number, group.positions[number])
            if group.token(number) != token:
                continue
            if found and not await partition.feed(found, token):
                if partition.next_offset is not None and group.token(number) is not None:
                    group.seek(number, partition.next_offset)
                continue
            if position == group.positions[number]:
                await asyncio.sleep(EMPTY_S)
            elif group.token(number) == token:
                group.positions[number] = position

    async def _flush(self, partition: Partition, group: FakeGroup) -> None:
        turns = 0
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await partition.flush()
                turns += 1
                if turns % 8 == 0 and partition.durable_offset is not None:
                    await group.tell(partition.number, partition.durable_offset)
            except EXPECTED_FAILURES:
                self.cluster.log.seen["flush failed"] += 1

    async def _tick(self, partition: Partition) -> None:
        """A tick at every multiple of TICK_MS into the partition, once it is restored."""
        log, world, number = self.cluster.log, self.cluster.world, partition.number
        line = self.host.line()

        def append() -> None:
            log.append(SOURCE, number, Message(*stages.tick(at)))

        while True:
            await asyncio.sleep((TICK_MS - world.now() % TICK_MS) / 1000)
            if partition.live and world.now() < FAULTS_MS:
                at = world.now() // TICK_MS * TICK_MS
                await line.post(append)


@dataclass
class Cluster:
    """One run: a seed, a design, and what came of it."""

    seed: int
    design: Design
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.chance = self.world.random
        self.log = FakeLog(self.world, TOPICS, transaction_timeout_ms=TRANSACTION_MS)
        broken = self.design.broken
        if self.design.wall_clock:
            broken = stages.Broken(clock=self.world.now)
        self.processors = stages.processors(broken)
        self.groups = {
            processor.name: Coordinator(self.log, TOPICS[processor.reads])
            for processor in self.processors
        }
        rough = self.chance.random() < 0.7
        self.weather = Weather(
            failed_send=8 if rough else 0,
            commit_lost=4 if rough else 0,
            commit_unanswered=6 if rough else 0,
            commit_delayed=4 if rough else 0,
            commit_refused=6 if rough else 0,
        )
        self.workers: list[Worker] = []
        self._born = 0

    def run(self) -> list[str]:
        """What is wrong at the end, by name; empty when everything is right."""
        for _ in range(2):
            self._start_worker()
        self._plan_input()
        for _ in range(self.chance.randint(1, 6)):
            self.world.at(self.chance.randint(200_000, FAULTS_MS * 1000), self._fault)
        if self.design.second_writer:
            self._start_second_writer()
        self.world.at(FAULTS_MS * 1000 + 1, self._calm)
        finished = self.world.run(self._over, max_steps=2_000_000, every=64)
        found = [] if finished and self._complete() else ["not finished"]
        if self.refused:
            found.append("refused to go on")
        found += [
            f"bug: {error!r}"
            for error in self.world.errors()
            if not isinstance(error, EXPECTED_FAILURES)
        ]
        found += oracle.wrong(self.log, committed_facts=self.design.committed_facts)
        self.world.close()
        return found

    def trace(self) -> str:
        """Everything the run left behind, and how it came to it: equal for equal seeds."""
        return repr((self.world.steps, self.log.seen, self.log.partitions))

    def _plan_input(self) -> None:
        for number in range(EVENTS):
            at = self.chance.randint(0, INPUT_MS)
            key = f"{self.chance.choice('abc')}{self.chance.randrange(4)}"
            stamp = max(0, at - self.chance.choice((0, 0, 0, 300, 1500)))
            content = stages.event(key, f"e{number}", stamp, self.chance.randint(1, 99))
            partition = crc32(key.encode()) % TOPICS[SOURCE]
            message = Message(*content)
            self._plan_append(at, partition, message)
            if self.chance.random() < 0.2:
                self._plan_append(self.chance.randint(at, INPUT_MS), partition, message)

    def _plan_append(self, at_ms: int, partition: int, message: Message) -> None:
        def append() -> None:
            self.log.append(SOURCE, partition, message)

        self.world.at(at_ms * 1000, append)

    def _start_worker(self) -> None:
        self._born += 1
        self.workers.append(self.design.worker(self, f"w{self._born}"))

    def _fault(self) -> None:
        kind = self.chance.choice(
            ("kill", "kill", "freeze", "freeze", "rebalance", "compact", "repeat", "join")
        )
        self.log.seen[kind] += 1
        self._aim(getattr(self, f"_{kind}"), tries=self.chance.choice((0, 300)))

    def _aim(self, strike: Callable[[], None], tries: int) -> None:
        """Waits for a transaction under way: a fault hits more there than in idle moments."""
        if not tries or any(known.places for known in self.log.transactions.values()):
            self.world.after(self.chance.randint(0, 12_000), strike)
        else:
            self.world.after(1_000, lambda: self._aim(strike, tries - 1))

    def _kill(self) -> None:
        if not self.workers:
            return
        worker = self.chance.choice(self.workers)
        worker.host.kill()
        self.workers.remove(worker)
        self.world.after(self.chance.randint(0, 800_000), self._start_worker)

    def _freeze(self) -> None:
        if not self.workers:
            return
        worker = self.chance.choice(self.workers)
        self.world.freeze(worker.process)
        self.world.after(
            self.chance.randint(50_000, 3_000_000), lambda: self.world.thaw(worker.process)
        )

    def _join(self) -> None:
        if len(self.workers) < 4:
            self._start_worker()

    def _rebalance(self) -> None:
        for group in self.groups.values():
            group.rebalance()

    def _compact(self) -> None:
        for (topic, _), place in self.log.partitions.items():
            if topic.startswith("care.state."):
                place.compact(self.chance.randint(0, place.end))

    def _repeat(self) -> None:
        """Partials that were published before come once more, as after a replay."""
        for number in range(TOPICS[PARTIALS]):
            known = self.log.committed(PARTIALS, number)
            if known:
                first = self.chance.randrange(len(known))
                for record in known[first : first + 10]:
                    self.log.append(
                        PARTIALS, number, Message(record.key, record.value, record.headers)
                    )

    def _calm(self) -> None:
        """Faults are over; two last ticks close what is open."""
        weather = self.weather
        weather.failed_send = weather.commit_lost = weather.commit_unanswered = 0
        weather.commit_delayed = weather.commit_refused = 0
        for worker in self.workers:
            self.world.thaw(worker.process)
        for number in range(TOPICS[SOURCE]):
            for at in (FAULTS_MS + 2_000, FAULTS_MS + 3_000):
                self.log.append(SOURCE, number, Message(*stages.tick(at)))

    def _start_second_writer(self) -> None:
        """A stranger with long transactions on the changelogs; what it writes changes nothing."""
        process = self.world.process("stranger")
        host = Host(self.log, process, Weather())

        async def write() -> None:
            producer = FakeProducer(host, "stranger")
            await producer.start()
            while self.world.now() < FAULTS_MS:
                await producer.begin()
                for number in range(TOPICS["care.state.tally"]):
                    await producer.send("care.state.tally", number, [Message(b"k:nobody", None)])
                await asyncio.sleep(1.0)
                await producer.commit()
                await asyncio.sleep(0.1)

        process.spawn(write())

    def _over(self) -> bool:
        now = self.world.now()
        if now <= FAULTS_MS:
            return False
        return now > LIMIT_MS or self._complete()

    def _complete(self) -> bool:
        """No transaction is open, and nothing committed lies above a stage's marker."""
        if any(place.open for place in self.log.partitions.values()):
            return False
        for processor in self.processors:
            for number in range(TOPICS[processor.reads]):
                _, marker = oracle.rows_of(self.log.committed(processor.changelog, number))
                place = self.log.partition(processor.reads, number)
                start = 0 if marker is None else marker["next"]
                if any(place.records(start, place.end, committed_only=True)):
                    return False
        return True
