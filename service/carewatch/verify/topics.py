"""What it was about, and what customers say of it: tags, topics, moods, ratings (5.3, 5.4)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from carewatch.verify.instants import DAY
from carewatch.verify.sayings import SATISFACTION, score
from carewatch.verify.state import Count, Moment
from carewatch.verify.visits import Visit, said, visits, writer

SATISFIED = 600
"""The top 40 % of a scale begin here."""

ANSWERED_WITHIN = 7 * DAY
ELSEWHERE = ("merged", "spam")
"""Ends of sessions that are not over, or never were one."""


def labels(moments: list[Moment]) -> Iterator[Count]:
    """Tags put on, less tags taken off: only those that really change."""
    before: frozenset[str] = frozenset()
    for one in moments:
        if not one.heard:
            before = one.tags
        for tag in sorted(one.tags - before):
            yield Count("labels", one.at, one.labels, tags=frozenset({tag}))
        for tag in sorted(before - one.tags):
            yield Count("labels", one.at, one.labels, n=-1, tags=frozenset({tag}))
        before = one.tags


def labelled(moments: list[Moment]) -> Iterator[Count]:
    """Sessions by what they were about, at their end; those merged or spam aside."""
    for one in visits(moments):
        if one.end is None or one.end in ELSEWHERE:
            continue
        last = one.last
        if last.tags or last.topics:
            yield Count(
                "labelled_sessions", last.at, last.labels, tags=last.tags, topics=last.topics
            )
        yield Count("untagged_rate", last.at, last.labels, n=int(not last.tags), d=1)


@dataclass(frozen=True, slots=True)
class Mood:
    """What a model found in a message of a customer, and the moment in which it said so."""

    moment: Moment
    label: str
    model: str


def moods(moments: list[Moment], gone: set[str]) -> list[Mood]:
    """The moods of customers' messages that stand, in the order in which they were told."""
    return [
        Mood(one, note["label"], _model(note))
        for one in moments
        if one.note_of == "customer" and said(one, "key") not in gone
        for note in one.notes
        if note["kind"] == "sentiment"
    ]


def _model(note: dict[str, str]) -> str:
    named = note.get("model") or "none"
    return f"{named}@{note['model_version']}" if note.get("model_version") else named


def sentiment(moments: list[Moment], gone: set[str]) -> Iterator[Count]:
    """Messages by mood, and one vote per session at its end."""
    found = moods(moments, gone)
    for one in found:
        now = one.moment
        yield Count("sentiment", now.at, now.labels, _mood(one), topics=now.topics)
    for visit in visits(moments):
        vote = _vote(visit, found)
        if visit.end is not None and vote is not None:
            yield Count("sentiment_by_customer", visit.last.at, visit.last.labels, _mood(vote))


def _mood(one: Mood) -> tuple[tuple[str, str], ...]:
    return (("label", one.label), ("model", one.model))


def _vote(visit: Visit, found: list[Mood]) -> Mood | None:
    """The mood that most of the scored messages had; of as many, the one that came last."""
    # By the moments, not by their instants: in the one of the end more may be said after it.
    mine = [one for one in found if any(one.moment is now for now in visit.moments)]
    if not mine or visit.end in ELSEWHERE:
        return None
    votes = Counter(_mood(one) for one in mine)
    return max(enumerate(mine), key=lambda pair: (votes[_mood(pair[1])], pair[0]))[1]


@dataclass(slots=True)
class Survey:
    """A customer was asked: when, what to think of whom, and whether there was an answer."""

    key: str | None
    asked: Moment
    of: str | None
    answered: bool = False


def ratings(moments: list[Moment]) -> Iterator[Count]:
    """Ratings, the last one of each survey, and surveys that were answered (R11)."""
    surveys: list[Survey] = []
    given: dict[str, list[Count]] = {}
    person: str | None = None
    for number, one in enumerate(moments):
        if writer(one) == "person":
            person = one.agent
        if one.event is None or not one.heard:
            continue
        csat = one.event.section("csat")
        key, asks = csat.get("survey_key"), csat.get("instrument") in SATISFACTION
        if one.event.type == "care.conversation.survey_requested" and asks:
            if key is None or all(other.key != key for other in surveys):
                surveys.append(Survey(key, one, person))
                yield Count("csat_response_rate", one.at, one.labels, n=0, d=1)
        elif one.event.type == "care.conversation.rated" and rated(one) is not None:
            survey = _answered(surveys, key)
            if survey is not None and not survey.answered:
                survey.answered = True
                asked = survey.asked
                if one.at - asked.at <= ANSWERED_WITHIN:
                    yield Count("csat_response_rate", asked.at, asked.labels, told=one.at)
            agent = survey.of if survey is not None else person
            agent = agent or csat.get("rated_agent")
            given[key or f"nameless {number}"] = list(_rating(one, agent))
    for counts in given.values():
        yield from counts


def _answered(surveys: list[Survey], key: str | None) -> Survey | None:
    """The survey of that name; of a nameless answer the newest that nobody has answered."""
    for one in reversed(surveys):
        if one.key == key if key is not None else not one.answered:
            return one
    return None


def _rating(one: Moment, agent: str | None) -> Iterator[Count]:
    found = rated(one) or 0
    mean = Count(
        "csat_mean", one.at, one.labels, n=found, agent=agent, tags=one.tags, topics=one.topics
    )
    yield mean
    yield replace(mean, metric="csat_top2", n=int(found >= SATISFIED), d=1)


def rated(moment: Moment) -> int | None:
    """The rating from 0 to 1000; None if the moment brings none of satisfaction."""
    return None if moment.event is None else score(moment.event)
