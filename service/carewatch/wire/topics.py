"""The topic catalogue, in flow order: a processor writes only below what it reads.

Two records are exceptions, each into the topic that its writer reads: track hands over merged
conversations (E14), the customer stage passes on the contacts of customers who are linked (E23).
"""

from dataclasses import dataclass, field
from typing import Literal

Count = Literal["source", "partials", "metrics", "one"]

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic.

    `count` names which number of partitions it has: `source` topics share the count of
    `care.events`, since facts, SLA transitions and late records go to the partition number of
    their source. `schema` is the public JSON Schema in schemas/, None for internal topics.
    """

    name: str
    key: str
    value: str
    count: Count
    cleanup: Literal["delete", "compact"]
    retention_ms: int | None
    schema: str | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    restricted: bool = False
    config: dict[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """Kafka's settings of this topic, all but what depends on the size of the cluster."""
        kept: dict[str, str] = {}
        if self.retention_ms is not None:
            # A segment is deleted as a whole: one that stays open for long outlives the retention.
            segment_ms = min(self.retention_ms // 24, DAY_MS)
            kept = {"retention.ms": str(self.retention_ms), "segment.ms": str(segment_ms)}
        return {"cleanup.policy": self.cleanup} | kept | self.config


_COMPACT_STATE = {
    # Small segments and an eager cleaner bound the restore; erasure is forced within the hour.
    "segment.ms": "600000",
    "segment.bytes": "67108864",
    "min.cleanable.dirty.ratio": "0.2",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "3600000",
    "delete.retention.ms": "3600000",
    # The row of the rulebook holds the whole document, as its record in care.events does.
    "max.message.bytes": "4194304",
}

EVENTS = "care.events"
FACTS = "care.facts"
SLA = "care.sla"
CUSTOMER = "care.customer"
PARTIALS = "care.partials"
METRICS = "care.metrics"
LATE = "care.late"
DEAD = "care.dead"
TEXT = "care.text"
RULEBOOKS = "care.rulebooks"
COMMANDS = "care.commands"
PROBE = "care.probe"


def _state(stage: str, count: Count) -> Topic:
    return Topic(
        name=f"care.state.{stage}",
        key="row key",
        value="row of the stage's state, and the marker",
        count=count,
        cleanup="compact",
        retention_ms=None,
        schema=None,
        writers=(stage,),
        readers=(stage,),
        config=_COMPACT_STATE,
    )


TOPICS: tuple[Topic, ...] = (
    Topic(
        name=COMMANDS,
        key="-",
        value="an operator's command",
        count="one",
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        schema="care.commands.v1",
        writers=("commands",),
        readers=("worker",),
    ),
    Topic(
        name=PROBE,
        key="-",
        value="nothing: the broker's append time is the answer (internal)",
        count="one",
        cleanup="delete",
        retention_ms=DAY_MS // 24,
        schema=None,
        writers=("gateway", "worker"),
        readers=(),
        config={"message.timestamp.type": "LogAppendTime"},
    ),
    Topic(
        name=RULEBOOKS,
        key="number",
        value="a published rulebook, whole",
        count="one",
        cleanup="compact",
        retention_ms=None,
        schema="care.rulebooks.v1",
        writers=("rulebook",),
        readers=("board", "commands"),
        config={"max.message.bytes": "4194304"},
    ),
    Topic(
        name=EVENTS,
        key="conversation_key",
        value="event or control record",
        count="source",
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        schema="care.events.v1",
        writers=("gateway", "ticker", "rulebook", "track"),
        readers=("track",),
        # A machine whose clock runs ahead must not write the future into the log.
        config={"max.message.bytes": "4194304", "message.timestamp.after.max.ms": "60000"},
    ),
    Topic(
        name=TEXT,
        key="message key",
        value="message text, only if switched on",
        count="source",
        cleanup="delete",
        retention_ms=DAY_MS,
        schema="care.text.v1",
        writers=("gateway",),
        readers=("annotators",),
        restricted=True,
    ),
    Topic(
        name=FACTS,
        key="conversation_key",
        value="fact",
        count="source",
        cleanup="delete",
        retention_ms=30 * DAY_MS,
        schema="care.facts.v1",
        writers=("track",),
        readers=("anyone",),
    ),
    Topic(
        name=SLA,
        key="conversation_key",
        value="SLA transition",
        count="source",
        cleanup="delete",
        retention_ms=30 * DAY_MS,
        schema="care.sla.v1",
        writers=("track",),
        readers=("anyone",),
    ),
    Topic(
        name=LATE,
        key="conversation_key",
        value="event beyond the allowed lateness, with the reason",
        count="source",
        cleanup="delete",
        retention_ms=30 * DAY_MS,
        schema="care.late.v1",
        writers=("track",),
        readers=("anyone",),
    ),
    Topic(
        name=CUSTOMER,
        key="tenant and customer_key",
        value="what the customer's sessions did, clock records (internal)",
        count="source",
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        schema=None,
        writers=("track", "customer"),
        readers=("customer",),
    ),
    Topic(
        name=PARTIALS,
        key="series, window, start, source stage and partition",
        value="pane snapshot of one source partition, clock records (internal)",
        count="partials",
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        schema=None,
        writers=("track", "customer"),
        readers=("merge",),
    ),
    Topic(
        name=METRICS,
        key="tenant|channel|queue|priority|metric|labels|window|start",
        value="metric point",
        count="metrics",
        cleanup="compact",
        retention_ms=None,
        schema="care.metrics.v1",
        writers=("merge",),
        readers=("board", "anyone"),
        config={"delete.retention.ms": str(7 * DAY_MS), "segment.ms": "3600000"},
    ),
    Topic(
        name=DEAD,
        key="-",
        value="what could not be understood: original bytes, with the reason in the headers",
        count="one",
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        schema="care.dead.v1",
        writers=("gateway", "worker"),
        readers=("people",),
        restricted=True,
        config={"max.message.bytes": "6291456"},
    ),
    _state("track", "source"),
    _state("customer", "source"),
    _state("merge", "partials"),
)
"""Every topic of carewatch, sources first."""

BY_NAME = {topic.name: topic for topic in TOPICS}
