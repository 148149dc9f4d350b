"""What the customer stage hears of a conversation (W7): what its customer did, and the sessions.

Told where the session is told, so that both have one instant and are taken back together. All of a
session is its customer's when it opened, whoever the conversation turns out to be with: an opening
without an end would be one that never ends. Of a customer whom nobody names, nothing is told.
"""

from typing import Final

from carewatch.domain.conversation import Session, Step
from carewatch.domain.days import days_of
from carewatch.domain.facts import NONE, Act, Contact, Labels, Mark

BAD_BELOW: Final = 400
"""A rating below this place on the scale from 0 to 1000 is a bad one: the lower two of five."""

RATED: Final = "rated"
"""Begins the names under which ratings can be taken back."""


def wrote(step: Step) -> None:
    """The customer wrote; told once a local day of the tenant, whatever becomes of the message."""
    state = step.state
    if state.customer is None:
        return
    wrote_on = days_of(step.books).day(step.tenant, step.at).start, state.customer, state.channel
    if state.wrote_on != wrote_on:
        state.wrote_on = wrote_on
        _tell(step, _contact(step, "wrote", of=state.customer))


def session_opened(step: Step, *, reopened: bool, by_agent: bool) -> None:
    """A session began; what a person began is no contact of the customer (E6)."""
    marks: tuple[Mark, ...] = ("by_agent",) if by_agent else ()
    step.state.contact_of = step.state.customer
    _tell(step, _contact(step, "reopened" if reopened else "opened", marks=marks))


def bot_takes_part(step: Step) -> None:
    """The session has a message of a bot."""
    _tell(step, _contact(step, "bot"))


def session_ended(step: Step, session: Session, *, resolved: bool, contained: bool) -> None:
    """The session ended, about these topics."""
    named: tuple[tuple[Mark, bool], ...] = (
        ("contained", contained),
        ("transferred", session.passed_on),
    )
    marks = tuple(mark for mark, holds in named if holds)
    act: Act = "resolved" if resolved else "closed"
    _tell(step, _contact(step, act, topics=step.state.topics, marks=marks))


def rating(step: Step, score: int) -> Contact | None:
    """What is to be told of the customer who rates the session."""
    return _contact(step, "rated", marks=("bad",) if score < BAD_BELOW else ())


def _tell(step: Step, contact: Contact | None) -> None:
    if contact is not None:
        step.say(contact)


def _contact(
    step: Step,
    act: Act,
    *,
    topics: tuple[str, ...] = (),
    marks: tuple[Mark, ...] = (),
    of: str | None = None,
) -> Contact | None:
    state = step.state
    customer = of or state.contact_of
    if customer is None:
        return None
    labels = Labels(
        *(state.channel, state.account, NONE, NONE, "normal", None),
        customer,
        state.sessions,
    )
    return Contact(labels, act, step.at, topics, marks)
