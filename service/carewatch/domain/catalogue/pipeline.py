"""SLA, and the pipeline itself."""

from typing import Final

from carewatch.domain.metric import (
    Kind,
    Metric,
    count,
    derived,
    duration,
    gauge,
    planned,
    ratio,
    spread,
)

_PROMISE: Final = ("policy", "target")

METRICS: Final[tuple[Metric, ...]] = (
    count("sla_evaluations", "S17", "SLA clocks that were met or breached.", _PROMISE),
    count("sla_breaches", "S3, S17", "SLA clocks whose deadline passed.", _PROMISE),
    ratio("policy_clean_rate", "S17", "Sessions without a breach, of those with a promise."),
    gauge("sla_at_risk_conversations", "S18", "SLA clocks past a warning.", _PROMISE),
    gauge(
        "sla_breached_open_conversations", "S9", "SLA clocks past their deadline and still open.",
        _PROMISE,
    ),
    gauge("sla_active", "S1-S18", "SLA clocks that are open.", _PROMISE),
    gauge("sla_paused", "S7", "SLA clocks that stand still.", _PROMISE),
    gauge(
        "sla_due_within", "S1, W10", "SLA clocks due within 15, 30 or 60 minutes.",
        (*_PROMISE, "within"),
    ),
    gauge("next_due", "W11", "The 50 soonest deadlines of a tenant.", kind=Kind.DEADLINES),
    spread(
        "sla_overrun", "S9", "How late a clock was stopped, by that clock.", "ms", _PROMISE,
        clock="promise",
    ),
    derived(
        "sla_burn_rate", "S17", "Breaches per hour, of those the objective allows.",
        "sla_breaches", "sla_evaluations",
    ),
    duration("suspect_pause", "S7", "Pauses over an unanswered message.", _PROMISE),
    planned(gauge("benchmark_ratio", "", "A value divided by its baseline or target.")),
    count("corrections", "R6", "Withdrawals, by what they take back.", ("metric",)),
    count("duplicate_events", "R2", "Events that had come before."),
    count("excluded_events", "E20", "Events of conversations tagged spam, blocked or test."),
    count(
        "dropped_merges", "E14",
        "Merges into itself, and turns that merges had handed over too often.",
    ),
    count(
        "ignored_events", "Q1, R16",
        "Events that fit nothing: leaving a queue not entered, an end without an open session.",
    ),
    count("late_events", "R4", "Events beyond the allowed lateness."),
    count("late_changes", "R6a", "Deletions and annotations that came too late."),
    count("late_facts", "W4", "Facts and withdrawals for a closed one-minute window."),
    count("dead_events", "R1", "Records that could not be understood."),
    count("clamped_future", "R3", "Events stamped after their arrival, taken at their arrival."),
    count("negative_clamped", "R3", "Replies stamped before the message they answer."),
    gauge(
        "watermark", "W3", "Least clock of all source partitions, as merge sees it.",
        ("partition",), kind=Kind.INSTANT,
    ),
    gauge(
        "heartbeat", "W3", "Newest tick that passed every stage.", ("partition",),
        kind=Kind.INSTANT,
    ),
)  # fmt: skip
"""`watermark` and `heartbeat` come from merge."""
