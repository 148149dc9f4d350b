"""Turns: from the oldest unanswered customer message to the reply of a person (R18, R20)."""

from typing import Final

from msgspec.structs import replace

from carewatch.domain import obligations
from carewatch.domain.conversation import Session, Step, Turn
from carewatch.domain.facts import Tally

KEPT: Final = 128
"""So many of a turn's messages are known one by one: to be deleted, and to count as answered."""
ANSWERED_WITHIN_MS: Final = 24 * 3_600_000
"""A turn or message counts as answered when it was within a day (the response rate's horizon)."""
_OPENED: Final = "turns_opened"
"""The name under which the count of a turn that needed no reply can be taken back."""


def open_turn(step: Step, asked: str | None = None) -> bool:
    """A customer (or a hand-off, E3) now waits for a person; an open turn goes on (R18).

    `asked` is the key of the message that asks. Says whether a turn began now.
    """
    state = step.state
    session = state.session
    if session is None:
        return False
    if state.turn is not None:
        if asked is not None:
            state.turn = _with_message(state.turn, asked, step.at)
        return False
    first = _is_first(session)
    state.turn = Turn(step.at, first, *(((), 1) if asked is None else (((asked, step.at),), 0)))
    obligations.turn_opened(step, first=first)
    step.say(Tally(step.labels(), "turns_opened", step.at), keep=_OPENED)
    return True


def inherit_turn(step: Step, since: int, hops: int) -> bool:
    """The turn of a merged conversation goes on here, from its own start `since` (E14).

    An open turn takes the earlier of both starts, and stays a first or a next one; else a turn
    opens, which is a first one where a customer message would open one (R18). Says whether it did.
    """
    state = step.state
    session, turn = state.session, state.turn
    if session is None:
        return False
    if turn is None:
        first = _is_first(session)
        state.turn = Turn(since, first, more=1, hops=hops)
        obligations.turn_opened(step, first=first, since=since)
        step.say(Tally(step.labels(), "turns_opened", since), keep=_OPENED)
        return True
    state.turn = turn = replace(turn, more=turn.more + 1)
    if since < turn.started_at:
        state.turn = replace(turn, started_at=since, hops=hops)
        obligations.turn_began_earlier(step, since)
        opened = step.take_back(_OPENED)
        if isinstance(opened, Tally):
            step.say(replace(opened, at=since), keep=_OPENED)
    return False


def move_away(step: Step) -> None:
    """The turn goes on in another conversation, and counts as opened there."""
    step.take_back(_OPENED)


def answer_any(step: Step, agent: str | None) -> None:
    """A public message of bot or person is the first anybody gave, once per contact (E2)."""
    turn, session = step.state.turn, step.state.session
    if turn is None or session is None or not turn.first or session.any_response_done:
        return
    session.any_response_done = True
    step.sample("first_response_time_any", turn.started_at, agent=agent)


def answer(step: Step, agent: str | None) -> None:
    """A person's public message ends the turn: one sample from its start (R18)."""
    turn = step.state.turn
    if turn is None:
        return
    answer_any(step, agent)
    _count_answered(step, turn)
    step.state.turn = None
    session = step.state.session
    if session is not None:
        session.waited += step.spent_since(turn.started_at)
        session.waits += 1
    if turn.first:
        step.sample("first_response_time", turn.started_at, agent=agent)
    else:
        step.sample("next_reply_time", turn.started_at, agent=agent)
    step.sample("reply_time", turn.started_at, agent=agent)


def drop_turn(step: Step, outcome: obligations.Given) -> None:
    """The turn ends without a sample, for the reason `outcome` (R20, S12)."""
    turn = step.state.turn
    if turn is None:
        return
    step.state.turn = None
    if outcome != "no_reply_needed":
        step.forget(_OPENED)
    else:
        step.take_back(_OPENED)
        step.count("marked_complete")
    obligations.turn_dropped(step, outcome)


def delete_message(step: Step, key: str) -> bool:
    """A message of the open turn was deleted: the start stays while others remain (R19).

    Says whether it was the last one, so that nobody waits any more.
    """
    turn = step.state.turn
    if turn is None or all(key != known for known, _ in turn.asked):
        return False
    asked = tuple(one for one in turn.asked if one[0] != key)
    step.state.turn = replace(turn, asked=asked)
    return not asked and not turn.more


def _count_answered(step: Step, turn: Turn) -> None:
    """The turn, and each of its messages, if the answer came within a day (E1)."""
    step.forget(_OPENED)
    labels = step.labels()
    if step.at - turn.started_at <= ANSWERED_WITHIN_MS:
        step.say(Tally(labels, "turns_answered_24h", turn.started_at))
    for _, at in turn.asked:
        if step.at - at <= ANSWERED_WITHIN_MS:
            step.say(Tally(labels, "messages_answered", at))


def _is_first(session: Session) -> bool:
    """Whether a turn that opens now is the first of a new contact, begun by the customer (R18)."""
    return session.new_contact and session.initiated_by != "agent" and not session.person_wrote


def _with_message(turn: Turn, key: str, at: int) -> Turn:
    if len(turn.asked) < KEPT:
        return replace(turn, asked=(*turn.asked, (key, at)))
    return replace(turn, more=turn.more + 1)
