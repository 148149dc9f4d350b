"""What the oracle judges: each metric with its kind, windows and sisters, as section 5 defines it.

A list of its own: a test holds it against the published one, so that nothing is judged by halves.
"""

from dataclasses import dataclass, replace
from typing import Literal

from carewatch.verify.instants import DAY, HOUR, MINUTE

SIZES = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR}
"""Windows aligned to UTC (W1); beside them stands `1d`, the tenant's local day."""

ROLLING = {"last_15m": 15 * MINUTE, "last_1h": HOUR}
"""Windows over the last whole minutes, of whatever has `1m` (W8)."""

EACH = (*SIZES, "1d", "total")
COHORT = ("1d", "total")
DAYS = ("1d",)
NOW = ("now",)

Kind = Literal["time", "spread", "count", "ratio", "gauge", "instant", "ages", "deadlines"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a metric adds up (`kind`), in which windows, how long a day of it stays open after its
    end (`horizon`), by what else it is told (`sisters`), and whether open hours measure it, too."""

    kind: Kind
    windows: tuple[str, ...] = EACH
    horizon: int = 0
    sisters: tuple[str, ...] = ()
    twin: bool = False


AGENT = ("agent",)
TIME = Measure("time", twin=True)
TIME_OF_AGENTS = replace(TIME, sisters=AGENT)
SPREAD, COUNT, RATIO = Measure("spread"), Measure("count"), Measure("ratio")
COUNT_OF_AGENTS = replace(COUNT, sisters=AGENT)
GAUGE, INSTANT, AGES = (Measure(kind, NOW) for kind in ("gauge", "instant", "ages"))
RATED = ("agent", "tag", "topic")

_BASES: dict[str, Measure] = {
    # response
    **dict.fromkeys(
        (
            *("first_response_time", "first_response_after_handoff", "reply_time"),
            *("next_reply_time", "reply_time_from_assignment", "human_resolution_time"),
            *("time_to_action", "handle_time"),
        ),
        TIME_OF_AGENTS,
    ),
    **dict.fromkeys(
        (
            *("first_response_time_any", "customer_wait_total", "time_to_assignment"),
            *("queue_wait_time", "resolution_time_first", "resolution_time_full"),
            *("requester_wait_time", "agent_work_time", "agent_wait_time", "on_hold_time"),
            "suspect_pause",
        ),
        TIME,
    ),
    **dict.fromkeys(
        ("turns_opened", "turns_answered_24h", "messages_answered"), Measure("count", COHORT, DAY)
    ),
    **dict.fromkeys(("response_rate", "message_response_rate"), Measure("ratio", COHORT, DAY)),
    **dict.fromkeys(("within_target_rate", "service_level", "abandonment_rate"), RATIO),
    **dict.fromkeys(("reply_volume", "reply_turns", "handled_sessions"), COUNT_OF_AGENTS),
    "agent_non_response": COUNT_OF_AGENTS,
    "action_rate": replace(RATIO, sisters=AGENT),
    **dict.fromkeys(("thread_size", "replies_to_resolution", "hops_per_session"), SPREAD),
    # resolution and flow
    **dict.fromkeys(("resolution_rate", "csat_response_rate"), Measure("ratio", COHORT, 7 * DAY)),
    "reopen_rate": Measure("ratio", COHORT, 72 * HOUR),
    **dict.fromkeys(("flow_ratio", "one_touch_rate", "bounce_rate", "policy_clean_rate"), RATIO),
    **dict.fromkeys(
        (
            *("resolutions", "net_flow", "transfers", "messages", "conversations"),
            *("marked_complete", "closed_without_reply", "queue_offered", "queue_abandoned"),
            *("short_abandons", "sla_evaluations", "sla_breaches"),
            *("quick_replies_clicked", "quick_replies_sent", "bot_sessions", "bot_messages"),
            "sentiment_by_customer",
        ),
        COUNT,
    ),
    "resolved_conversations": Measure("count", DAYS),
    "sla_overrun": Measure("time"),
    # topics, bots, quality
    "labels": Measure("count", sisters=("tag",)),
    "labelled_sessions": Measure("count", sisters=("tag", "topic")),
    **dict.fromkeys(("untagged_rate", "out_of_hours_share", "out_of_hours_bot_rate"), RATIO),
    **dict.fromkeys(("bot_containment", "bot_handoff_rate", "fallback_rate"), RATIO),
    "csat_top2": replace(RATIO, sisters=RATED),
    "csat_mean": replace(SPREAD, sisters=RATED),
    "sentiment": Measure("count", sisters=("topic",)),
    # of customers, by all of their conversations
    **dict.fromkeys(("unique_customers", "resolved_customers"), Measure("count", DAYS)),
    "bot_resolution": Measure("ratio", DAYS, 72 * HOUR),
    "fcr": Measure("ratio", DAYS, 7 * DAY),
    "repeat_contact_rate": Measure("ratio", DAYS, 7 * DAY, sisters=("topic",)),
    "retention_rate": Measure("ratio", DAYS, 90 * DAY),
    # the pipeline itself
    **dict.fromkeys(
        (
            *("excluded_events", "negative_clamped", "clamped_future", "duplicate_events"),
            *("late_events", "dead_events", "corrections", "dropped_merges", "ignored_events"),
            *("late_changes", "late_facts"),
        ),
        COUNT,
    ),
    # now
    **dict.fromkeys(("waiting_conversations", "open_conversations"), replace(GAUGE, sisters=AGENT)),
    "oldest_unanswered": replace(INSTANT, sisters=AGENT),
    **dict.fromkeys(("open_wait_age", "backlog_age"), AGES),
    **dict.fromkeys(("oldest_open", "longest_waiting_now"), INSTANT),
    **dict.fromkeys(
        (
            *("needs_reply", "queue_length", "sla_at_risk_conversations", "sla_active"),
            *("sla_breached_open_conversations", "sla_paused", "sla_due_within"),
        ),
        GAUGE,
    ),
    "next_due": Measure("deadlines", NOW),
}

BUSINESS = "_business"


def _all() -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    for name, one in _BASES.items():
        windows = NOW if one.windows == NOW else DAYS
        family = {name: replace(one, sisters=one.sisters)}
        family |= {
            f"{name}_by_{sister}": replace(one, sisters=(), windows=windows)
            for sister in one.sisters
        }
        for id_, measure in family.items():
            found[id_] = measure
            if one.twin:
                found[id_ + BUSINESS] = replace(measure, sisters=(), twin=False)
    return found


MEASURES = _all()
"""Every metric that is judged, sisters and twins included."""

OF_CUSTOMERS = frozenset(
    {
        *("unique_customers", "resolved_customers", "bot_resolution", "fcr", "retention_rate"),
        *("repeat_contact_rate", "repeat_contact_rate_by_topic"),
    }
)
"""What another conversation of the same customer may change, on days on which it did nothing."""

UNJUDGED = {
    "watermark": "how far merge was when it last said so; the comparison takes it as the position",
    "heartbeat": "which tick passed every stage last; the comparison takes it as the position",
}
"""Metrics that say where the worker is, not what happened; each with the reason it is left out."""
