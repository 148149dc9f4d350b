"""Turns: from the oldest unanswered customer message to the reply of a person (R18, R20)."""

from typing import Final

from msgspec.structs import replace

from carewatch.domain import asked, obligations, within
from carewatch.domain.conversation import Session, Step, Turn
from carewatch.domain.facts import Labels, Tally

ANSWERED_WITHIN_MS: Final = 24 * 3_600_000
"""A turn or message counts as answered when it was within a day (the response rate's horizon)."""
BURST_MS: Final = 60_000
"""What one person writes within this time, nobody else of the staff in between, is one reply."""
_OPENED: Final = "turns_opened"
"""The name under which the count of a turn that needed no reply can be taken back."""


def open_turn(step: Step, key: str | None = None) -> bool:
    """A customer (or a hand-off, E3) now waits for a person; an open turn goes on (R18).

    `key` is that of the message that asks. Says whether a turn began now.
    """
    state = step.state
    session = state.session
    if session is None:
        return False
    began = state.turn is None
    if began:
        first = _is_first(session)
        state.turn = Turn(step.at, first, more=int(key is None))
        obligations.turn_opened(step, first=first)
        step.say(Tally(step.labels(), "turns_opened", step.at), keep=_OPENED)
    if key is not None and state.turn is not None:
        state.turn = _with_message(step, state.turn, key)
    return began


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
    """The turn goes on in another conversation, and counts as opened there.

    Its messages count nowhere: the reply comes where nobody knows them.
    """
    step.take_back(_OPENED)
    _take_messages_back(step)


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
    within.answer(step, turn)
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


def count_burst(step: Step, agent: str) -> None:
    """A person wrote: counted where a burst of one author begins, which lasts BURST_MS."""
    burst = step.state.burst
    if burst is None or burst[0] != agent or step.at - burst[1] > BURST_MS:
        step.state.burst = (agent, step.at)
        step.say(Tally(step.labels(agent=agent), "reply_turns", step.at))


def drop_turn(step: Step, outcome: obligations.Given) -> None:
    """The turn ends without a sample, for the reason `outcome` (R20, S12)."""
    turn = step.state.turn
    if turn is None:
        return
    if outcome != "no_reply_needed":
        step.forget(_OPENED)
    else:
        step.take_back(_OPENED)
        _take_messages_back(step)
        step.count("marked_complete")
    step.state.turn = None
    obligations.turn_dropped(step, outcome)


def delete_message(step: Step, key: str) -> bool:
    """A message of the open turn was deleted: the start stays while others remain (R19).

    Says whether it was the last one, so that nobody waits any more.
    """
    turn = step.state.turn
    one = asked.find(turn.asked, key) if turn is not None else None
    if turn is None or one is None:
        return False
    step.uncount(_asking(one.labels, one.at))
    step.state.turn = turn = replace(turn, asked=asked.without(turn.asked, key))
    return not turn.asked and not turn.more


def _count_answered(step: Step, turn: Turn) -> None:
    """The turn, and each of its messages, if the answer came within a day (E1).

    They count where they began: at their own instants, under the labels that they had then.
    """
    opened = step.state.withdrawable.get(_OPENED)
    step.forget(_OPENED)
    if opened is not None and step.at - turn.started_at <= ANSWERED_WITHIN_MS:
        step.say(Tally(opened.result.labels, "turns_answered_24h", turn.started_at))
    for one in asked.each(turn.asked):
        if step.at - one.at <= ANSWERED_WITHIN_MS:
            step.say(Tally(one.labels, "messages_answered", one.at))


def _take_messages_back(step: Step) -> None:
    turn = step.state.turn
    if turn is not None:
        for one in asked.each(turn.asked):
            step.uncount(_asking(one.labels, one.at))


def _asking(labels: Labels, at: int) -> Tally:
    """A message that needs a reply, in the whole of the rate."""
    return Tally(labels, "message_response_rate", at, amount=0, of=1)


def _is_first(session: Session) -> bool:
    """Whether a turn that opens now is the first of a new contact, begun by the customer (R18)."""
    return session.new_contact and session.initiated_by != "agent" and not session.person_wrote


def _with_message(step: Step, turn: Turn, key: str) -> Turn:
    labels = step.labels()
    kept = asked.with_message(turn.asked, labels, key, step.at)
    if kept is None:
        return replace(turn, more=turn.more + 1)
    step.say(_asking(labels, step.at))
    return replace(turn, asked=kept)
