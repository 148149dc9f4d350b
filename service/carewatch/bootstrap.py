"""The composition root: settings -> gateway, worker, board. Nobody else knows everybody."""

from prometheus_client import CollectorRegistry

from carewatch.channels import CHANNELS
from carewatch.clock import Clock
from carewatch.engine.connection import kafka_options
from carewatch.gateway.dead import seal_of
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.producer import Publisher
from carewatch.gateway.receive import Receiver, doors_of
from carewatch.gateway.server import Gateway
from carewatch.settings import Settings
from carewatch.wire import topics


def build_gateway(settings: Settings, clock: Clock) -> Gateway:
    """The HTTP receiver, not started yet. Must be called inside a running event loop.

    Raises ConfigError for accounts that could not be verified, parsed or given pseudonyms.
    """
    metrics = GatewayMetrics(CollectorRegistry(), tuple(channel.name for channel in CHANNELS))
    options = kafka_options(settings.kafka)
    deadline_ms = settings.gateway.produce_timeout_ms
    events, dead = (
        Publisher(
            options,
            name,
            deadline_ms=deadline_ms,
            max_request_bytes=int(topics.BY_NAME[name].config["max.message.bytes"]),
            client_id=f"carewatch-gateway-{name}",
        )
        for name in (topics.EVENTS, topics.DEAD)
    )
    receiver = Receiver(
        doors_of(settings, CHANNELS),
        CHANNELS,
        events=events,
        dead=dead,
        seal=seal_of(settings),
        metrics=metrics,
    )
    return Gateway(settings.gateway, clock, receiver, (events, dead), metrics)
