"""Transfers: assignments that take a session from one queue or team to another (E16).

Naming a queue or team where none was known is no transfer, nor is clearing it. A change of both by
one assignment is one transfer.
"""

from typing import Final

from carewatch.domain.conversation import Step
from carewatch.domain.facts import NONE, Tally

VISITED_KEPT: Final = 16
"""So many queues and teams that a session has left are remembered, the newest ones."""


def assigned(step: Step, queue: str, team: str) -> None:
    """An assignment left the session's `queue` and `team`, or not; back counts as a bounce."""
    state, session = step.state, step.state.session
    if session is None:
        return
    changes = [("queue", queue, state.queue), ("team", team, state.team)]
    moves = [(side, now) for side, had, now in changes if had != now and NONE not in (had, now)]
    back = any(_name(side, now) in session.visited for side, now in moves)
    for side, had, now in changes:
        if had != now:
            _leave(step, side, had)
    if moves:
        session.transfers += 1
        session.passed_on |= any(side == "team" for side, _ in moves)
        step.count("transfers")
        step.say(Tally(step.labels(), "bounce_rate", step.at, amount=int(back), of=1))


def entered(step: Step, queue: str) -> None:
    """The session went from `queue` into another one by itself: no assignment, but a visit."""
    if queue != step.state.queue:
        _leave(step, "queue", queue)


def _leave(step: Step, side: str, had: str) -> None:
    session = step.state.session
    if session is not None and had != NONE:
        others = tuple(name for name in session.visited if name != _name(side, had))
        session.visited = (*others[1 - VISITED_KEPT :], _name(side, had))


def _name(side: str, value: str) -> str:
    return f"{side}:{value}"
