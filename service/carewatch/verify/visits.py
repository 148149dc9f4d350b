"""The sessions of a story, each with its moments; chapters are read off them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carewatch.verify.sayings import author
from carewatch.verify.state import Moment

STAFF = ("person", "note")


@dataclass(slots=True)
class Visit:
    """A session: its moments from the opening to the end, both included."""

    number: int
    reopened: bool
    moments: list[Moment] = field(default_factory=list)
    end: str | None = None
    """How it ended: resolved, closed, merged, idle, spam, deleted; None while it is open."""

    @property
    def opening(self) -> Moment:
        """The moment in which it opened."""
        return self.moments[0]

    @property
    def last(self) -> Moment:
        """The moment in which it ended, or the newest."""
        return self.moments[-1]


def visits(moments: Sequence[Moment]) -> list[Visit]:
    """All sessions, in order."""
    found: list[Visit] = []
    for one in moments:
        if {"opened", "reopened"} & set(one.marks):
            found.append(Visit(one.session, "reopened" in one.marks))
        if found and found[-1].end is None:
            found[-1].moments.append(one)
            ends = [mark for mark in one.marks if mark.startswith("end:")]
            found[-1].end = ends[0].removeprefix("end:") if ends else None
    return found


def writer(moment: Moment) -> str | None:
    """Who wrote in this moment, as the class of 2.3; None if nobody, or nobody heard it (E20)."""
    event = moment.event
    if event is None or event.type != "care.message.created" or not moment.heard:
        return None
    return author(event)


def said(moment: Moment, name: str) -> str:
    """What the message of a moment says of itself; empty if nothing."""
    return "" if moment.event is None else str(moment.event.section("message").get(name) or "")
