"""What bots do: how many sessions they take part in, keep, hand over, and do not understand (R21).

A session is a bot session from the first public message of a bot on, and counts at that instant;
hand-off and containment count when they happen.
"""

from carewatch.domain import contacts
from carewatch.domain.conversation import Session, Step
from carewatch.domain.facts import Tally

_ENDS_CONTAINED = ("resolved", "closed", "idle", "deleted")
"""How a session can end that nobody but the bot had; merged, it goes on elsewhere."""


def wrote(step: Step, *, fallback: bool | None) -> None:
    """A bot wrote to the customer; `fallback` when it says whether it did not understand.

    A step of a bot that says nothing about it counts neither as understood nor as not.
    """
    step.count("bot_messages")
    if fallback is not None:
        step.say(Tally(step.labels(), "fallback_rate", step.at, amount=int(fallback), of=1))


def takes_part(step: Step, session: Session) -> None:
    """The session has a message of a bot."""
    if session.bot_wrote:
        return
    session.bot_wrote = True
    contacts.bot_takes_part(step)
    labels = step.labels()
    step.say(Tally(labels, "bot_sessions", step.at))
    step.say(Tally(labels, "bot_containment", step.at, amount=0, of=1))
    handed = int(session.handed_to_people)
    step.say(Tally(labels, "bot_handoff_rate", step.at, amount=handed, of=1))


def handed_off(step: Step, session: Session) -> None:
    """The session is handed to people; once per session."""
    if session.bot_wrote and not session.handed_to_people:
        step.say(Tally(step.labels(), "bot_handoff_rate", step.at, amount=1, of=0))


def is_contained(session: Session, ending: str) -> bool:
    """Contained is what ended without hand-off and person, written or assigned."""
    people = session.handed_to_people or session.person_wrote or session.had_agent
    return session.bot_wrote and not people and ending in _ENDS_CONTAINED


def session_ended(step: Step, session: Session, ending: str) -> None:
    """A session that the bot kept to itself counts at its end."""
    if is_contained(session, ending):
        step.say(Tally(step.labels(), "bot_containment", step.at, amount=1, of=0))
