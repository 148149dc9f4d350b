"""The engine of one worker process: a lane per processor, the ticker, metrics and health."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CollectorRegistry

from carewatch.clock import Clock, SteadyClock
from carewatch.domain.errors import CarewatchError, Retryable
from carewatch.engine.assignment import KafkaGroup
from carewatch.engine.changelog import KafkaLog
from carewatch.engine.cluster import check_counts, partition_counts
from carewatch.engine.connection import kafka_options
from carewatch.engine.failpoints import (
    FailingLog,
    FailingObserver,
    FailingProducer,
    read_failpoints,
)
from carewatch.engine.health import HealthServer
from carewatch.engine.lane import FLUSH_AT_ONCE, Lane
from carewatch.engine.leftovers import Leftovers
from carewatch.engine.metrics import ProcessMetrics
from carewatch.engine.news import News
from carewatch.engine.observer import Observer, Observers
from carewatch.engine.orders import Orders
from carewatch.engine.ports import Log, MembershipFactory, TransactionalProducer
from carewatch.engine.pulse import Pulse, Watchdog
from carewatch.engine.sealing import Seal, SealingProducer
from carewatch.engine.systemd import Condition
from carewatch.engine.ticker import Ticker
from carewatch.engine.timekeeper import AppendTime, Timekeeper
from carewatch.engine.topics import audit_topics
from carewatch.engine.transaction import KafkaTransaction
from carewatch.processors.base import Processor
from carewatch.settings import Settings
from carewatch.wire.topics import COMMANDS, EVENTS, PROBE, TOPICS

logger = logging.getLogger(__name__)

BROKER_POLL_SECONDS = 1.0


class Engine:
    """Runs processors exactly once on the partitions that their groups give to this process.

    `start` returns when the cluster was found in order and the groups are being joined; `failed`
    waits for a bug; `stop` flushes, leaves and frees everything in some seconds. `orders` is what
    operators order by `care.commands`; without it nobody can. A SteadyClock claims to be right: it
    ticks only while it agrees with Kafka's. Any other clock is a test's, and believed.
    """

    def __init__(
        self,
        processors: Sequence[Processor],
        settings: Settings,
        clock: Clock,
        *,
        registry: CollectorRegistry | None = None,
        seal: Seal | None = None,
        orders: Orders | None = None,
    ) -> None:
        self._processors = tuple(processors)
        self._settings = settings
        self._clock = clock
        self._registry = registry or CollectorRegistry()
        self._options = kafka_options(settings.kafka)
        self._seal = seal
        self._orders = orders
        self._metrics = ProcessMetrics(self._registry, clock)
        self._log: Log = KafkaLog(self._options)
        self.leftovers = Leftovers()
        self._observer: Observer = Observers(self._metrics, News(), self.leftovers)
        self._failpoints = read_failpoints(settings)
        if self._failpoints is not None:
            self._log = FailingLog(self._log, self._failpoints)
            self._observer = Observers(self._observer, FailingObserver(self._failpoints))
        self._timekeeper = (
            Timekeeper(clock, AppendTime(self._options), self._metrics.clock_ahead)
            if isinstance(clock, SteadyClock) and EVENTS in {one.reads for one in processors}
            else None
        )
        self._watchdog: Watchdog | None = None
        self._restored = asyncio.Event()
        self._health: HealthServer | None = None
        self._lanes: list[Lane] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[None] | None = None
        self._stage = "starting"

    @property
    def metrics_port(self) -> int | None:
        """Where /metrics, /livez and /readyz answer; None while stopped."""
        return self._health.port if self._health else None

    @property
    def refused(self) -> dict[tuple[str, int], str]:
        """Partitions (processor, number) that are not worked on, and why."""
        return {
            (lane.processor.name, number): reason
            for lane in self._lanes
            for number, reason in lane.refused.items()
        }

    def live(self, processor: str) -> frozenset[int]:
        """The source partitions of `processor` that are restored and worked on here."""
        found: frozenset[int] = frozenset()
        for lane in self._lanes:
            if lane.processor.name == processor:
                found |= frozenset(lane.live)
        return found

    def not_ready(self) -> str | None:
        """None when everything that was assigned is worked on, else why not. Only reads."""
        if self._stage != "running":
            return self._stage
        if self._timekeeper is not None and self._timekeeper.unready is not None:
            return self._timekeeper.unready
        refused = self.refused
        if refused:
            return "; ".join(refused.values())
        for lane in self._lanes:
            assigned = lane.assigned
            if assigned is None or lane.live.keys() < assigned:
                return f"{lane.processor.name}: restoring"
        return None

    def notices(self) -> list[str]:
        """What people should know although work goes on. Only reads."""
        told = {one for lane in self._lanes for one in lane.notices}
        return sorted(told | set(self._metrics.late_for_retention()))

    def condition(self) -> Condition:
        """What the worker is doing, in one line for people; ready as /readyz is. Only reads."""
        reason = self.not_ready()
        if reason is None:
            return Condition(ready=True, says="; ".join((self._work(), *self.notices())))
        left = self._metrics.records_to_restore
        return Condition(
            ready=False, says=f"{reason}; {left} rows left to restore" if left else reason
        )

    def answer(self) -> None:
        """Answers /metrics, /livez and /readyz from now on; `start` does so, if nobody has.

        Raises ConfigError when the port is taken.
        """
        if self._health is not None:
            return
        worker = self._settings.worker
        self._health = HealthServer(
            host=worker.metrics_host,
            port=worker.metrics_port,
            setting="worker.metrics_port",
            registry=self._registry,
            ready=self.not_ready,
            notices=self.notices,
        )
        self._health.start()

    async def start(self) -> None:
        """Checks topics and counts, joins the groups, begins to tick.

        Raises Refused when the cluster's topics are not what the processors need, ConfigError
        when the metrics port is taken. Waits, with a message, while there is no broker.
        """
        started = asyncio.get_running_loop().time()
        self._failure = asyncio.get_running_loop().create_future()
        self._enter("starting")
        self.answer()
        worker = self._settings.worker
        counts: dict[str, int] = {}
        orders = self._orders or Orders()
        if not await self._with_kafka(lambda: self._look_at_topics(counts)):
            return
        if self._orders is not None and not await self._with_kafka(lambda: orders.read(self._log)):
            return
        flush_gate = asyncio.Semaphore(FLUSH_AT_ONCE)
        for processor in self._processors:
            check_counts(processor, counts)
            self._metrics.expect(processor.name, processor.reads, processor.writes)
            lane = Lane(
                processor,
                counts=counts,
                settings=worker,
                group=self._membership(processor),
                producers=self._producer,
                log=self._log,
                observer=self._observer,
                orders=orders,
                flush_gate=flush_gate,
                on_lag=self._metrics.lag,
            )
            self._lanes.append(lane)
        self._enter("restoring")
        self._pulse = Pulse(
            session_seconds=worker.session_timeout_ms / 1000, on_still=self._stood_still
        )
        self._watchdog = Watchdog(self._pulse, limit_seconds=worker.hang_timeout_ms / 1000)
        self._spawn(self._pulse.run())
        self._watchdog.start()
        for lane in self._lanes:
            if not await self._with_kafka(lane.start):
                return
            self._spawn(lane.failed())
        for lane in self._lanes:
            if lane.processor.reads == EVENTS:
                self._spawn(self._ticker(lane).run())
        if self._timekeeper is not None:
            self._spawn(self._timekeeper.run())
        self._spawn(self._announce(started))

    async def stop(self) -> None:
        """Stops taking in, flushes what is in memory, leaves the groups, frees the port."""
        self._enter("stopping")
        if self._watchdog is not None:
            self._watchdog.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.gather(*(lane.stop() for lane in self._lanes))
        if self._health is not None:
            self._health.stop()
        self._health = None
        self._lanes.clear()
        self._tasks.clear()
        if self._failure is not None and not self._failure.done():
            self._failure.cancel()

    async def restored(self) -> None:
        """Waits until everything of the first assignment is restored, or was refused."""
        await self._restored.wait()

    async def failed(self) -> None:
        """Waits until something failed that opening again does not mend, and raises it."""
        if self._failure is None:
            raise CarewatchError("the engine was not started")
        await asyncio.shield(self._failure)

    async def _with_kafka(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Does a part of the start as soon as there is a broker for it; False: stopped before.

        Brokers may go away between any two parts, too.
        """
        while self._stage != "stopping":
            try:
                await work()
            except Retryable as error:
                servers = self._settings.kafka.bootstrap_servers
                logger.warning("waiting for Kafka at %s: %s", servers, error)
                await asyncio.sleep(BROKER_POLL_SECONDS)
            else:
                return self._stage != "stopping"
        return False

    async def _look_at_topics(self, counts: dict[str, int]) -> None:
        """Takes down the partition counts.

        Raises Refused for a topic with which results would be lost: missing, with another count,
        a changelog that is not compacted, facts that are.
        """
        topics = {
            topic
            for processor in self._processors
            for topic in (processor.reads, processor.changelog, *processor.writes)
        }
        if self._orders is not None:
            topics.add(COMMANDS)
        if self._timekeeper is not None:
            topics.add(PROBE)
        known = [topic for topic in TOPICS if topic.name in topics]
        counts |= await partition_counts(topics, self._options)
        if known:
            await audit_topics(self._settings.kafka, known)
        for topic, count in counts.items():
            self._metrics.partitions(topic, count)

    async def _announce(self, started: float) -> None:
        """One line when the first assignment is restored: the guarantee, and what it took."""
        for lane in self._lanes:
            await lane.first_restore.wait()
        took = asyncio.get_running_loop().time() - started
        self._enter("running")
        logger.info(
            "exactly once: results, state and position in one transaction per partition; "
            "restored %s rows from %s for %s in %.1f s; metrics on port %s",
            self._metrics.restored_rows,
            ", ".join(lane.processor.changelog for lane in self._lanes),
            self._work(),
            took,
            self.metrics_port,
        )
        for notice in self.notices():
            logger.warning("%s", notice)
        self._restored.set()

    def _work(self) -> str:
        return ", ".join(
            f"{lane.processor.name} on {len(lane.live)} of {len(lane.assigned or ())} partitions"
            for lane in self._lanes
        )

    async def _stood_still(self, seconds: float) -> None:
        logger.warning(
            "this process stood still for %.1f s, longer than its session: asking for its place",
            seconds,
        )
        await asyncio.gather(*(lane.stood_still() for lane in self._lanes))

    def _membership(self, processor: Processor) -> MembershipFactory:
        return lambda on_revoke: KafkaGroup(
            topic=processor.reads,
            group=processor.group,
            options=self._options,
            settings=self._settings.worker,
            on_revoke=on_revoke,
        )

    def _ticker(self, lane: Lane) -> Ticker:
        keeper = self._timekeeper
        return Ticker(
            topic=EVENTS,
            owned=lambda: lane.live,
            believed=lambda: keeper is None or keeper.unready is None,
            clock=self._clock,
            options=self._options,
        )

    def _producer(self, transactional_id: str) -> TransactionalProducer:
        producer: TransactionalProducer = KafkaTransaction(
            transactional_id,
            options=self._options,
            transaction_timeout_ms=self._settings.worker.transaction_timeout_ms,
        )
        if self._seal is not None:
            producer = SealingProducer(producer, self._seal)
        if self._failpoints is not None:
            producer = FailingProducer(producer, self._failpoints)
        return producer

    def _enter(self, stage: str) -> None:
        self._stage = stage
        self._metrics.state(stage)

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._on_end)
        self._tasks.append(task)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        failure = self._failure
        if task.cancelled() or failure is None or failure.done():
            return
        error = task.exception()
        if error is not None:
            failure.set_exception(error)
