"""Sessions: when a contact opens, reopens and ends (R12-R17), and who has it."""

from typing import Final, Literal

from carewatch.domain import (
    actions,
    after_hours,
    bots,
    contacts,
    flow,
    handling,
    matters,
    obligations,
    queues,
    turns,
)
from carewatch.domain.conversation import Conversation, Session, Spent, Step
from carewatch.domain.episodes import all_over
from carewatch.domain.facts import SessionFact

Ending = Literal["resolved", "closed", "deleted", "merged", "idle", "spam"]

FULL: Final = "resolution_time_full"
"""The name under which the last resolution's sample can be taken back."""

SPENT_IN: Final = {
    "requester_wait_time": ("new", "bot", "queued", "open", "snoozed"),
    "agent_work_time": ("new", "queued", "open"),
    "agent_wait_time": ("pending",),
    "on_hold_time": ("snoozed",),
}
"""Per session: the lifecycle states whose time is added up."""

NO_REPLY_NEEDED: Final = frozenset({"no_reply_needed", "mark_complete", "marked_complete"})
"""Reasons of a resolution that say: this message needed no answer (R20)."""


def open_session(step: Step, *, by: Literal["customer", "agent"] | None) -> Session:
    """The open session, opened or reopened now if there is none (R12-R14).

    `by` names the author when a public message of customer or person opens it (R15).
    """
    state = step.state
    if state.session is not None:
        return state.session
    reopened = (
        state.ended_by == "resolved"
        and state.ended_at is not None
        and step.at - state.ended_at <= step.profile.reopen_within_ms
    )
    if not reopened:
        state.case_opened_at = step.at
        state.resolutions_in_case = 0
        state.person_in_case = False
        step.forget(FULL)
        state.topics = ()
        if not state.assigned_since_end:
            state.agent = None
            state.assigned_at = None
    else:
        # It was not the last resolution after all (R22).
        flow.reopened(step, step.take_back(FULL))
    state.sessions += 1
    state.session = session = Session(
        opened_at=step.at,
        new_contact=not (reopened and state.person_in_case),
        initiated_by=by,
        had_agent=state.agent is not None,
        state_since=step.at,
    )
    state.status = "open"
    state.bot_has = False
    state.bot_owes = False
    state.last_public_at = None
    handling.session_opened(step)
    actions.give_up(step)
    if not reopened:
        session.opened_as = step.labels()
    obligations.session_opened(step, reopened=reopened, by_agent=by == "agent")
    contacts.session_opened(step, reopened=reopened, by_agent=by == "agent")
    _tell(step, "reopened" if reopened else "opened", initiated_by=by)
    return session


def note_author(step: Step, by: Literal["customer", "agent"]) -> None:
    """The first public message of customer or person says who began the session (R15)."""
    session = step.state.session
    if session is not None and session.initiated_by is None:
        session.initiated_by = by


def is_after_word(step: Step) -> bool:
    """A person's message soon after a resolution is an after-word: counted, opens nothing (R12)."""
    state = step.state
    return (
        state.session is None
        and state.ended_by == "resolved"
        and state.ended_at is not None
        and step.at - state.ended_at <= step.profile.reopen_within_ms
    )


def end_session(
    step: Step,
    ending: Ending,
    *,
    reason: str | None = None,
    by_customer: bool = False,
    by_bot: bool = False,
    resolver: str | None = None,
) -> None:
    """Ends the open session (R16), its turn (R20), its queue stay (Q6) and its SLA clocks (S12).

    What a resolution says belongs to the agent who resolved, else to the assignee (R11).
    """
    state = step.state
    session = state.session
    if session is None:
        return
    if ending in ("deleted", "merged", "idle", "spam"):
        outcome: obligations.Given = ending
    elif reason in NO_REPLY_NEEDED:
        outcome = "no_reply_needed"
    elif state.bot_has:
        outcome = "contained"
    else:
        outcome = "closed_unanswered"
    obligations.session_ended(step, ending, outcome, resolver)
    queues.end_with_session(step, abandoned=by_customer or ending == "idle")
    unanswered = outcome == "closed_unanswered" and state.turn is not None
    if unanswered and ending == "resolved":
        step.count("closed_without_reply")
    turns.drop_turn(step, outcome)
    _sum_up(step, session)
    bots.session_ended(step, session, ending)
    matters.session_ended(step, session, ending)
    handling.session_ended(step, session, ending)
    after_hours.nobody_left(step)
    state.calls = all_over(state.calls)
    if ending == "resolved":
        if not (by_customer or by_bot or state.bot_has):
            actions.act(step, resolver)
        _resolved(step, session, resolver)
    actions.give_up(step)
    flow.ended(step, session, resolved=ending == "resolved")
    contained = bots.is_contained(session, ending)
    contacts.session_ended(step, session, resolved=ending == "resolved", contained=contained)
    transition: Literal["resolved", "closed", "merged"] = "resolved"
    if ending == "merged":
        transition = "merged"
    elif ending in ("deleted", "idle", "spam"):
        transition, reason = "closed", ending
    elif ending == "closed":
        transition = "closed"
    _tell(step, transition, reason=reason, initiated_by=session.initiated_by, agent=resolver)
    state.session = None
    state.status = transition
    state.ended_at = step.at
    state.ended_by = "resolved" if transition == "resolved" else ending
    state.initiated_by = session.initiated_by
    state.assigned_since_end = False
    state.bot_has = False
    state.bot_owes = False


