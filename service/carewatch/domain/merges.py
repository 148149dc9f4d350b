"""Merges: a conversation becomes part of another one, where its open turn goes on (E14, S15).

The child's session ends as merged. If its turn was open, that is handed over, with its own start:
nobody's wait begins anew because an agent tidied up. What is handed over is part of what is true
of the child; so a late event can change it, or take it back, and the parent learns of that by a
higher revision. The number of hand-overs is limited: conversations merged into each other at one
instant would otherwise keep up a turn that neither has any more.
"""

from typing import Final

from carewatch.domain import obligations, sessions, turns
from carewatch.domain.conversation import Step
from carewatch.domain.events import Inherited, Merged
from carewatch.domain.facts import HandOver
from carewatch.domain.queues import wait

MOST_HOPS: Final = 8
"""So often a turn can be handed over; the next merge drops it, and counts that."""
_DROPPED: Final = "dropped_merges"


def merge(step: Step, event: Merged) -> None:
    """Ends the session (R16), its turn, stay and SLA clocks; hands the open turn over (E14).

    A merge into itself changes nothing, since nobody else would answer. Both this and a turn
    that was handed over too often are counted in `dropped_merges`; a merge without an open
    session is ignored (`ignored_events`).
    """
    state = step.state
    state.has_lifecycle = state.has_lifecycle or event.stated
    if event.itself:
        step.count_event(_DROPPED)
        return
    if state.session is None:
        step.count_event("ignored_events")
        obligations.gone(step, "merged")
        return
    turn = state.turn
    if turn is not None and event.into is not None:
        if turn.hops < MOST_HOPS:
            turns.move_away(step)
            step.say(
                HandOver(
                    labels=step.labels(),
                    parent=event.into,
                    merge=event.id,
                    at=event.at,
                    recorded=event.recorded,
                    started_at=turn.started_at,
                    hops=turn.hops + 1,
                )
            )
        else:
            step.count_event(_DROPPED)
    sessions.end_session(step, "merged")


def inherit(step: Step, event: Inherited) -> None:
    """The turn of a child goes on here from the merge on, with its own start (E14, S15).

    It stands for the customer's message, so it opens a session (by the customer, R12, R15), it is
    a first turn where that would be one (R14, R18), the bot owes an answer to it, and an implicit
    stay in a queue begins where a turn opens, at the merge: the child's has flowed out (Q2). But
    it is no message: it ends no pause and no snooze, counts in no volume, and what the child was
    owed by a hand-off ended with it. An answer of a bot that was given before is not given again
    (E2): the response by anybody is measured once in a contact.
    """
    if event.started_at is None:
        return
    session = sessions.open_session(step, by="customer")
    sessions.note_author(step, "customer")
    step.state.bot_owes = True
    if turns.inherit_turn(step, event.started_at, event.hops) and not session.person_wrote:
        wait(step)
