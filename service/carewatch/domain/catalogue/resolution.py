"""Resolution, backlog and flow."""

from typing import Final

from carewatch.domain.metric import (
    DAY_MS,
    HOUR_MS,
    Kind,
    Metric,
    cohort,
    count,
    derived,
    duration,
    gauge,
    ratio,
    spread,
)

BACKLOG_STATES: Final = (
    *("new", "bot", "queued", "open", "pending", "snoozed"),
    *("unassigned", "unattended", "workable", "snoozed_due"),
)
"""The label `state` of `open_conversations`: lifecycle states first, then what people look for."""

METRICS: Final[tuple[Metric, ...]] = (
    duration("resolution_time_first", "R22", "Case opened to its first resolution."),
    duration("resolution_time_full", "R22", "Case opened to its last resolution so far."),
    duration(
        "human_resolution_time", "R22", "Last hand-off to people to the resolution.",
        sisters=("agent",),
    ),
    duration("requester_wait_time", "E18", "Session's time in new, bot, queued, open, snoozed."),
    duration("agent_work_time", "E18", "Time of a session in new, queued or open."),
    duration("agent_wait_time", "E18", "Time of a session in pending."),
    duration("on_hold_time", "E18", "Time of a session in snoozed."),
    cohort(
        ratio("resolution_rate", "R16", "Sessions resolved within 7 days, of those opened."),
        7 * DAY_MS,
    ),
    ratio("flow_ratio", "R16", "Resolved, of opened in the same window; may exceed one."),
    count("resolutions", "R16", "Resolutions, every one."),
    count(
        "resolved_conversations", "R16", "Conversations resolved that day, each once.",
        windows=("1d",),
    ),
    count(
        "resolved_customers", "R16, W7", "Customers with a resolution that day, each once.",
        windows=("1d",),
    ),
    cohort(ratio("reopen_rate", "R13", "Resolutions that were reopened, of all."), 72 * HOUR_MS),
    ratio(
        "one_touch_rate", "R16",
        "Resolved with exactly one public message of a person, of those resolved.",
    ),
    gauge(
        "open_conversations", "R12, R16, E18, W10",
        "Open sessions by lifecycle state; also unassigned, unattended and workable ones, and those"
        " whose snooze ends within an hour.",
        ("state",), sisters=("agent",),
    ),
    gauge(
        "backlog_age", "R12, W10", "Open sessions by how long they have been open.",
        kind=Kind.AGES,
    ),
    gauge("oldest_open", "R12", "When the oldest open session opened.", kind=Kind.INSTANT),
    count("net_flow", "R12, R16", "Sessions opened less sessions resolved."),
    derived(
        "time_to_clear", "R16", "Open sessions divided by resolutions per hour.",
        "open_conversations", "resolutions",
    ),
    count("transfers", "E16", "Assignments that change queue or team."),
    spread("hops_per_session", "E16", "Transfers of a session, at its end."),
    ratio("bounce_rate", "E16", "Transfers back to a queue or team visited before, of all."),
)  # fmt: skip