def change_state(step: Step, to: str) -> None:
    """The lifecycle state of the open session is `to` from now on."""
    session = step.state.session
    if session is not None:
        _spend(step, session)
        if to == "pending":
            handling.pending(step, session)
    step.state.status = to


def _spend(step: Step, session: Session) -> None:
    if step.at == session.state_since:
        return  # a state that gives way at once misses no schedule (C5)
    was = step.state.status or "open"
    spent = session.spent.get(was, Spent()) + step.spent_since(session.state_since)
    session.spent = {**session.spent, was: spent}
    session.state_since = step.at


def _sum_up(step: Step, session: Session) -> None:
    """What the session took, by who had to act (measured at its end)."""
    _spend(step, session)
    if session.waits:
        step.sample("customer_wait_total", session.opened_at, spent=session.waited)
    for metric, states in SPENT_IN.items():
        spent = sum((session.spent.get(state, Spent()) for state in states), start=Spent())
        step.sample(metric, session.opened_at, spent=spent)


def _resolved(step: Step, session: Session, resolver: str | None) -> None:
    """The samples of a resolution; the full one stands until the case is reopened (R22)."""
    state = step.state
    opened = session.opened_at if state.case_opened_at is None else state.case_opened_at
    if state.resolutions_in_case == 0:
        step.sample("resolution_time_first", opened, agent=resolver)
    state.resolutions_in_case += 1
    step.sample("resolution_time_full", opened, agent=resolver, keep=FULL)
    if session.last_handoff_at is not None:
        step.sample("human_resolution_time", session.last_handoff_at, agent=resolver)


def close_resolved(step: Step, reason: str | None) -> bool:
    """A `closed` after `resolved` is told, and changes nothing else (R16). Says whether it was."""
    state = step.state
    if state.ended_by != "resolved" or state.status == "closed":
        return False
    state.status = "closed"
    _tell(step, "closed", reason=reason, initiated_by=state.initiated_by)
    return True


def may_idle(state: Conversation) -> bool:
    """Whether silence can end the open session: nobody else says when it ends (R17)."""
    return (
        state.session is not None
        and not state.has_lifecycle
        and state.role not in ("helpdesk", "contact_center")
    )


def idle_at(state: Conversation, gap: int | None) -> int | None:
    """When the open session would end by silence of `gap` ms (R17), None when it would not.

    Silence counts from the last public message of this session, needed a reply or not: a session
    without one (somebody entered a queue and never wrote) has nothing to count from. While the
    bot has the conversation, only a message that the bot has not answered is unanswered.
    The instant may lie before what has been folded since; `fold.next_timer` sees to that.
    """
    if gap is None or state.last_public_at is None or not may_idle(state):
        return None
    unanswered = state.bot_owes if state.bot_has else state.turn is not None
    return None if unanswered else state.last_public_at + gap


def bot_takes(step: Step) -> None:
    """The bot has the conversation from now on (R21); a waiting stay is suspended (Q3)."""
    if step.state.session is None or step.state.bot_has:
        return
    step.state.bot_has = True
    queues.suspend(step)


def people_take(step: Step) -> None:
    """The bot no longer has the conversation (R21)."""
    state = step.state
    if state.bot_has and state.session is not None:
        state.session.people_since = step.at
    state.bot_has = False


def _tell(
    step: Step,
    transition: Literal["opened", "reopened", "resolved", "closed", "merged"],
    *,
    reason: str | None = None,
    initiated_by: str | None = None,
    agent: str | None = None,
) -> None:
    step.say(SessionFact(step.labels(agent=agent), transition, step.at, reason, initiated_by))
