"""The Faust app of the worker: it owns the process, the engine does the counting.

Faust brings the command line, the supervision and agents on low-rate topics. The hot path never
meets its streams, tables, windows or timers: those cannot be replayed and count twice after a
crash. The engine runs as a service of the app, on consumers and producers of its own.
"""

import asyncio
import gc
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import faust
from aiokafka.errors import KafkaError
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from mode import Service

from carewatch.domain.errors import Retryable
from carewatch.engine import leftovers
from carewatch.engine.closing import close_consumer
from carewatch.engine.cluster import ask_broker
from carewatch.engine.connection import kafka_options, tls_context, uses_sasl, uses_tls
from carewatch.engine.engine import Engine
from carewatch.engine.group import forget_group
from carewatch.engine.starting import started
from carewatch.engine.systemd import Condition, Systemd
from carewatch.settings import KafkaSettings, Settings
from carewatch.streams.sparing import spare

logger = logging.getLogger(__name__)

APP_ID: Final = "carewatch"
"""The consumer groups of Faust's own agents begin so; the engine's are `carewatch-<stage>`."""

STOP_SECONDS: Final = 8.0
"""A stop that takes longer ends the process by force: nothing is lost, all of it is in the log."""

FORGET_SECONDS: Final = 1.0
"""So long a stop tries to remove the group of a worker without a slot."""

POLL_SECONDS: Final = 1.0
"""Between two looks for a broker."""

EXIT_STUCK: Final = 70

GC_THRESHOLDS: Final = (50_000, 20, 50)
"""An event leaves nothing to the collector, so seldom is enough; see `engine.leftovers` for what a
partition leaves."""


class TopicAgent(NamedTuple):
    """What a Faust agent does with each record of a low-rate topic."""

    topic: str
    on_value: Callable[[bytes], Awaitable[None]]


class EngineService(Service):
    """The engine as a service of the app: a defect in it ends the process (fail-stop)."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        self._engine = engine
        super().__init__(**options)

    async def on_start(self) -> None:
        await self._engine.start()

    async def on_stop(self) -> None:
        await self._engine.stop()

    @Service.task
    async def _watch(self) -> None:
        await self._engine.failed()

    @Service.task
    async def _spare_restored_state(self) -> None:
        """Millions of restored objects live as long as their partition is ours: no need to look at
        them before it is not."""
        await self._engine.restored()
        gc.set_threshold(*GC_THRESHOLDS)
        leftovers.free()
        while True:
            await self._engine.leftovers.freed()


class _Boot(BootStrategy):
    enable_web = False
    """Faust's web server would serve table data, and its command line switches it on."""


def app_id(slot: str | None) -> str:
    """Its own for every worker process: each of them reads every order.

    In a common group an order would reach one worker, and hardly ever the one that it is for.
    """
    return f"{APP_ID}-orders-{slot or f'{socket.gethostname()}-{os.getpid()}'}"


class WorkerApp(faust.App):
    """Faust's app, with a start that waits for the broker and a stop that comes to an end."""

    BootStrategy = _Boot

    def __init__(
        self,
        engine: Engine,
        kafka: KafkaSettings,
        slot: str | None,
        systemd: Systemd,
        **options: Any,
    ) -> None:
        super().__init__(app_id(slot), **options)
        self._kafka = kafka
        self._engine = engine
        self._systemd = systemd
        self._waiting: str | None = None
        self._kept = slot is not None
        self._engine_service = EngineService(engine)

    def answer(self) -> None:
        """Answers /metrics, /livez and /readyz from now on; the start does so, if nobody has.

        Raises ConfigError when the port is taken: before Faust runs, who would only tell its trace.
        """
        self._engine.answer()

    async def on_first_start(self) -> None:
        """Waits for the broker: Faust's own start gives up after some seconds and exits.

        Faust's directory for tables is not made: there are no tables.
        """
        # aiokafka tells of every connection and subscription, and of every attempt at one.
        spare("aiokafka")
        self._systemd.start(self._condition)
        self.answer()
        while not self.should_stop:
            try:
                await ask_broker(kafka_options(self._kafka))
            except Retryable as error:
                self._waiting = f"waiting for Kafka at {self._kafka.bootstrap_servers}: {error}"
                logger.warning("%s", self._waiting)
                await self.sleep(POLL_SECONDS)
            else:
                self._waiting = None
                return

    def _condition(self) -> Condition:
        """The engine's, which waits for a broker like the app."""
        if self._waiting is not None:
            return Condition(ready=False, says=self._waiting)
        return self._engine.condition()

    async def on_started_init_extra_services(self) -> None:
        await super().on_started_init_extra_services()
        await self.add_runtime_dependency(self._engine_service)

    async def on_stop(self) -> None:
        """The engine first: it flushes and leaves its groups while Faust's clients still live."""
        await self._engine_service.stop()
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Faust's consumer has left. Without a slot nobody will ever come back to its group."""
        await super().on_shutdown()
        if self._kept:
            return
        try:
            async with asyncio.timeout(FORGET_SECONDS):
                await forget_group(self.conf.id, kafka_options(self._kafka))
        except (Retryable, TimeoutError) as error:
            logger.info("Kafka will forget the group %s by itself: %r", self.conf.id, error)

    async def stop(self) -> None:
        if self.in_worker:
            _force_exit_later()
        self._systemd.stop()
        await super().stop()


