"""The worker's own metrics and health, served from a thread of their own.

A stalled event loop must not hide itself: `/metrics` and `/livez` answer while it hangs.
"""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from carewatch import __version__
from carewatch.clock import Clock
from carewatch.domain.errors import ConfigError
from carewatch.wire.topics import DEAD

STATES: Final = ("starting", "restoring", "running", "refused", "stopping")

_FLUSH_BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 8.0)


class ProcessMetrics:
    """The worker's families, on a registry that is handed in; an `Observer` of its partitions."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self.restored_rows = 0
        """Changelog rows read so far, by all partitions."""
        self._clock = clock
        self._sources: dict[str, str] = {}
        where = ("topic", "partition")
        self._assigned = Gauge(
            "care_partition_assigned_timestamp_seconds",
            "When this worker began to work on the partition.",
            where,
            registry=registry,
        )
        self._lag = Gauge(
            "care_consumer_lag_records",
            "Committed records of the partition that were not fetched yet.",
            where,
            registry=registry,
        )
        self._partitions = Gauge(
            "care_topic_partitions", "Partitions of the topic.", ("topic",), registry=registry
        )
        self._state = Enum(
            "care_worker_state", "What the worker is doing.", states=STATES, registry=registry
        )
        self._events = Counter(
            "care_events_total",
            "Records of the topic by what became of them.",
            ("topic", "outcome"),
            registry=registry,
        )
        self._published = Counter(
            "care_metric_records_published_total",
            "Records committed to the topic.",
            ("topic",),
            registry=registry,
        )
        self._flush = Histogram(
            "care_flush_duration_seconds",
            "How long a flush took, from its snapshot to its commit.",
            ("stage",),
            buckets=_FLUSH_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "care_flush_failures_total",
            "Times a partition dropped its memory and had to be restored.",
            ("stage",),
            registry=registry,
        )
        self._fencings = Counter(
            "care_fencings_total",
            "Failures because another owner had taken over, or a transaction timed out.",
            ("stage",),
            registry=registry,
        )
        self._restores = Counter(
            "care_restores_total", "Partitions restored.", ("stage",), registry=registry
        )
        self._restored_rows = Counter(
            "care_restored_rows_total", "Changelog rows read.", ("stage",), registry=registry
        )
        Gauge(
            "care_build_info", "Always 1; the version is a label.", ("version",), registry=registry
        ).labels(__version__).set(1)

    def expect(self, stage: str, source: str, writes: tuple[str, ...]) -> None:
        """Creates every series that can be named beforehand: absent and zero look different."""
        self._sources[stage] = source
        for outcome in ("processed", "dead"):
            self._events.labels(source, outcome)
        for topic in writes:
            self._published.labels(topic)
        for family in (
            self._flush,
            self._failures,
            self._fencings,
            self._restores,
            self._restored_rows,
        ):
            family.labels(stage)

    def state(self, state: str) -> None:
        """One of STATES."""
        self._state.state(state)

    def partitions(self, topic: str, count: int) -> None:
        """How many partitions `topic` has."""
        self._partitions.labels(topic).set(count)

    def lag(self, topic: str, partition: int, records: int) -> None:
        """How many records are still to be fetched."""
        self._lag.labels(topic, partition).set(records)

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        del seconds
        self._assigned.labels(self._sources[stage], partition).set(self._clock() / 1000)
        self._restores.labels(stage).inc()
        self._restored_rows.labels(stage).inc(rows)
        self.restored_rows += rows

    def fed(self, stage: str, partition: int, *, records: int) -> None:
        del partition
        self._events.labels(self._sources[stage], "processed").inc(records)

    def flushed(
        self, stage: str, partition: int, *, outputs: dict[str, int], rows: int, seconds: float
    ) -> None:
        del partition, rows
        self._flush.labels(stage).observe(seconds)
        for topic, count in outputs.items():
            self._published.labels(topic).inc(count)
            if topic == DEAD:
                self._events.labels(self._sources[stage], "dead").inc(count)

    def failed(self, stage: str, partition: int, *, fenced: bool) -> None:
        self._failures.labels(stage).inc()
        if fenced:
            self._fencings.labels(stage).inc()
        self.closed(stage, partition)

    def closed(self, stage: str, partition: int) -> None:
        for family in (self._assigned, self._lag):
            family.remove(self._sources[stage], partition)


class HealthServer:
    """`/metrics`, `/livez` and `/readyz` on a port of their own, from a daemon thread.

    `ready` returns None when the worker does its work, else the reason why not; `notices` what
    people should know although it does. Both are called in the server's thread and must only read.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        setting: str,
        registry: CollectorRegistry,
        ready: Callable[[], str | None],
        notices: Callable[[], list[str]],
    ) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _answer(registry, ready, notices))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port} cannot be used ({error.strerror}). "
                f"Remedy: set {setting} to a free port"
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="health",
            daemon=True,
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Frees the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _answer(
    registry: CollectorRegistry,
    ready: Callable[[], str | None],
    notices: Callable[[], list[str]],
) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        server_version = "carewatch"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._send(HTTPStatus.OK, kind, encode(registry))
            elif path == "/livez":
                self._send(HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n")
            elif path == "/readyz":
                reason = ready()
                status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
                text = "".join(f"{line}\n" for line in (reason or "ok", *notices())).encode()
                self._send(status, "text/plain; charset=utf-8", text)
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found\n")

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Scrapes are no news."""

    return Answer
