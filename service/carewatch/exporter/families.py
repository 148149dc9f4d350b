"""Which Prometheus family is fed by which computed metric: the exporter's one table.

Counters and histograms show gross values since the beginning (`total` points): a restart never
resets them and a withdrawal never lowers them. Gauges show `now`, net figures of the tenant's
local day (`..._today`), and percentiles of the last minutes. Priority is added up.
"""

from dataclasses import dataclass, field
from typing import Literal

from carewatch.domain.metric import BUSINESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One metric that feeds a family: labels it adds, and label values it picks.

    A label that is picked is not shown.
    """

    metric: str
    adds: dict[str, str] = field(default_factory=dict)
    picks: dict[str, str] = field(default_factory=dict)


Kind = Literal[
    "histogram",  # gross durations since the beginning, by the classic bounds
    "scores",  # the same of ratings, by mark from 1 to 5
    "counter",  # a gross count since the beginning
    "today",  # a net count of the tenant's local day
    "gauge",  # how many now
    "instant",  # the least instant now; no series while there is none
    "ages",  # how many now, by the classic bounds of how long ago they began
    "percentiles",  # of the last minutes and of today; no series while nothing was measured
    "samples",  # how many durations those percentiles are made of
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One Prometheus family; its labels are tenant, channel, queue and then `labels`."""

    name: str
    kind: Kind
    help: str
    sources: tuple[Source, ...]
    labels: tuple[str, ...] = ()
    by_queue: bool = True
    """False: counted before the queue is known; only `none` stands at 0 in advance."""


def _from(
    name: str,
    kind: Kind,
    metric: str,
    help_: str,
    labels: tuple[str, ...] = (),
) -> Family:
    return Family(name=name, kind=kind, help=help_, sources=(Source(metric=metric),), labels=labels)


_SLA = ("policy", "target")
_ANSWERED = {"outcome": "answered"}
BY = (
    ("human", "first_response_time"),
    ("any", "first_response_time_any"),
    ("after_handoff", "first_response_after_handoff"),
)
"""Who is counted as the one that answers first, and the metric that measures it."""


def _first_response(name: str, kind: Kind, help_: str, twin: str = "") -> Family:
    return Family(
        name=name,
        kind=kind,
        help=help_,
        sources=tuple(Source(metric=metric + twin, adds={"by": by}) for by, metric in BY),
        labels=("by",),
    )


def _queue_wait(name: str, kind: Kind, help_: str, twin: str = "") -> Family:
    sources = (Source(metric="queue_wait_time" + twin, picks=_ANSWERED),)
    return Family(name=name, kind=kind, help=help_, sources=sources)


_TODAY = (
    _from(
        "care_abandoned_today",
        "today",
        "queue_abandoned",
        "Queue stays of the local day that the customer left unanswered, net of withdrawals.",
    ),
    _from(
        "care_messages_today",
        "today",
        "messages",
        "Messages of the local day by direction and class of author, net of withdrawals.",
        ("direction", "author"),
    ),
    _from(
        "care_conversations_today",
        "today",
        "conversations",
        "Transitions of sessions of the local day, net of withdrawals.",
        ("transition",),
    ),
    _from(
        "care_sla_evaluations_today",
        "today",
        "sla_evaluations",
        "SLA clocks that were met or breached on the local day, net of withdrawals.",
        _SLA,
    ),
    _from(
        "care_sla_breaches_today",
        "today",
        "sla_breaches",
        "SLA clocks whose deadline passed on the local day, net of withdrawals.",
        _SLA,
    ),
)

FAMILIES: tuple[Family, ...] = (
    _first_response(
        "care_first_response_seconds",
        "histogram",
        "Elapsed time from the first unanswered message of a contact to the first reply.",
    ),
    _first_response(
        "care_first_response_business_seconds",
        "histogram",
        "The same in business time, where a schedule is in force.",
        BUSINESS,
    ),
    _from(
        "care_reply_seconds",
        "histogram",
        "reply_time",
        "Elapsed time from the oldest unanswered message to the reply of a person, every turn.",
    ),
    _from(
        "care_reply_business_seconds",
        "histogram",
        "reply_time" + BUSINESS,
        "The same in business time, where a schedule is in force.",
    ),
    _queue_wait(
        "care_queue_wait_seconds", "histogram", "Elapsed time in a queue until it was answered."
    ),
    _queue_wait(
        "care_queue_wait_business_seconds",
        "histogram",
        "The same in business time, where a schedule is in force.",
        BUSINESS,
    ),
    _from(
        "care_resolution_seconds",
        "histogram",
        "resolution_time_first",
        "Elapsed time from the opening of a case to its first resolution.",
    ),
    _from(
        "care_resolution_business_seconds",
        "histogram",
        "resolution_time_first" + BUSINESS,
        "The same in business time, where a schedule is in force.",
    ),
    _first_response(
        "care_first_response_percentile_seconds",
        "percentiles",
        "Percentiles of first response times; never average or add them.",
    ),
    _first_response(
        "care_first_response_percentile_samples",
        "samples",
        "First responses that the percentiles are made of.",
    ),
    _from(
        "care_reply_percentile_seconds",
        "percentiles",
        "reply_time",
        "Percentiles of reply times; never average or add them.",
    ),
    _from(
        "care_reply_percentile_samples",
        "samples",
        "reply_time",
        "Replies that the percentiles are made of.",
    ),
    _queue_wait(
        "care_queue_wait_percentile_seconds",
        "percentiles",
        "Percentiles of waits in a queue until answered; never average or add them.",
    ),
    _queue_wait(
        "care_queue_wait_percentile_samples",
        "samples",
        "Answered waits that the percentiles are made of.",
    ),
    _from(
        "care_csat_score",
        "scores",
        "csat_mean",
        "Satisfaction ratings as marks from 1 to 5.",
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
    *_TODAY,
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
