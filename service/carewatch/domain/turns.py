"""Turns: from the oldest unanswered customer message to the reply of a person (R18, R20)."""

from typing import Final

from carewatch.domain import obligations
from carewatch.domain.conversation import Step, Turn

KEYS_KEPT: Final = 64
"""So many of a turn's messages can be deleted one by one; nobody deletes more."""


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
            state.turn = _with_message(state.turn, asked)
        return False
    first = session.new_contact and session.initiated_by != "agent" and not session.person_wrote
    state.turn = Turn(step.at, first, *(((), 1) if asked is None else ((asked,), 0)))
    obligations.turn_opened(step, first=first)
    return True


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
    if outcome == "no_reply_needed":
        step.count("marked_complete")
    obligations.turn_dropped(step, outcome)


def delete_message(step: Step, key: str) -> bool:
    """A message of the open turn was deleted: the start stays while others remain (R19).

    Says whether it was the last one, so that nobody waits any more.
    """
    turn = step.state.turn
    if turn is None or key not in turn.asked:
        return False
    asked = tuple(one for one in turn.asked if one != key)
    step.state.turn = Turn(turn.started_at, turn.first, asked, turn.more)
    return not asked and not turn.more


def _with_message(turn: Turn, key: str) -> Turn:
    if len(turn.asked) < KEYS_KEPT:
        return Turn(turn.started_at, turn.first, (*turn.asked, key), turn.more)
    return Turn(turn.started_at, turn.first, turn.asked, turn.more + 1)
