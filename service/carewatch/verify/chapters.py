"""Everything that is counted or measured of one conversation, chapter by chapter."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from carewatch.verify.bots import bots, out_of_hours
from carewatch.verify.days import days
from carewatch.verify.flow import flow
from carewatch.verify.handled import HandleTime, let_pass, served, taking_part
from carewatch.verify.kept import clean, pauses
from carewatch.verify.replying import actions, replies, within
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Count
from carewatch.verify.story import Story
from carewatch.verify.topics import labelled, labels, ratings, sentiment

_PARTS = {
    "turns_opened": ("response_rate", 0, 1),
    "turns_answered_24h": ("response_rate", 1, 0),
    "messages_answered": ("message_response_rate", 1, 0),
}
"""Rates that are two counts: what each counted thing adds to n and d."""


def _rates(counts: Iterable[Count]) -> Iterator[Count]:
    for one in counts:
        if one.metric in _PARTS:
            metric, n, d = _PARTS[one.metric]
            yield replace(one, metric=metric, n=n, d=d)


def chapters(story: Story, records: Sequence[dict[str, Any]], books: Rulebooks) -> list[Count]:
    """Every count of a story; `records` are its SLA transitions."""
    moments, gone, clock = story.moments, story.gone, story.clock
    if not moments:
        return []  # nothing that was told has an effect
    return [
        *story.counts,
        *_rates(story.counts),
        *flow(moments, days(books)),
        *replies(moments, gone),
        *actions(moments, books),
        *within(moments, clock, books),
        *labels(moments),
        *labelled(moments),
        *sentiment(moments, gone),
        *ratings(moments),
        *bots(moments, gone),
        *out_of_hours(moments, gone, books),
        *taking_part(moments),
        *let_pass(moments),
        *HandleTime(moments, story.sessions, books).counts,
        *served(story.stays, moments, clock, books),
        *clean(moments, records),
        *pauses(moments, records, books),
    ]
