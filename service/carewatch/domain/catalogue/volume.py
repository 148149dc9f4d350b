"""Volume, topics and bots."""

from typing import Final

from carewatch.domain.metric import (
    HOUR_MS,
    Metric,
    count,
    daily,
    derived,
    planned,
    ratio,
)

METRICS: Final[tuple[Metric, ...]] = (
    count(
        "messages", "2.3", "Messages by direction and class of author.", ("direction", "author")
    ),
    count("conversations", "R12-R16", "Session transitions.", ("transition",)),
    count(
        "unique_customers", "W7, E23", "Customers that wrote that day, each once.",
        windows=("1d",),
    ),
    derived("busiest_channels", "", "Channels ranked by their share of inbound sessions.",
            "conversations", "open_conversations"),
    count("labels", "R9", "Tags added less tags removed.", sisters=("tag",)),
    count(
        "labelled_sessions", "R9",
        "Sessions that ended with at least one tag or topic, not as merged or spam.",
        sisters=("tag", "topic"),
    ),
    ratio("untagged_rate", "R9", "Sessions without a tag, of those that ended likewise."),
    count("quick_replies_clicked", "", "Buttons of a bot that customers clicked."),
    count("quick_replies_sent", "", "Prepared answers that persons sent."),
    derived("heatmap", "", "Arrivals by local hour and weekday.", "conversations"),
    ratio(
        "out_of_hours_share", "C5",
        "Messages of customers outside the schedule of the queue, of all where there is one.",
    ),
    ratio(
        "out_of_hours_bot_rate", "C5, R21",
        "Of those outside the schedule, the ones that a bot was the first to answer.",
    ),
    planned(count("volume_anomaly", "", "Rate less its baseline, divided by the spread.")),
    planned(ratio(
        "call_deflection", "W7",
        "Callers offered messaging who accepted; no event says yet that it was offered.",
    )),
    count("bot_sessions", "R21", "Sessions with a message of a bot."),
    count("bot_messages", "R21", "Messages of bots."),
    ratio(
        "bot_containment", "R21",
        "Bot sessions that ended without hand-off and person, of all that began; says nothing of "
        "the outcome.",
    ),
    daily(
        ratio(
            "bot_resolution", "W7, R21",
            "Bot sessions contained, not rated badly, and without another contact of the customer, "
            "all within 72 h of the opening, of all bot sessions.",
        ),
        72 * HOUR_MS,
    ),
    ratio("bot_handoff_rate", "R21", "Bot sessions handed to people, once each, of all."),
    derived("handoff_wait", "E3", "The wait after a hand-off.", "first_response_after_handoff"),
    ratio(
        "fallback_rate", "R21",
        "Messages in which a bot says that it did not understand, of those that say either.",
    ),
)  # fmt: skip
