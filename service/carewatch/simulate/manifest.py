"""The manifest: what a correct pipeline must have counted, as one JSON document.

Totals are net of withdrawals and cover the time since the start of the run: queues and priorities
are added up. A series that is not listed must stand at 0.
"""

from typing import Any, Final

from carewatch.simulate.sending import Answers
from carewatch.simulate.tally import DISTRIBUTIONS
from carewatch.simulate.traffic import Traffic
from carewatch.simulate.written import rfc3339

VERSION: Final = 1

STATED: Final = (
    "messages",
    "conversations",
    "first_response_time",
    "first_response_time_any",
    "reply_time",
    "queue_wait_time",
    "sla_evaluations",
    "sla_breaches",
    "duplicate_events",
    "dead_events",
    "late_events",
    "clamped_future",
    "negative_clamped",
)
"""Metrics of which the manifest states every series; of the others it says nothing."""

STATED_TRANSITIONS: Final = ("opened", "reopened", "resolved")
"""Of `conversations`: an idle session closes long after the run, so that is left open."""


def manifest_of(traffic: Traffic, answers: Answers | None = None) -> dict[str, Any]:
    """The manifest of a traffic that was iterated to its end, and sent if there are `answers`.

    After `settled_at` every deadline has passed and every request was answered. A repeated attempt
    may have been stored the first time as well: up to `repeated` more duplicates are then right.
    """
    promise = traffic.plan.promise
    settled_ms = max(traffic.settled_ms, answers.last_ms + 1000 if answers else 0)
    return {
        "version": VERSION,
        "seed": traffic.plan.seed,
        "rate": traffic.plan.rate,
        "started_at": rfc3339(traffic.plan.start_ms),
        "settled_at": rfc3339(settled_ms),
        "settled_at_ms": settled_ms,
        "promise": {
            "policy": promise.policy,
            "first_reply_ms": promise.first_reply_ms,
            "next_reply_ms": promise.next_reply_ms,
        },
        "conversations": traffic.conversations,
        "requests": {
            "total": traffic.answers.total(),
            "by_status": {
                str(status): traffic.answers[status] for status in sorted(traffic.answers)
            },
            "dead_letters": traffic.dead_letters,
            "repeated": answers.retried if answers else 0,
        },
        "stated": list(STATED),
        "transitions": list(STATED_TRANSITIONS),
        "expected": [
            {
                "tenant": series.tenant,
                "channel": series.channel,
                "metric": series.metric,
                "labels": dict(series.labels),
                "count": sum_.count,
                **({"sum_ms": sum_.sum_ms} if series.metric in DISTRIBUTIONS else {}),
            }
            for series, sum_ in traffic.tally
        ],
    }
