"""Replies, what else people did, and how long first replies took (5.1, 2.3)."""

from collections.abc import Iterator
from dataclasses import replace

from carewatch.verify.instants import MINUTE, length
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Count, Moment
from carewatch.verify.visits import said, writer

BURST = MINUTE
MOST = 128
"""So many messages wait for an action; those beyond count neither as heard nor as acted on."""

FIRST_REPLIES = ("10m", "1h")
"""Times of `within.first_reply`, unless the tenant names others."""


def replies(moments: list[Moment], gone: set[str]) -> Iterator[Count]:
    """Replies and bursts of them; a deleted one is none."""
    burst: tuple[str, int] | None = None
    for one in moments:
        if writer(one) != "person" or said(one, "key") in gone:
            continue
        agent = one.agent or "unknown"
        if said(one, "kind") == "template":
            yield Count("quick_replies_sent", one.at, one.labels)
        if burst is None or burst[0] != agent or one.at - burst[1] > BURST:
            burst = agent, one.at
            yield Count("reply_turns", one.at, one.labels, agent=agent)


def actions(moments: list[Moment], books: Rulebooks) -> Iterator[Count]:
    """`action_rate` counts an act under the labels of the message, `time_to_action` the time.

    Somebody acts by a reply, a new tag, or a resolution that is neither the customer's nor a
    bot's. What is deleted before is taken back, later it stays (R19).
    """
    waiting: dict[str, Count] = {}
    before: Moment | None = None
    for one in moments:
        who, key = writer(one), said(one, "key")
        if {"opened", "reopened"} & set(one.marks) and who != "person":
            waiting.clear()  # what came outside of a session waits no longer
        if who == "customer" and len(waiting) < MOST:
            asked = Count("action_rate", one.at, one.labels, n=0, d=1, agent=one.labels.agent)
            waiting[key] = asked
            yield asked
        elif key in waiting and _deletes(one):
            yield replace(waiting.pop(key), sign=-1, told=one.at)
        tagged = one.heard and one.tags - (frozenset() if before is None else before.tags)
        if who == "person" or tagged or _completed(before, one):
            for asked in waiting.values():
                yield replace(asked, at=one.at, n=1, d=0)
                yield _time_to(asked, one, books)
            waiting.clear()
        if any(mark.startswith("end:") for mark in one.marks):
            waiting.clear()
        before = one


def _deletes(one: Moment) -> bool:
    return one.heard and one.event is not None and one.event.type == "care.message.deleted"


def _time_to(asked: Count, act: Moment, books: Rulebooks) -> Count:
    hours = books.at(act.at).hours_of(act.labels.tenant, act.labels.queue)
    return Count(
        "time_to_action",
        act.at,
        act.labels,
        n=act.at - asked.at,
        business=None if hours is None else hours.elapsed(asked.at, act.at),
        agent=act.agent,
    )


def _completed(before: Moment | None, one: Moment) -> bool:
    """Somebody of the staff resolved it: not the customer, and not a bot that had it."""
    if "end:resolved" not in one.marks or one.event is None:
        return False
    by_bot = before is not None and before.bot_has
    return one.event.data["actor"]["kind"] not in ("customer", "bot") and not by_bot


def within(moments: list[Moment], clock: int, books: Rulebooks) -> Iterator[Count]:
    """First replies within a time, of these and of the waits that reached it (E11)."""
    since: int | None = None
    for number, one in enumerate(moments):
        if since is None and one.turn is not None and one.turn[1]:
            since = one.turn[0]
        if since is None:
            continue
        until = _until(moments, number, clock)
        if one.turn is None:
            if "answered" in one.marks:
                for x in _times(books, one):
                    if one.at - since <= length(x):
                        yield Count("within_target_rate", one.at, one.labels, _label(x), d=1)
            since = None
            continue
        start = one.turn[0]
        for x in {x for book in books.books for x in _named(book.tenant(one.labels.tenant))}:
            # What a turn had passed when it came here was counted where it came from (E14).
            at = start + length(x)
            if one.at <= at < until and x in _times(books, one, at):
                yield Count("within_target_rate", at, one.labels, _label(x), n=0, d=1)
        since = start


def _until(moments: list[Moment], number: int, clock: int) -> int:
    """Timers below fire before the next moment; those of one instant in the order of waits."""
    if number + 1 == len(moments):
        return clock
    later = moments[number + 1]
    return later.at if later.event is not None else later.at + 1


def _label(x: str) -> tuple[tuple[str, str], ...]:
    return (("within", x),)


def _named(tenant: dict[str, dict[str, list[str]]]) -> list[str]:
    return tenant.get("within", {}).get("first_reply") or list(FIRST_REPLIES)


def _times(books: Rulebooks, moment: Moment, at: int | None = None) -> list[str]:
    """The times by the rulebook in force at the instant."""
    book = books.at(moment.at if at is None else at)
    return _named(book.tenant(moment.labels.tenant))
