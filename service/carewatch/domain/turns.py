"""Turns: from the oldest unanswered customer message to the reply of a person (R18, R20)."""

from carewatch.domain import sla
from carewatch.domain.conversation import Step, Turn


def open_turn(step: Step) -> bool:
    """A customer (or a hand-off, E3) now waits for a person; an open turn goes on (R18).

    Says whether a turn began now.
    """
    state = step.state
    session = state.session
    if state.turn is not None or session is None:
        return False
    first = session.new_contact and session.initiated_by != "agent" and not session.person_wrote
    state.turn = Turn(step.at, first)
    sla.begin(step, "first_reply" if first else "next_reply")
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
    if turn.first:
        step.sample("first_response_time", turn.started_at, agent=agent)
    step.sample("reply_time", turn.started_at, agent=agent)
    sla.stop(step, "first_reply" if turn.first else "next_reply", agent=agent)


def drop_turn(step: Step, outcome: sla.Cancelled) -> None:
    """The turn ends without a sample, for the reason `outcome` (R20, S12)."""
    turn = step.state.turn
    if turn is None:
        return
    step.state.turn = None
    sla.cancel(step, "first_reply" if turn.first else "next_reply", outcome)
