"""Quality: ratings, sentiment, and whether customers come back."""

from typing import Final

from carewatch.domain.metric import (
    DAY_MS,
    Metric,
    cohort,
    count,
    daily,
    derived,
    planned,
    ratio,
    spread,
)

METRICS: Final[tuple[Metric, ...]] = (
    ratio(
        "csat_top2", "R11",
        "Ratings in the top 40 % of their scale, of all; of effort and loyalty none.",
        sisters=("agent", "tag", "topic"),
    ),
    spread(
        "csat_mean", "R11", "The same ratings on a scale of 0 to 1000.", "permille",
        sisters=("agent", "tag", "topic"),
    ),
    cohort(
        ratio("csat_response_rate", "R11", "Surveys answered within 7 days, of all sent."),
        7 * DAY_MS,
    ),
    count(
        "sentiment", "R8", "Scored messages of customers by their mood and the model that says so.",
        ("label", "model"), sisters=("topic",),
    ),
    count(
        "sentiment_by_customer", "R8",
        "One vote per customer and session, at its end: the mood of most of the scored messages.",
        ("label", "model"),
    ),
    derived("sentiment_trend", "", "Net sentiment of an hour less its own baseline.", "sentiment"),
    derived(
        "voc_matrix", "W7", "Topics by volume, mood, ratings and repeated contact.",
        "labelled_sessions", "sentiment", "csat_top2", "repeat_contact_rate",
    ),
    daily(
        ratio(
            "fcr", "W7",
            "Cases resolved by their first session, in one team, without another contact on the "
            "topic, all within 7 days of the opening, of all first sessions resolved in that time.",
        ),
        7 * DAY_MS,
    ),
    daily(
        ratio(
            "repeat_contact_rate", "W7",
            "Sessions of customers who began another one up to 7 days before, of all that no agent "
            "began; by topic those that ended.",
            sisters=("topic",),
        ),
        7 * DAY_MS,
    ),
    daily(
        ratio(
            "retention_rate", "W7",
            "Customers who wrote on a day and again within 90 days, of all who wrote then.",
        ),
        90 * DAY_MS,
    ),
    planned(spread("effort", "", "Turns, transfers and repeated questions of a session.")),
)  # fmt: skip
