"""The composition root: settings -> gateway, worker, board. Nobody else knows everybody."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from carewatch.channels import CHANNELS
from carewatch.clock import Clock, SteadyClock
from carewatch.engine.catalogue import partition_count
from carewatch.engine.cluster import partition_counts
from carewatch.engine.connection import kafka_options
from carewatch.engine.engine import Engine
from carewatch.engine.orders import Orders
from carewatch.engine.sealing import seal_of
from carewatch.engine.systemd import Systemd
from carewatch.engine.timekeeper import AppendTime, Timekeeper
from carewatch.exporter.feed import Feed
from carewatch.exporter.server import BoardServer
from carewatch.gateway.delivery import Delivery, lanes_by
from carewatch.gateway.doors import doors_of
from carewatch.gateway.metrics import GatewayMetrics, SpoolMetrics
from carewatch.gateway.producer import Publisher
from carewatch.gateway.receive import Receiver
from carewatch.gateway.redrive import Redriver
from carewatch.gateway.server import Gateway
from carewatch.gateway.spool import Spool
from carewatch.processors import PROCESSORS
from carewatch.settings import Settings
from carewatch.wall.routes import wall_routes
from carewatch.wall.view import Wall
from carewatch.wire import topics

if TYPE_CHECKING:
    from carewatch.streams.app import WorkerApp


def build_gateway(settings: Settings, clock: Clock) -> Gateway:
    """The HTTP receiver, not started yet. Must be called inside a running event loop.

    A SteadyClock claims to be right: requests are taken only while it agrees with Kafka's. Any
    other clock is a test's, and believed.

    Raises ConfigError for accounts that could not be verified, parsed or given pseudonyms.
    """
    metrics = GatewayMetrics(CollectorRegistry(), tuple(channel.name for channel in CHANNELS))
    options = kafka_options(settings.kafka)
    seal = seal_of(settings)
    counts = {
        name: partition_count(topics.BY_NAME[name], settings.kafka)
        for name in (topics.EVENTS, topics.DEAD, topics.TEXT)
    }
    texts = (topics.TEXT,) if settings.privacy.text_tenants else ()
    publishers = {
        name: Publisher(
            options,
            name,
            deadline_ms=settings.gateway.produce_timeout_ms,
            max_request_bytes=int(topics.BY_NAME[name].config.get("max.message.bytes", 1_048_576)),
            client_id=f"carewatch-gateway-{name}",
            partitions=counts[name],
        )
        for name in (topics.EVENTS, topics.DEAD, *texts)
    }
    lane_of = lanes_by(counts)
    limit_bytes = settings.gateway.spool_limit_bytes
    folder = Path(settings.gateway.spool_dir)
    spool = Spool(folder, limit_bytes, seal, lane_of) if limit_bytes else None
    delivery = Delivery(publishers, lane_of, spool, seal)
    metrics.registry.register(SpoolMetrics(spool, clock))
    receiver = Receiver(
        doors_of(settings, CHANNELS), CHANNELS, stores=delivery, seal=seal, metrics=metrics
    )
    keeper = (
        Timekeeper(clock, AppendTime(options), lambda ms: metrics.clock_ahead.set(ms / 1000))
        if isinstance(clock, SteadyClock)
        else None
    )
    return Gateway(
        settings.gateway, clock, receiver, delivery, tuple(publishers.values()), metrics, keeper
    )


def wire_worker(settings: Settings) -> "WorkerApp":
    """The Faust app of the stream worker: all processors under the engine. Starts nothing.

    Raises ConfigError without a key for dead letters.
    """
    from carewatch.streams.app import TopicAgent, build_app  # noqa: PLC0415 - only the worker pays for Faust

    orders = Orders()
    engine = Engine(PROCESSORS, settings, SteadyClock(), seal=seal_of(settings), orders=orders)

    async def order(value: bytes) -> None:
        orders.take(value)

    agents = [TopicAgent(topics.COMMANDS, order)]
    return build_app(settings, engine, agents, systemd=Systemd(os.environ))


async def build_redriver(settings: Settings) -> Redriver:
    """What feeds dead letters again; not started yet. Raises Refused without its topics."""
    options = kafka_options(settings.kafka)
    counts = await partition_counts([topics.EVENTS, topics.TEXT], options)
    return Redriver(
        options,
        doors=doors_of(settings, CHANNELS),
        seal=seal_of(settings),
        partitions=counts,
    )


def build_board(settings: Settings, clock: Clock) -> BoardServer:
    """The board, not started yet. Must be called inside a running event loop."""
    tenants = tuple(sorted({account.tenant for account in settings.accounts}))
    wall = Wall()
    return BoardServer(
        settings.board,
        feed=Feed(kafka_options(settings.kafka), tenants=tenants),
        clock=clock,
        message=wall.build_view,
        watch=wall.watch,
        routes=wall_routes(),
        registry=CollectorRegistry(),
    )
