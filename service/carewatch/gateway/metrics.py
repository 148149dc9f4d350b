"""Process metrics of the gateway, on an injected registry, every label set there from the start."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from carewatch import __version__
from carewatch.channels.outcomes import ItemOutcome, RequestOutcome
from carewatch.clock import Clock
from carewatch.gateway.spool import Spool
from carewatch.wire.dead import REASONS

OTHER: Final = "other"
"""The channel label of a request to a channel that does not exist."""

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class GatewayMetrics:
    """What happens at the door; labels are closed enums and the names of the channels."""

    def __init__(self, registry: CollectorRegistry, channels: tuple[str, ...]) -> None:
        self.registry = registry
        self.requests = Counter(
            "care_webhook_requests",
            "Requests by how they ended; every request counts once.",
            ("channel", "outcome"),
            registry=registry,
        )
        self.items = Counter(
            "care_webhook_items",
            "Items of verified requests by how they ended.",
            ("channel", "outcome"),
            registry=registry,
        )
        self.invalid = Counter(
            "care_invalid_events",
            "What could not be understood, by reason; the original is in care.dead.",
            ("reason",),
            registry=registry,
        )
        self.overlaps = Counter(
            "care_authority_overlap",
            "Events left out since a helpdesk tells of the same conversations, and nobody has said"
            " whose word counts.",
            ("channel",),
            registry=registry,
        )
        self.publish_seconds = Histogram(
            "care_publish_duration_seconds",
            "From the first record sent to the last acknowledgement, failures included.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.connections_refused = Counter(
            "care_connections_refused",
            "Connections that were told to come back, since gateway.max_connections were open.",
            registry=registry,
        )
        self.in_flight_bytes = Gauge(
            "care_webhook_in_flight_bytes",
            "Bytes of bodies that are held right now.",
            registry=registry,
        )
        self.clock_ahead = Gauge(
            "care_clock_ahead_seconds",
            "By how much this process's clock is ahead of Kafka's, by the last comparison.",
            registry=registry,
        )
        build = Gauge(
            "care_build_info", "Always 1; the version that runs.", ("version",), registry=registry
        )
        build.labels(version=__version__).set(1)
        for channel in (*channels, OTHER):
            for outcome in RequestOutcome:
                self.requests.labels(channel=channel, outcome=outcome.value)
        for channel in channels:
            self.overlaps.labels(channel)
            for item in ItemOutcome:
                self.items.labels(channel=channel, outcome=item.value)
        for reason in REASONS:
            self.invalid.labels(reason=reason)


class SpoolMetrics(Collector):
    """What waits in the spool, asked at the scrape; all at zero without one."""

    def __init__(self, spool: Spool | None, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Every family of the spool."""
        spool = self._spool
        oldest_at = spool.oldest_at if spool else None
        age_ms = 0 if oldest_at is None else max(0, self._clock() - oldest_at)
        for name, says, value in (
            ("records", "Records that wait in the spool for Kafka.", spool and spool.records),
            ("bytes", "Bytes of the spool on disk.", spool and spool.size),
            ("limit_bytes", "Most that the spool takes; 0: none.", spool and spool.limit_bytes),
            ("oldest_seconds", "How long the oldest record has waited, else 0.", age_ms / 1000),
        ):
            yield GaugeMetricFamily(f"care_spool_{name}", says, value=value or 0)
        for name, says, value in (
            ("written", "Records that went to the spool.", spool and spool.written),
            ("torn", "Ends of files that a killed process left half-written: never acknowledged.",
             spool and spool.torn),
            ("damaged", "Places in its files that came back other than they were written: lost.",
             spool and spool.damaged),
        ):  # fmt: skip
            yield CounterMetricFamily(f"care_spool_{name}", says, value=value or 0)
