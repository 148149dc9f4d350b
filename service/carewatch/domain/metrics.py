"""THE catalogue of computed metrics. Topics, exporter, wall, schemas and docs derive from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Kind(StrEnum):
    """What the value of a metric is; decides the accumulator and the fields of a point."""

    DISTRIBUTION = "distribution"  # count, sum, min, max, percentiles, buckets
    COUNT = "count"  # an integer that is added up
    GAUGE = "gauge"  # how many now: an integer, source partitions are added
    INSTANT = "instant"  # a time now: `at`, the least of the source partitions; absent when none


Window = Literal["1m", "1h", "total", "now"]

TUMBLING: dict[Window, int] = {"1m": 60_000, "1h": 3_600_000}
"""Windows aligned to UTC, with their size in milliseconds."""

PER_FACT: tuple[Window, ...] = ("1m", "1h", "total")
LIVE: tuple[Window, ...] = ("now",)

BASE_LABELS = ("tenant", "channel", "queue", "priority")
"""Labels that every metric carries, in this order; `none` where there is no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One computed metric; `labels` come after BASE_LABELS, in this order."""

    id: str
    kind: Kind
    unit: Literal["ms", "count"]
    help: str
    labels: tuple[str, ...] = ()
    windows: tuple[Window, ...] = PER_FACT


def _duration(id_: str, help_: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(id=id_, kind=Kind.DISTRIBUTION, unit="ms", help=help_, labels=labels)


def _count(id_: str, help_: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(id=id_, kind=Kind.COUNT, unit="count", help=help_, labels=labels)


def _cohort(id_: str, help_: str) -> Metric:
    """A count placed at what began it, which may lie a day back: no windows but the longest."""
    return Metric(id=id_, kind=Kind.COUNT, unit="count", help=help_, windows=("total",))


def _gauge(id_: str, help_: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(id=id_, kind=Kind.GAUGE, unit="count", help=help_, labels=labels, windows=LIVE)


def _instant(id_: str, help_: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(id=id_, kind=Kind.INSTANT, unit="ms", help=help_, labels=labels, windows=LIVE)


_DEFINED: tuple[Metric, ...] = (
    _duration(
        "first_response_time",
        "First unanswered message of a new contact to the first public message of a person.",
    ),
    _duration(
        "first_response_time_any",
        "First unanswered message of a new contact to the first public message of bot or person.",
    ),
    _duration(
        "first_response_after_handoff",
        "First hand-off to people not yet answered to the first public message of a person.",
    ),
    _duration("next_reply_time", "Turns that are not the first of a contact."),
    _duration(
        "time_to_assignment",
        "First hand-off to people, else the session's opening, to the first assigned agent.",
    ),
    _duration(
        "reply_time_from_assignment",
        "Assignment to an agent to that agent's first public message while still assigned.",
    ),
    _duration("customer_wait_total", "All waits of a session that were answered, at its end."),
    _duration("resolution_time_first", "Case opened to its first resolution."),
    _duration("resolution_time_full", "Case opened to its last resolution so far."),
    _duration("human_resolution_time", "Last hand-off to people to the resolution."),
    _duration("requester_wait_time", "Time of a session in new, bot, queued, open or snoozed."),
    _duration("agent_work_time", "Time of a session in new, queued or open."),
    _duration("agent_wait_time", "Time of a session in pending."),
    _duration("on_hold_time", "Time of a session in snoozed."),
    _duration("reply_time", "Every turn: oldest unanswered message to the reply of a person."),
    _duration(
        "queue_wait_time",
        "One stay in a queue, from entering to leaving.",
        ("outcome",),
    ),
    _count("queue_offered", "Stays in a queue that began."),
    _count("queue_abandoned", "Stays that the customer left unanswered."),
    _count("short_abandons", "Of these, within the short_abandon of the channel's profile."),
    _count("messages", "Messages by direction and class of author.", ("direction", "author")),
    _count("conversations", "Session transitions.", ("transition",)),
    _cohort("turns_opened", "Turns that began, less those that needed no reply."),
    _cohort("turns_answered_24h", "Of these, answered within 24 h."),
    _cohort("messages_answered", "Messages needing a reply that got one within 24 h."),
    _count("closed_without_reply", "Sessions resolved over an unanswered message."),
    _count("marked_complete", "Turns that ended since no reply was needed."),
    _count("sla_evaluations", "SLA clocks that were met or breached.", ("policy", "target")),
    _count("sla_breaches", "SLA clocks whose deadline passed.", ("policy", "target")),
    _gauge("waiting_conversations", "Conversations with an open turn that people must answer."),
    _instant("oldest_unanswered", "Start of the oldest open turn that people must answer."),
    _gauge(
        "open_conversations",
        "Open sessions by lifecycle state; also unassigned, unattended and workable ones.",
        ("state",),
    ),
    _gauge("queue_length", "Open queue stays."),
    _gauge("sla_at_risk_conversations", "SLA clocks past a warning.", ("policy", "target")),
    _gauge(
        "sla_breached_open_conversations",
        "SLA clocks past their deadline and still open.",
        ("policy", "target"),
    ),
    _count("corrections", "Withdrawals, by what they take back.", ("metric",)),
    _count("duplicate_events", "Events that had come before."),
    _count("excluded_events", "Events of conversations tagged spam, blocked or test."),
    _count("late_events", "Events beyond the allowed lateness."),
    _count("late_facts", "Facts and withdrawals for a closed one-minute window."),
    _count("dead_events", "Records that could not be understood."),
    _count("clamped_future", "Events stamped after their arrival, taken at their arrival."),
    _count("negative_clamped", "Replies stamped before the message they answer."),
    _instant(
        "watermark", "Least clock of all source partitions, as merge sees it.", ("partition",)
    ),
    _instant("heartbeat", "Newest tick that passed every stage.", ("partition",)),
)
"""`watermark` and `heartbeat` come from merge."""

BUSINESS: Final = "_business"
"""Ends the id of a duration's twin, which measures the same in business time (W2)."""


def _with_twin(metric: Metric) -> tuple[Metric, ...]:
    if metric.kind is not Kind.DISTRIBUTION:
        return (metric,)
    says = f"`{metric.id}` in business time, where a schedule is in force."
    return metric, _duration(metric.id + BUSINESS, says, metric.labels)


CATALOGUE: tuple[Metric, ...] = tuple(one for metric in _DEFINED for one in _with_twin(metric))
"""Every metric, in the order of the documentation; the twin of a duration follows it."""

BY_ID = {metric.id: metric for metric in CATALOGUE}

BACKLOG_STATES: Final = (
    *("new", "bot", "queued", "open", "pending", "snoozed"),
    *("unassigned", "unattended", "workable"),
)
"""The label `state` of `open_conversations`: lifecycle states first, then what people look for."""

SLA_TRANSITIONS: Final = "sla_transitions"
"""What `corrections` calls a withdrawn SLA transition: it may have fed two counts, or none."""

CORRECTABLE = (
    *(metric.id for metric in _DEFINED if metric.kind is Kind.DISTRIBUTION),
    "conversations",
    SLA_TRANSITIONS,
)
"""Values of the label `metric` of `corrections`: what a withdrawal takes back."""
