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
    planned(gauge(
        "longest_waiting_now", "Q1-Q6", "When the oldest open queue stay began.", kind=Kind.INSTANT
    )),
    derived("asa", "Q1", "Mean wait of answered stays.", "queue_wait_time"),
    count("queue_offered", "Q6", "Stays in a queue that began."),
    count("queue_abandoned", "Q6", "Stays that the customer left unanswered."),
    count("short_abandons", "Q6", "Of these, within the short_abandon of the channel's profile."),
    planned(ratio(
        "abandonment_rate", "Q6", "Abandoned stays, of those offered; short abandons left out."
    )),
    planned(ratio(
        "service_level", "Q1-Q6",
        "Stays answered within a time, of these, of abandoned ones and of waits that reached it.",
        ("within",),
    )),
    planned(duration(
        "handle_time", "", "What people spent on one contact, by how it was measured.",
        ("method",), sisters=("agent",),
    )),
    derived("aht", "", "Mean handle time.", "handle_time"),
    planned(spread("occupancy", "", "Available time with a contact, of all.", "ppm")),
    planned(spread("slot_utilisation", "", "Active chats, of those agents may have.", "ppm")),
    planned(gauge("ewt", "", "Expected wait of a customer who comes now.")),
    planned(count(
        "agent_non_response", "", "Contacts offered to an agent and not accepted.",
        sisters=("agent",),
    )),
    planned(gauge("agents", "", "Agents by what they are doing.", ("state",))),
    planned(duration("time_in_state", "", "Time of agents in a state.", ("state",))),
    planned(count(
        "handled_sessions", "R18", "Sessions in which a person did something, once per person.",
        sisters=("agent",),
    )),
)  # fmt: skip
