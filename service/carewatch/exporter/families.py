"""Which Prometheus family is fed by which computed metric: the exporter's one table.

Counters and histograms show gross values since the beginning (`total` points): a restart never
resets them and a withdrawal never lowers them. Gauges show `now`. Priority is added up.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One metric that feeds a family: labels it adds, and label values it picks.

    A label that is picked is not shown.
    """

    metric: str
    adds: dict[str, str] = field(default_factory=dict)
    picks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One Prometheus family; its labels are tenant, channel, queue and then `labels`."""

    name: str
    kind: Literal["histogram", "counter", "gauge", "instant", "ages"]
    help: str
    sources: tuple[Source, ...]
    labels: tuple[str, ...] = ()
    by_queue: bool = True
    """False: counted before the queue is known; only `none` stands at 0 in advance."""


def _from(
    name: str,
    kind: Literal["histogram", "counter", "gauge", "instant", "ages"],
    metric: str,
    help_: str,
    labels: tuple[str, ...] = (),
) -> Family:
    return Family(name=name, kind=kind, help=help_, sources=(Source(metric=metric),), labels=labels)


_SLA = ("policy", "target")

FAMILIES: tuple[Family, ...] = (
    Family(
        name="care_first_response_seconds",
        kind="histogram",
        help="Elapsed time from the first unanswered message of a contact to the first reply.",
        sources=(
            Source(metric="first_response_time", adds={"by": "human"}),
            Source(metric="first_response_time_any", adds={"by": "any"}),
            Source(metric="first_response_after_handoff", adds={"by": "after_handoff"}),
        ),
        labels=("by",),
    ),
    _from(
        "care_reply_seconds",
        "histogram",
        "reply_time",
        "Elapsed time from the oldest unanswered message to the reply of a person, every turn.",
    ),
    Family(
        name="care_queue_wait_seconds",
        kind="histogram",
        help="Elapsed time in a queue until it was answered.",
        sources=(Source(metric="queue_wait_time", picks={"outcome": "answered"}),),
    ),
    _from(
        "care_resolution_seconds",
        "histogram",
        "resolution_time_first",
        "Elapsed time from the opening of a case to its first resolution.",
    ),
    _from(
        "care_abandoned_total",
        "counter",
        "queue_abandoned",
        "Queue stays that the customer left unanswered.",
    ),
    _from(
        "care_messages_total",
        "counter",
        "messages",
        "Messages by direction and class of author.",
        ("direction", "author"),
    ),
    _from(
        "care_conversations_total",
        "counter",
        "conversations",
        "Transitions of sessions.",
        ("transition",),
    ),
    _from(
        "care_sla_evaluations_total",
        "counter",
        "sla_evaluations",
        "SLA clocks that were met or breached.",
        _SLA,
    ),
    _from(
        "care_sla_breaches_total",
        "counter",
        "sla_breaches",
        "SLA clocks whose deadline passed.",
        _SLA,
    ),
    Family(
        name="care_corrections_total",
        kind="counter",
        help="Results withdrawn after late or corrected events, by the metric they belonged to.",
        sources=(Source(metric="corrections"),),
        labels=("metric",),
        by_queue=False,
    ),
    Family(
        name="care_late_events_total",
        kind="counter",
        help="Events beyond the allowed lateness.",
        sources=(Source(metric="late_events"),),
        by_queue=False,
    ),
    _from(
        "care_waiting_conversations",
        "gauge",
        "waiting_conversations",
        "Conversations with a customer who waits for a person.",
    ),
    _from(
        "care_open_wait_age_seconds",
        "ages",
        "open_wait_age",
        "Conversations with a customer who waits for a person, by how long so far.",
    ),
    _from(
        "care_oldest_unanswered_timestamp_seconds",
        "instant",
        "oldest_unanswered",
        "Since when the customer waits who waits longest; absent when nobody does.",
    ),
    _from(
        "care_open_conversations",
        "gauge",
        "open_conversations",
        "Open sessions by lifecycle state; also unassigned, unattended, workable and snoozed_due.",
        ("state",),
    ),
    _from("care_queue_length", "gauge", "queue_length", "Conversations in a queue."),
    _from(
        "care_sla_at_risk_conversations",
        "gauge",
        "sla_at_risk_conversations",
        "SLA clocks past their warning.",
        _SLA,
    ),
    _from(
        "care_sla_breached_open_conversations",
        "gauge",
        "sla_breached_open_conversations",
        "SLA clocks past their deadline and still open.",
        _SLA,
    ),
)
