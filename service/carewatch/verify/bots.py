"""Bots, and what came while nobody was there (5.3, R21, C5)."""

from collections.abc import Iterator

from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Count, Moment
from carewatch.verify.visits import Visit, said, visits, writer

BY_ITSELF = ("resolved", "closed", "idle", "deleted")
"""Ends by which a bot keeps a session: of calls, too. Merged, it goes on elsewhere."""


def bots(moments: list[Moment], gone: set[str]) -> Iterator[Count]:
    """Sessions and messages of bots, and what became of the sessions."""
    for one in moments:
        if writer(one) == "bot" and said(one, "key") not in gone:
            yield Count("bot_messages", one.at, one.labels)
            fallback = one.event and one.event.section("message").get("fallback")
            if fallback is not None:
                yield Count("fallback_rate", one.at, one.labels, n=int(bool(fallback)), d=1)
        chosen = one.event is not None and one.event.data.get("choice") is not None
        clicked = writer(one) == "customer" and (said(one, "kind") == "choice" or chosen)
        if clicked and said(one, "key") not in gone:
            yield Count("quick_replies_clicked", one.at, one.labels)
    for visit in visits(moments):
        yield from _of_session(visit)


def _of_session(visit: Visit) -> Iterator[Count]:
    first = next((one for one in visit.moments if writer(one) == "bot"), None)
    if first is None:
        return
    yield Count("bot_sessions", first.at, first.labels)
    yield Count("bot_containment", first.at, first.labels, n=0, d=1)
    told = visit.moments.index(first)
    before = any("handoff" in one.marks for one in visit.moments[:told])
    yield Count("bot_handoff_rate", first.at, first.labels, n=int(before), d=1)
    passed = next((one for one in visit.moments[told:] if "handoff" in one.marks), None)
    if passed is not None and not before:
        yield Count("bot_handoff_rate", passed.at, passed.labels)
    if contained(visit):
        yield Count("bot_containment", visit.last.at, visit.last.labels)


def contained(visit: Visit) -> bool:
    """A bot wrote and kept the session: no hand-off, no person, no agent until its end."""
    if visit.end not in BY_ITSELF:
        return False
    people = any("handoff" in one.marks or writer(one) == "person" for one in visit.moments)
    agent = any(one.labels.agent is not None for one in visit.moments)
    wrote = any(writer(one) == "bot" for one in visit.moments)
    return wrote and not people and not agent


def out_of_hours(moments: list[Moment], gone: set[str], books: Rulebooks) -> Iterator[Count]:
    """Messages of customers while the schedule of the queue is closed, and who answered first."""
    for number, one in enumerate(moments):
        if writer(one) != "customer" or said(one, "key") in gone:
            continue
        hours = books.at(one.at).hours_of(one.labels.tenant, one.labels.queue)
        if hours is None:
            continue
        closed = hours.elapsed(one.at, one.at + 1) == 0
        yield Count("out_of_hours_share", one.at, one.labels, n=int(closed), d=1)
        if closed:
            answer = _answer(moments, number)
            yield Count("out_of_hours_bot_rate", one.at, one.labels, n=0, d=1)
            if answer is not None:
                yield Count("out_of_hours_bot_rate", one.at, one.labels, told=answer.at)


def _answer(moments: list[Moment], number: int) -> Moment | None:
    """The bot's message, if it is the first after this one in its session."""
    if moments[number].status is None:
        return None
    for one in moments[number + 1 :]:
        who = writer(one)
        if who == "bot" and one.status is not None:
            return one
        if who == "person" or any(mark.startswith("end:") for mark in one.marks):
            return None
    return None
