"""What conversations are about, and in what mood: tags, topics, language, sentiment.

Tags come from people, rules and the source; topics, language and mood from models that read the
messages elsewhere and annotate them.
"""

from typing import Final

from msgspec.structs import replace

from carewatch.domain.conversation import Session, Step
from carewatch.domain.episodes import MOODS_KEPT, Mood
from carewatch.domain.events import Annotated, Author, Note
from carewatch.domain.facts import Tally

TOPICS_KEPT: Final = 16
"""So many topics of one case are known; more say nothing about what it is about."""
_ELSEWHERE: Final = ("merged", "spam")
"""Sessions that end so are not over, or never were one."""


def retag(step: Step, after: tuple[str, ...]) -> None:
    """The tags are others; only what really changed counts, a tag that goes as one less."""
    before, step.state.tags = step.state.tags, after
    labels = step.labels()
    for tag in after:
        if tag not in before:
            step.say(Tally(labels, "labels", step.at, tags=(tag,)))
    for tag in before:
        if tag not in after:
            step.say(Tally(labels, "labels", step.at, amount=-1, tags=(tag,)))


def annotated(step: Step, event: Annotated) -> None:
    """A model says something of a message that is known; the mood of customers only."""
    if event.of is None:
        return
    for note in event.notes:
        if note.kind == "topic":
            _is_about(step, note.label)
        elif note.kind == "language" and event.of is Author.CUSTOMER:
            step.state.language = note.label
    if event.of is Author.CUSTOMER and not event.deleted:
        for note in event.notes:
            if note.kind == "sentiment":
                _felt(step, note)


def session_ended(step: Step, session: Session, ending: str) -> None:
    """What a session was about, and one vote of its customer on the mood, at its end.

    The vote is the mood of most of the scored messages, of as many the one that came last.
    """
    if ending in _ELSEWHERE:
        return
    state, labels = step.state, step.labels()
    tags, topics = state.tags, state.topics
    if tags or topics:
        step.say(Tally(labels, "labelled_sessions", step.at, tags=tags, topics=topics))
    step.say(Tally(labels, "untagged_rate", step.at, amount=int(not tags), of=1))
    if session.moods:
        mood = max(reversed(session.moods), key=lambda mood: mood.times)
        step.say(Tally(labels, "sentiment_by_customer", step.at, (mood.label, mood.model)))


def _is_about(step: Step, topic: str) -> None:
    topics = step.state.topics
    if topic not in topics and len(topics) < TOPICS_KEPT:
        step.state.topics = tuple(sorted((*topics, topic)))


def _felt(step: Step, note: Note) -> None:
    extra = (note.label, note.model)
    step.say(Tally(step.labels(), "sentiment", step.at, extra, topics=step.state.topics))
    session = step.state.session
    if session is None:
        return
    mine = next((one for one in session.moods if (one.label, one.model) == extra), None)
    others = tuple(one for one in session.moods if one is not mine)
    if mine is not None:
        session.moods = (*others, replace(mine, times=mine.times + 1))
    elif len(others) < MOODS_KEPT:
        session.moods = (*others, Mood(*extra, times=1))
