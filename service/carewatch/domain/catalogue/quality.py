"""Quality: ratings, sentiment, and whether customers come back."""

from typing import Final

from carewatch.domain.metric import (
    DAY_MS,
    Metric,
    cohort,
    count,
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
    planned(count("voc_matrix", "W7", "Topics by volume, mood, ratings and repeated contact.")),
    planned(cohort(
        ratio("fcr", "W7", "Resolved at the first contact, of those resolved."), 7 * DAY_MS
    )),
    planned(ratio(
        "repeat_contact_rate", "W7", "Sessions of customers who had one within 7 days, of all."
    )),
    planned(ratio("retention_rate", "W7", "Customers kept over a month.")),
    planned(spread("effort", "", "Turns, transfers and repeated questions of a session.")),
)  # fmt: skip