async def _patiently(
    client: driver.Producer | driver.AIOKafkaConsumerThread, start: Callable[[], Awaitable[None]]
) -> None:
    """Starts one of Faust's clients, whatever becomes of the broker meanwhile.

    It was there when the app began to start; without this the process would end by a traceback.
    """
    while not client.should_stop:
        try:
            await start()
        except (KafkaError, OSError) as error:
            servers = ", ".join(f"{url.host}:{url.port}" for url in client.app.conf.broker)
            logger.warning("waiting for Kafka at %s: %r", servers, error)
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


class _Producer(driver.Producer):
    async def on_start(self) -> None:
        await _patiently(self, self._start)

    async def _start(self) -> None:
        try:
            await started(super().on_start)
        except BaseException:
            await self._ensure_producer().client.close()
            raise


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    async def on_start(self) -> None:
        await _patiently(self, self._start)

    async def _start(self) -> None:
        try:
            await started(super().on_start)
        except BaseException:
            if self._consumer is not None:
                await close_consumer(self._consumer)
            raise

    async def on_thread_stop(self) -> None:
        """Comes to an end when the broker is away.

        aiokafka's fetcher then lets the cancellation of its own tasks escape, and the thread would
        die before it says that it has stopped: the app would wait for it for ever.
        """
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            logger.info("Faust's consumer was closed without the broker")


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _Consumer
    Producer = _Producer


def build_app(
    settings: Settings,
    engine: Engine,
    agents: Sequence[TopicAgent] = (),
    *,
    systemd: Systemd | None = None,
) -> WorkerApp:
    """The app of one worker process. Importing and building do nothing; starting does.

    Each agent gets raw bytes. What it raises is logged without the value and the record counts as
    read: Faust would do the same, but silently.
    """
    servers = settings.kafka.bootstrap_servers.split(",")
    app = WorkerApp(
        engine,
        settings.kafka,
        settings.worker.slot,
        systemd or Systemd({}),
        broker=";".join(f"kafka://{server.strip()}" for server in servers),
        broker_credentials=_credentials(settings.kafka),
        autodiscover=False,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_session_timeout=10,
        broker_request_timeout=20,
        worker_redirect_stdouts=False,
    )
    # Faust's consumer crashes when there is nothing to subscribe to.
    app.producer_only = not agents
    app.transport = _Transport(app.conf.broker_consumer, app)
    for agent in agents:
        topic = app.topic(agent.topic, key_type=bytes, value_type=bytes, value_serializer="raw")
        app.agent(topic, name=agent.topic)(_reading(agent))
    return app


def _credentials(kafka: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """What `kafka_options` gives to all other clients, in Faust's own words."""
    context = tls_context(kafka) if uses_tls(kafka) else None
    if uses_sasl(kafka):
        return faust.SASLCredentials(
            username=kafka.username,
            password=kafka.password.reveal() if kafka.password else None,
            ssl_context=context,
            mechanism=kafka.sasl_mechanism,
        )
    return faust.SSLCredentials(context) if context else None


def _reading(agent: TopicAgent) -> Callable[[Any], Awaitable[None]]:
    async def read(stream: Any) -> None:
        async for value in stream:
            try:
                await agent.on_value(value)
            except Exception:
                logger.exception("a record of %s was not carried out", agent.topic)

    return read


def _force_exit_later() -> None:
    def exit_now() -> None:
        logger.critical("stopping took longer than %s s, ending the process", STOP_SECONDS)
        os._exit(EXIT_STUCK)

    timer = threading.Timer(STOP_SECONDS, exit_now)
    timer.daemon = True
    timer.start()
