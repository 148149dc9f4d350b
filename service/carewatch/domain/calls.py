"""Calls: a phase opens a session, the last one ends it; what people spent on them (R12, R16).

Stays in a queue are told by queue events only: a stay still open when the call ends was abandoned
if the customer hung up unanswered, else it flows out (Q6). A call that ends is no resolution:
nobody says that the matter is done. The time spent is talk, hold and work after the call, from
the phases as soon as the call ends, and again when its work is done; a summary of the contact
centre takes their place.
"""

from typing import Final

from msgspec.structs import replace

from carewatch.domain import handling, sessions
from carewatch.domain.conversation import Conversation, Spent, Step
from carewatch.domain.episodes import CALLS_KEPT, LEGS_KEPT, Call
from carewatch.domain.events import CallPhase, Summarised
from carewatch.domain.facts import Tally

OPENING: Final = ("started", "ivr", "queued", "ringing", "answered")
"""Phases that open a session (R12)."""
LAST: Final = ("ended", "completed", "abandoned", "voicemail")
"""Phases that end it (R16); so does a `missed` that speaks of no single leg."""


def reach(step: Step, event: CallPhase) -> None:
    """The call reached a phase; what a call that is over says of its beginning is ignored."""
    call = _known(step, event.call) or Call(event.call)
    if event.phase in OPENING and not call.over:
        session = sessions.open_session(step, by="agent" if event.outbound else None)
        if event.phase == "answered" and call.answered_at is None:
            call = replace(call, answered_at=step.at, agent=event.agent)
            sessions.people_take(step)
            session.summed_up = True
            handling.acted(step, session, event.agent)
    elif event.phase == "wrapup":
        call = replace(call, wrapup_at=call.wrapup_at or step.at)
    elif event.phase == "missed":
        call = _missed(step, call, event)
    over = event.phase in LAST or (event.phase == "missed" and event.leg is None)
    ends = over and call.ended_at is None
    if ends:
        call = replace(call, over=True, ended_at=step.at)
    _remember(step, call)
    if ends or (event.phase == "completed" and not call.summed_up):
        _took(step, call)
    if ends and all(one.over for one in step.state.calls):
        left = event.by_customer or event.phase == "abandoned"
        gave_up = left and call.answered_at is None
        sessions.end_session(step, "closed", reason=f"call_{event.phase}", by_customer=gave_up)


def is_on(state: Conversation) -> bool:
    """Whether somebody is on the phone: who talks, or waits in a queue, waits for no message."""
    return any(not call.over for call in state.calls)


def sum_up(step: Step, event: Summarised) -> None:
    """The contact centre says what was spent: nothing else counts for the contact, and a newer
    summary takes the place of an older one.

    A summary of a contact that is no call speaks of everything that phases and messages told here:
    of the session that is open, too, when it comes again after a reopening. Only what was said of
    another such contact stands beside it.
    """
    state = step.state
    call = _known(step, event.contact)
    of_all = call is None or _is_contact(call)
    for one in state.calls:
        if one.key == event.contact or (of_all and not _is_contact(one)):
            _remember(step, replace(one, summed_up=True))
            step.take_back(_name(one.key))
    if of_all:
        step.take_back(handling.KEPT_AS)
        _remember(step, Call(event.contact, over=True, summed_up=True, by_summary=True))
        if state.session is not None:
            state.session.summed_up = True
    agent = event.agent or (call.agent if call is not None else state.last_replier)
    handling.say(step, "summary", Spent(event.handle_ms, None), agent, _name(event.contact))


def _is_contact(call: Call) -> bool:
    """Whether no phase told of it: it is known from a summary alone."""
    return call.by_summary and call.answered_at is None and call.ended_at is None


def _missed(step: Step, call: Call, event: CallPhase) -> Call:
    """An agent was offered the call and did not take it, once per offer.

    Where neither a leg nor an agent is named, nobody took the call and nobody was offered it.
    """
    offer = (event.leg, event.agent)
    if offer == (None, None) or offer in call.missed or len(call.missed) >= LEGS_KEPT:
        return call
    step.say(Tally(replace(step.labels(), agent=event.agent), "agent_non_response", step.at))
    return replace(call, missed=(*call.missed, offer))


def _took(step: Step, call: Call) -> None:
    """Talk and hold up to the end, and the work after it if that is done."""
    if call.answered_at is None or call.ended_at is None or call.summed_up:
        return
    spent = step.spent_between(call.answered_at, call.ended_at)
    if step.at > call.ended_at:
        spent += step.spent_since(max(call.ended_at, call.wrapup_at or 0))
    handling.say(step, "phases", spent, call.agent, _name(call.key))


def _known(step: Step, key: str) -> Call | None:
    return next((one for one in step.state.calls if one.key == key), None)


def _remember(step: Step, call: Call) -> None:
    """Keeps the newest calls; what was said of an older one is final."""
    calls = step.state.calls
    if any(one.key == call.key for one in calls):
        step.state.calls = tuple(call if one.key == call.key else one for one in calls)
        return
    for one in calls[: 1 - CALLS_KEPT] if len(calls) >= CALLS_KEPT else ():
        step.forget(_name(one.key))
    step.state.calls = (*calls[1 - CALLS_KEPT :], call)


def _name(contact: str) -> str:
    return f"handle:{contact}"
