"""What customers say of a contact, and how many do when they are asked (R11).

A rating counts when it is given; asked and answered count at the asking, so that the rate of a
day is final a week later. Who names a survey again changes the rating given before.
"""

from typing import Final

from msgspec.structs import replace

from carewatch.domain import contacts
from carewatch.domain.conversation import Step
from carewatch.domain.episodes import SURVEYS_KEPT, Survey
from carewatch.domain.events import Rated, Surveyed
from carewatch.domain.facts import Labels, Result, Tally

ANSWERED_WITHIN_MS: Final = 7 * 24 * 3_600_000
"""A survey counts as answered for a week."""
_TOP2: Final = "csat_top2"
_MEAN: Final = "csat_mean"
_RATE: Final = "csat_response_rate"


def asked(step: Step, event: Surveyed) -> None:
    """A survey was sent; the same survey sent again is still one."""
    state = step.state
    if event.survey is not None and any(one.key == event.survey for one in state.surveys):
        return
    sent = Survey(event.survey, step.at, _labels(step, state.last_replier))
    state.surveys = (*state.surveys[1 - SURVEYS_KEPT :], sent)
    step.say(Tally(sent.labels, _RATE, step.at, amount=0, of=1))


def rated(step: Step, event: Rated) -> None:
    """A rating: of the last person who replied before the survey, else before the rating (R11).

    Where nobody replied, it is about whom the source names, else about nobody.
    """
    state = step.state
    sent = _answers(step, event)
    agent = sent.labels.agent if sent is not None else state.last_replier
    labels = _labels(step, agent or event.agent)
    tags, topics = state.tags, state.topics
    top = Tally(labels, _TOP2, step.at, (), int(event.top), 1, tags=tags, topics=topics)
    mean = Tally(labels, _MEAN, step.at, (), event.score, tags=tags, topics=topics)
    contact = contacts.rating(step, event.score)
    for name, result in ((_TOP2, top), (_MEAN, mean), (contacts.RATED, contact)):
        _tell(step, name, result, event.survey)


def _tell(step: Step, name: str, result: Result | None, survey: str | None) -> None:
    """Tells a rating instead of the one given to the survey before. The same of the same instant
    is told once, as it is where the two arrive the other way round."""
    kept_as = f"{name}:{survey}"
    kept = step.state.withdrawable.get(kept_as)
    if kept is not None and kept.result == result:
        return
    step.take_back(kept_as)
    if result is not None:
        step.say(result, keep=None if survey is None else kept_as)
    _forget_oldest(step, name)


def _answers(step: Step, event: Rated) -> Survey | None:
    """The survey that is answered: of that name, else the newest that nobody has answered."""
    surveys = step.state.surveys
    for sent in reversed(surveys):
        if sent.key == event.survey if event.survey is not None else not sent.answered:
            break
    else:
        return None
    if not sent.answered:
        if step.at - sent.sent_at <= ANSWERED_WITHIN_MS:
            step.say(Tally(sent.labels, _RATE, sent.sent_at, amount=1, of=0))
        done = replace(sent, answered=True)
        step.state.surveys = tuple(done if one is sent else one for one in surveys)
    return sent


def _forget_oldest(step: Step, kind: str) -> None:
    """Ratings older than the newest few are final."""
    kept = [name for name in step.state.withdrawable if name.startswith(f"{kind}:")]
    for name in kept[:-SURVEYS_KEPT]:
        step.forget(name)


def _labels(step: Step, agent: str | None) -> Labels:
    """The labels now, of nobody where nobody replied: the assignee has nothing to do with it."""
    return replace(step.labels(), agent=agent)
