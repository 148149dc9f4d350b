"""What a conversation remembers beside its session: surveys, calls, and what a session was like.

Each is a small frozen struct, and of each only the newest few are kept, so that the row of a
conversation stays small however long it goes on.
"""

from typing import Final

import msgspec
from msgspec.structs import replace

from carewatch.domain.facts import Labels

SURVEYS_KEPT: Final = 4
"""So many surveys of a conversation can still be answered, and so many ratings changed."""
CALLS_KEPT: Final = 4
"""So many calls of a conversation are known one by one."""
LEGS_KEPT: Final = 16
"""So many unanswered offers of one call are known one by one."""
MOODS_KEPT: Final = 8
"""So many different moods of a session are counted."""


class Survey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer was asked for a rating; the labels name the agent whom it is about (R11)."""

    key: str | None
    sent_at: int
    labels: Labels
    answered: bool = False


class Call(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call, by the instants of its phases; `summed_up` when the contact centre said the rest."""

    key: str
    answered_at: int | None = None
    ended_at: int | None = None
    wrapup_at: int | None = None
    agent: str | None = None
    missed: tuple[tuple[str | None, str | None], ...] = ()  # leg and agent of unanswered offers
    over: bool = False
    summed_up: bool = False
    by_summary: bool = False  # the first that was told of it was a summary


def all_over(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """The session ended: no call goes on in it, whatever its source forgets to say."""
    if all(call.over for call in calls):
        return calls
    return tuple(replace(call, over=True) for call in calls)


class Mood(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often a customer's messages had a mood, by the model that says so."""

    label: str
    model: str
    times: int
