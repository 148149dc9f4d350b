"""How often a conversation began: after 90 days of silence it is forgotten (R6a)."""

from collections.abc import Sequence
from dataclasses import dataclass

from carewatch.verify.arrivals import Step, sorted_story, stamped
from carewatch.verify.instants import DAY
from carewatch.verify.promises import Promises
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.story import Story

SILENCE = 90 * DAY
"""So long a conversation is remembered, if nothing of it is open."""


@dataclass(frozen=True, slots=True)
class Life:
    """A conversation from its first event to where it is forgotten, or until now.

    `next`: the arrival that found it forgotten, and tells what happened by time until then.
    """

    steps: list[Step]
    story: Story
    next: Step | None = None


def lives(steps: Sequence[Step], clock: int, books: Rulebooks) -> list[Life]:
    """The lives of a conversation, all of its accepted events taken in order of arrival."""
    found: list[Life] = []
    begin = 0
    for number in range(1, len(steps)):
        at, before = stamped(steps[number].event), steps[begin:number]
        if is_forgotten(before, at, books):
            found.append(Life(list(before), _story(before, at, books), steps[number]))
            begin = number
    left = steps[begin:]
    return [*found, Life(list(left), _story(left, clock, books))]


def is_forgotten(steps: Sequence[Step], at: int, books: Rulebooks) -> bool:
    """Whether an event of that instant finds nothing of what these had told.

    They are a life, and the event is later than all of them.
    """
    silent_since = max(one.event.recorded for one in steps)
    if at - silent_since <= SILENCE:
        return False
    story = _story(steps, at, books)
    if story.session is not None or story.turn is not None or story.stay is not None:
        return False
    ends = [one.at for one in story.moments if any(mark.startswith("end:") for mark in one.marks)]
    if at - max([silent_since, *ends]) <= SILENCE:
        return False
    return not Promises(story.moments, at, books).owed


def _story(steps: Sequence[Step], clock: int, books: Rulebooks) -> Story:
    return Story(sorted_story([one.event for one in steps]), clock, books)
