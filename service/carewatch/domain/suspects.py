"""Suspect pauses: an SLA clock stands still although a customer waits for an answer (S7).

Pausing over an unanswered message does pause; but how long it did is told, so that nobody keeps
promises by putting them off. While the bot has the conversation the pause is none of that.
"""

from typing import Final, NamedTuple

from carewatch.domain.conversation import Conversation, Step

_SUSPECT: Final = "suspect_pause"


class _Clock(NamedTuple):
    policy: str
    target: str
    cycle: int


Suspects = dict[_Clock, int]
"""Clocks that stand still over an open turn, and since when both are so."""


def suspects(state: Conversation) -> Suspects:
    """Those of now."""
    turn, session = state.turn, state.session
    if turn is None or session is None or state.bot_has:
        return {}
    return {
        _Clock(owed.instance.promise.policy, owed.target, owed.cycle): max(
            owed.spans[-1].since, turn.started_at, session.people_since
        )
        for owed in state.obligations
        if owed.instance is not None and owed.spans[-1].paused
    }


def tell(step: Step, before: Suspects) -> None:
    """What of them ended with this step: the pause, the turn, or the clock."""
    if not before:
        return
    now = suspects(step.state)
    for clock, since in before.items():
        if since < now.get(clock, step.at):
            step.measure(_SUSPECT, since, clock.policy, clock.target)
