"""Messages: what each means by who wrote it, and what it counts in (2.3, R8, R12, R18, R21)."""

from typing import Final, assert_never

from carewatch.domain import (
    actions,
    after_hours,
    bots,
    contacts,
    handling,
    obligations,
    queues,
    sessions,
    turns,
)
from carewatch.domain.conversation import Step
from carewatch.domain.events import Author, Message
from carewatch.domain.facts import Tally

COUNTED_AS: Final = {
    Author.CUSTOMER: "customer",
    Author.PERSON: "agent",
    Author.NOTE: "agent",
    Author.BOT: "bot",
    Author.AUTO: "auto",
    Author.SYSTEM: "system",
}
"""The label `author` of the metric `messages`."""


def write(step: Step, event: Message) -> None:
    """A message was written; each author's means something else (2.3)."""
    match event.author:
        case Author.CUSTOMER:
            _customer_wrote(step, event)
        case Author.PERSON:
            _person_wrote(step, event)
        case Author.BOT:
            _bot_wrote(step, event)
        case Author.NOTE:
            obligations.note_written(step, event.agent)
            if step.state.session is not None:
                handling.wrote(step, step.state.session, event.agent)
        case Author.AUTO | Author.SYSTEM:
            pass
        case _:
            assert_never(event.author)
    if event.stamped is not None:
        step.count_event("negative_clamped")
    _count_message(step, event)


def _count_message(step: Step, event: Message) -> None:
    """In volume unless it was deleted; as a part of the session whatever became of it (R19)."""
    session = step.state.session
    by_person = event.author is Author.PERSON
    if session is not None and event.direction != "internal":
        session.messages += 1
        session.replies += by_person
    if event.deleted:
        return
    agent = (event.agent or "unknown") if by_person else None
    if agent is not None:
        turns.count_burst(step, agent)
    extra = (event.direction, COUNTED_AS[event.author])
    step.say(Tally(step.labels(agent=agent), "messages", step.at, extra))


def _needs_reply(step: Step, event: Message) -> bool:
    """As the message or somebody later says, else as the profile says; some never do (R8)."""
    if event.never_asks:
        return False
    return step.profile.needs_reply if event.asks is None else event.asks


def _customer_wrote(step: Step, event: Message) -> None:
    state = step.state
    needs_reply = _needs_reply(step, event)
    if needs_reply:
        sessions.open_session(step, by="customer")
        if state.status in ("pending", "snoozed"):
            sessions.change_state(step, "open")
    sessions.note_author(step, "customer")
    if state.session is not None:
        state.last_public_at = step.at
    if needs_reply:
        obligations.customer_asked(step)
        state.bot_owes = True
        if turns.open_turn(step, event.key) and not (state.session and state.session.person_wrote):
            queues.wait(step)
    actions.wrote(step, event.key)
    contacts.wrote(step)
    if event.language is not None:
        state.language = event.language
    if not event.deleted:
        after_hours.asked(step)
        if event.form == "choice":
            step.count("quick_replies_clicked")


def _person_wrote(step: Step, event: Message) -> None:
    state = step.state
    agent = event.agent or "unknown"
    state.last_replier = agent
    if event.form == "template" and not event.deleted:
        step.count("quick_replies_sent")
    after_hours.nobody_left(step)
    obligations.person_replied(step, agent)
    actions.act(step, agent)
    if sessions.is_after_word(step):
        return
    session = sessions.open_session(step, by="agent")
    sessions.note_author(step, "agent")
    handling.wrote(step, session, agent)
    obligations.person_updated(step, agent)
    state.last_public_at = step.at
    state.bot_owes = False
    sessions.people_take(step)
    if session.unanswered_handoff_at is not None:
        step.sample("first_response_after_handoff", session.unanswered_handoff_at, agent=agent)
        session.unanswered_handoff_at = None
    if state.assigned_at is not None and event.agent == state.agent:
        step.sample("reply_time_from_assignment", state.assigned_at, agent=agent)
        state.assigned_at = None
    turns.answer(step, agent)
    queues.answered(step, agent)
    session.person_wrote = True
    state.person_in_case = True


def _bot_wrote(step: Step, event: Message) -> None:
    state = step.state
    session = state.session
    if not event.deleted:
        bots.wrote(step, fallback=event.fallback)
    if session is None or event.direction != "outbound":
        return
    state.last_public_at = step.at
    bots.takes_part(step, session)
    after_hours.bot_answered(step)
    turns.answer_any(step, event.agent)
    obligations.bot_replied(step, event.agent)
    if not (session.person_wrote or session.handed_to_people or state.agent is not None):
        sessions.bot_takes(step)
    state.bot_owes = False
