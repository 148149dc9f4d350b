"""Response: how long customers wait, and whether they are answered."""

from typing import Final

from carewatch.domain.metric import (
    DAY_MS,
    Kind,
    Metric,
    cohort,
    count,
    duration,
    gauge,
    ratio,
    spread,
)

METRICS: Final[tuple[Metric, ...]] = (
    duration(
        "first_response_time", "R14, R18",
        "First unanswered message of a new contact to the first public message of a person.",
        sisters=("agent",),
    ),
    duration(
        "first_response_time_any", "E2",
        "First unanswered message of a new contact to the first public message of bot or person.",
    ),
    duration(
        "first_response_after_handoff", "E2, E3",
        "First hand-off to people not yet answered to the first public message of a person.",
        sisters=("agent",),
    ),
    duration(
        "reply_time", "R18",
        "Every turn: oldest unanswered message to the reply of a person.",
        sisters=("agent",),
    ),
    duration(
        "next_reply_time", "R18", "Turns that are not the first of a contact.", sisters=("agent",)
    ),
    gauge(
        "waiting_conversations", "R18, R21",
        "Conversations with an open turn that people must answer.",
        sisters=("agent",),
    ),
    gauge(
        "oldest_unanswered", "R18, R21",
        "Start of the oldest open turn that people must answer.",
        kind=Kind.INSTANT, sisters=("agent",),
    ),
    gauge(
        "open_wait_age", "R21, W10",
        "Open turns that people must answer, by how long they have been open.",
        kind=Kind.AGES,
    ),
    duration("customer_wait_total", "R18", "Waits of a session that were answered, at its end."),
    duration(
        "time_to_assignment", "E6",
        "First hand-off to people, else the session's opening, to the first assigned agent.",
    ),
    duration(
        "reply_time_from_assignment", "E16",
        "Assignment to an agent to that agent's first public message while still assigned.",
        sisters=("agent",),
    ),
    duration(
        "queue_wait_time", "Q1-Q6", "One stay in a queue, from entering to leaving.", ("outcome",)
    ),
    cohort(count("turns_opened", "R18", "Turns begun, less those that needed no reply."), DAY_MS),
    cohort(count("turns_answered_24h", "R18", "Of these, answered within 24 h."), DAY_MS),
    cohort(
        count("messages_answered", "E1", "Messages needing a reply that got one within 24 h."),
        DAY_MS,
    ),
    cohort(
        ratio("response_rate", "R18, R20", "Turns answered within 24 h, of those that began."),
        DAY_MS,
    ),
    cohort(
        ratio(
            "message_response_rate", "E1, R8, R19",
            "The same by message: answered, of those that need a reply.",
        ),
        DAY_MS,
    ),
    ratio(
        "within_target_rate", "R14, R18",
        "First replies within a time, of these and of the waits that reached it.",
        ("within",),
    ),
    count("reply_volume", "R18", "Public messages of persons.", sisters=("agent",)),
    count(
        "reply_turns", "R18", "Replies, a burst of one author within 60 s counted once.",
        sisters=("agent",),
    ),
    gauge("needs_reply", "R18", "Open turns, those that the bot has included."),
    count("marked_complete", "R20", "Turns that ended since no reply was needed."),
    ratio(
        "action_rate", "R8",
        "Messages of customers that people replied to, completed or tagged, of all.",
        sisters=("agent",),
    ),
    duration(
        "time_to_action", "R8", "Message of a customer to the first of these.", sisters=("agent",)
    ),
    spread("thread_size", "R12", "Public messages of a session, at its end."),
    spread("replies_to_resolution", "R16", "Public messages of persons, at a resolution."),
    count("closed_without_reply", "R20, E11", "Sessions resolved over an unanswered message."),
)  # fmt: skip
