"""What a worker process counts about itself; the business series are the board's."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram

from carewatch import __version__
from carewatch.clock import Clock
from carewatch.engine.observer import STOPS, Flushed, Observer
from carewatch.engine.ports import Lag
from carewatch.engine.stable import StableOffsets
from carewatch.wire.dead import REASONS
from carewatch.wire.topics import BY_NAME, DEAD, LATE

STATES: Final = ("starting", "restoring", "running", "refused", "stopping")

LATE_PERCENT: Final = 50
"""Of a topic's retention: who is further behind says so, while there is still time."""

_FLUSH_BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 8.0)


class ProcessMetrics(Observer):
    """The worker's families, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self.restored_rows = 0
        """Changelog rows read so far, by all partitions."""
        self._to_restore: dict[tuple[str, int], int] = {}
        self._clock = clock
        self._sources: dict[str, str] = {}
        self._behind: dict[tuple[str, int], int] = {}
        self._stable = StableOffsets()
        where = ("topic", "partition")

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(name, says, labels, registry=registry)

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(name, says, labels, registry=registry)

        self._assigned = gauge(
            "care_partition_assigned_timestamp_seconds",
            "When this worker began to work on the partition.",
            *where,
        )
        self._stopped = gauge(
            "care_partition_stopped",
            "1 while the partition is assigned here and not worked on, by the reason.",
            *where,
            "reason",
        )
        self._lag = gauge(
            "care_consumer_lag_records",
            "Committed records of the partition that were not fetched yet.",
            *where,
        )
        self._lag_seconds = gauge(
            "care_consumer_lag_seconds",
            "Age of the newest record fetched while others wait behind it, else 0.",
            *where,
        )
        self._held_seconds = gauge(
            "care_stable_offset_lag_seconds",
            "For how long an open transaction has held back what was written after it, else 0.",
            *where,
        )
        self._restoring = gauge(
            "care_restore_remaining_records",
            "Changelog records still to be read before the partition lives.",
            *where,
        )
        self._entries = gauge(
            "care_state_entries",
            "What the partition's state holds in memory, by kind.",
            *where,
            "kind",
        )
        self._kinds: dict[tuple[str, int], tuple[str, ...]] = {}
        self._partitions = gauge("care_topic_partitions", "Partitions of the topic.", "topic")
        self._state = Enum(
            "care_worker_state", "What the worker is doing.", states=STATES, registry=registry
        )
        self._events = counter(
            "care_events_total", "Records of the topic by what became of them.", "topic", "outcome"
        )
        self._published = counter(
            "care_metric_records_published_total", "Records committed to the topic.", "topic"
        )
        self._dead = counter(
            "care_dead_letters_total",
            "Records of the topic that became dead letters, by the reason.",
            "topic",
            "reason",
        )
        self._flush = Histogram(
            "care_flush_duration_seconds",
            "How long a flush took, from its snapshot to its commit.",
            ("stage",),
            buckets=_FLUSH_BUCKETS,
            registry=registry,
        )
        self._failures = counter(
            "care_flush_failures_total",
            "Times a partition dropped its memory and had to be restored.",
            "stage",
        )
        self._fencings = counter(
            "care_fencings_total",
            "Failures because another owner had taken over, or a transaction timed out.",
            "stage",
        )
        self._rebalances = counter(
            "care_rebalances_total", "Times the group dealt its partitions out anew.", "stage"
        )
        self._clock_ahead = gauge(
            "care_clock_ahead_seconds",
            "By how much this process's clock is ahead of Kafka's, by the last comparison.",
        )
        self._restores = counter("care_restores_total", "Partitions restored.", "stage")
        self._restored_rows = counter("care_restored_rows_total", "Changelog rows read.", "stage")
        gauge("care_build_info", "Always 1; the version is a label.", "version").labels(
            __version__
        ).set(1)

    def expect(self, stage: str, source: str, writes: tuple[str, ...]) -> None:
        """Creates every series that can be named beforehand: absent and zero look different."""
        self._sources[stage] = source
        for outcome in ("processed", "dead", "late"):
            self._events.labels(source, outcome)
        for reason in REASONS:
            self._dead.labels(source, reason)
        for topic in writes:
            self._published.labels(topic)
        for family in (
            self._flush,
            self._failures,
            self._fencings,
            self._rebalances,
            self._restores,
            self._restored_rows,
        ):
            family.labels(stage)

    def state(self, state: str) -> None:
        """One of STATES."""
        self._state.state(state)

    def clock_ahead(self, ms: int) -> None:
        """By how much the clock is ahead of the broker's, negative when it is behind."""
        self._clock_ahead.set(ms / 1000)

    def partitions(self, topic: str, count: int) -> None:
        """How many partitions `topic` has."""
        self._partitions.labels(topic).set(count)

    def lag(self, topic: str, partition: int, lag: Lag) -> None:
        """What of the partition is still to be fetched, or held back by a transaction."""
        now = self._clock()
        behind = max(0, now - lag.reached) if lag.records and lag.reached is not None else 0
        held = self._stable.held_ms(topic, partition, stable=lag.stable, end=lag.end, now=now)
        self._behind[topic, partition] = behind
        self._lag.labels(topic, partition).set(lag.records)
        self._lag_seconds.labels(topic, partition).set(behind / 1000)
        self._held_seconds.labels(topic, partition).set(held / 1000)

    @property
    def records_to_restore(self) -> int:
        """Changelog records still to be read before everything lives, as far as is known."""
        return sum(tuple(self._to_restore.values()))

    def late_for_retention(self) -> list[str]:
        """What people should know before Kafka removes records that were not read yet."""
        told = []
        for (topic, partition), behind in tuple(self._behind.items()):
            kept = BY_NAME[topic].retention_ms if topic in BY_NAME else None
            if kept is not None and behind > kept * LATE_PERCENT // 100:
                told.append(
                    f"{topic} partition {partition} is {behind / 3_600_000:.1f} h behind, and "
                    f"Kafka removes its records after {kept / 3_600_000:.0f} h: make its "
                    "retention.ms longer, or add workers"
                )
        return told

    def assigned(self, stage: str, partitions: frozenset[int]) -> None:
        self._rebalances.labels(stage).inc()

    def restoring(self, stage: str, partition: int, *, read: int, left: int) -> None:
        self._to_restore[stage, partition] = left
        self._restoring.labels(f"care.state.{stage}", partition).set(left)

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        self._assigned.labels(self._sources[stage], partition).set(self._clock() / 1000)
        self._restored(stage, partition)
        self._restores.labels(stage).inc()
        self._restored_rows.labels(stage).inc(rows)
        self.restored_rows += rows

    def fed(self, stage: str, partition: int, *, records: int) -> None:
        self._events.labels(self._sources[stage], "processed").inc(records)

    def flushed(self, stage: str, partition: int, flushed: Flushed) -> None:
        source = self._sources[stage]
        self._flush.labels(stage).observe(flushed.seconds)
        for topic, count in flushed.outputs.items():
            self._published.labels(topic).inc(count)
        self._events.labels(source, "dead").inc(flushed.outputs.get(DEAD, 0))
        self._events.labels(source, "late").inc(flushed.outputs.get(LATE, 0))
        for reason, count in flushed.dead.items():
            self._dead.labels(source, reason).inc(count)
        self._kinds[stage, partition] = tuple(flushed.held)
        for kind, count in flushed.held.items():
            self._entries.labels(f"care.state.{stage}", partition, kind).set(count)

    def failed(self, stage: str, partition: int, *, fenced: bool) -> None:
        self._failures.labels(stage).inc()
        if fenced:
            self._fencings.labels(stage).inc()
        self.closed(stage, partition)

    def stopped(self, stage: str, partition: int, reason: str | None) -> None:
        source = self._sources[stage]
        for known in STOPS:
            if known == reason:
                self._stopped.labels(source, partition, known).set(1)
            else:
                self._stopped.remove(source, partition, known)

    def closed(self, stage: str, partition: int) -> None:
        source = self._sources[stage]
        self._behind.pop((source, partition), None)
        self._stable.forget(source, partition)
        for family in (self._assigned, self._lag, self._lag_seconds, self._held_seconds):
            family.remove(source, partition)
        for kind in self._kinds.pop((stage, partition), ()):
            self._entries.remove(f"care.state.{stage}", partition, kind)
        self._restored(stage, partition)

    def _restored(self, stage: str, partition: int) -> None:
        """Nothing of its changelog is left to read, or somebody else reads it."""
        self._to_restore.pop((stage, partition), None)
        self._restoring.remove(f"care.state.{stage}", partition)
