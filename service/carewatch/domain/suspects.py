"""Suspect pauses: an SLA clock stands still although a customer waits for an answer (S7).

Pausing over an unanswered message does pause; but how long it did is told, so that nobody keeps
promises by putting them off. While the bot has the conversation the pause is none of that.
"""

from typing import Final, NamedTuple

from carewatch.domain.conversation import Conversation, Step

_SUSPECT: Final = "suspect_pause"


class _Still(NamedTuple):
    since: int
    policy: str


Suspects = dict[tuple[str, int], _Still]
"""Clocks, by target and cycle, that stand still over an open turn, and since when both are so.

Another policy may take over a clock that stands still, and it goes on standing still (S8).
"""


def suspects(state: Conversation) -> Suspects:
    """Those of now."""
    turn, session = state.turn, state.session
    if turn is None or session is None or state.bot_has:
        return {}
    return {
        (owed.target, owed.cycle): _Still(
            max(
                owed.spans[-1].since,
                owed.instance.since,
                turn.started_at,
                session.people_since,
            ),
            owed.instance.promise.policy,
        )
        for owed in state.obligations
        if owed.instance is not None and owed.spans[-1].paused
    }


def tell(step: Step, before: Suspects) -> None:
    """What of them ended with this step: the pause, the turn, or the clock."""
    if not before:
        return
    now = suspects(step.state)
    for clock, still in before.items():
        goes_on = now.get(clock)
        if still.since < (step.at if goes_on is None else goes_on.since):
            target, _ = clock
            step.measure(_SUSPECT, still.since, still.policy, target)
