"""Queues, voice and agents."""

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

METRICS: Final[tuple[Metric, ...]] = (
    gauge("queue_length", "Q1-Q6", "Open queue stays."),
    gauge(
        "longest_waiting_now", "Q1-Q6", "When the oldest open queue stay began; a call to be "
        "returned has left the queue.", kind=Kind.INSTANT,
    ),
    derived("asa", "Q1", "Mean wait of answered stays.", "queue_wait_time"),
    count("queue_offered", "Q6", "Stays in a queue that began."),
    count("queue_abandoned", "Q6", "Stays that the customer left unanswered."),
    count("short_abandons", "Q6", "Of these, within the short_abandon of the channel's profile."),
    ratio(
        "abandonment_rate", "Q6", "Abandoned stays, of those offered; short abandons left out."
    ),
    ratio(
        "service_level", "Q1-Q6",
        "Stays answered within a time, of these, of those given up before (not at once) and of "
        "waits that lasted longer.",
        ("within",),
    ),
    duration(
        "handle_time", "R16",
        "What people spent on one contact: `activity`, `agent_work` or `open` at a session's end "
        "by the profile of the account, `phases` or `summary` of a call.",
        ("method",), sisters=("agent",),
    ),
    derived("aht", "", "Mean handle time.", "handle_time"),
    planned(spread("occupancy", "", "Available time with a contact, of all.", "ppm")),
    planned(spread("slot_utilisation", "", "Active chats, of those agents may have.", "ppm")),
    planned(gauge("ewt", "", "Expected wait of a customer who comes now.")),
    count(
        "agent_non_response", "R12", "Calls offered to an agent and not taken, once per offer.",
        sisters=("agent",),
    ),
    planned(gauge("agents", "", "Agents by what they are doing.", ("state",))),
    planned(duration("time_in_state", "", "Time of agents in a state.", ("state",))),
    count(
        "handled_sessions", "R16",
        "Sessions in which a person wrote, noted, changed the state or took a call, once per "
        "person.",
        sisters=("agent",),
    ),
)  # fmt: skip
