"""What follows from everything a customer did, in whatever conversations and channels (W7).

The counts are a function of the set of contacts that is known, so it does not matter in which
order, or from how many partitions, contacts and withdrawals come. Each count is placed in the
local day that it is about; distances are measured from the opening of a session to that of
another, so that all is known of a day when its horizon has passed.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from carewatch.domain.days import Day
from carewatch.domain.facts import NONE, Contact
from carewatch.domain.metric import DAY_MS
from carewatch.domain.metrics import BY_ID

FORGOTTEN_AFTER_MS: Final = 92 * DAY_MS
"""So long after the last contact a customer is forgotten: 90 days, and two for the late."""

REPEATED_WITHIN_MS: Final = BY_ID["repeat_contact_rate"].horizon_ms
SOLVED_WITHIN_MS: Final = BY_ID["fcr"].horizon_ms
BOT_SOLVED_WITHIN_MS: Final = BY_ID["bot_resolution"].horizon_ms
KEPT_WITHIN_MS: Final = BY_ID["retention_rate"].horizon_ms

CONTACTS_KEPT_MS: Final = 10 * DAY_MS
"""So long contacts are known one by one: the seven days that one looks back, and the three in
which what is new may still be late or change what was said."""

CONTACTS_KEPT: Final = 256
"""So many of a customer are known one by one, the newest."""

Part = Literal["n", "d", "value"]


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False, order=False):
    """A contact that is known; `times` may be negative while only its withdrawal has come.

    `hops` says how often links had passed it on when it came here (E23).
    """

    conversation: str
    contact: Contact
    hops: int
    day: Day
    times: int

    @property
    def at(self) -> int:
        """When it was."""
        return self.contact.at

    @property
    def content(self) -> tuple[str, Contact, int]:
        """What tells it from others."""
        return self.conversation, self.contact, self.hops


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False, order=True):
    """From `at` on what the customer does is done by `into`."""

    at: int
    into: str


class Customer(msgspec.Struct, array_like=True, gc=False):
    """All that is known of one customer; `contacts` in the order of their instants."""

    contacts: list[Known] = []
    links: tuple[Link, ...] = ()
    last_at: int = 0

    def take(self, new: Known) -> None:
        """A contact came, or its withdrawal: `times` are added to those known."""
        self.last_at = max(self.last_at, new.at)
        for place, old in enumerate(self.contacts):
            if old.content == new.content:
                times = old.times + new.times
                if times:
                    # The day stays the one that it was counted in.
                    self.contacts[place] = msgspec.structs.replace(old, times=times)
                else:
                    del self.contacts[place]
                return
        insort(self.contacts, new, key=_order)

    def link(self, link: Link) -> None:
        """From an instant on another customer is the one who acts."""
        self.last_at = max(self.last_at, link.at)
        self.links = tuple(sorted({*self.links, link}))

    def forget(self, clock: int) -> None:
        """Leaves out what nothing that is still to come can concern; its counts stand.

        The last day before that stays, since the customer may come back.
        """
        before = clock - CONTACTS_KEPT_MS
        gone = [one for one in self.contacts if one.at < before]
        if gone or len(self.contacts) > CONTACTS_KEPT:
            last = max((one.day.start for one in gone if one.contact.act == "wrote"), default=0)
            kept = [one for one in gone if one.contact.act == "wrote" and one.day.start == last]
            rest = self.contacts[len(gone) :]
            self.contacts = kept + rest[-CONTACTS_KEPT:]

    def into(self, one: Known, most_hops: int) -> str | None:
        """To whom a contact is passed on; None: it is this customer's (E23).

        All of a session goes with its opening: what began before a link ends before it, too.
        """
        if not self.links or one.hops >= most_hops:
            return None
        began = max((other.at for other in self.contacts if _opens(other, one)), default=one.at)
        return next((link.into for link in reversed(self.links) if link.at <= began), None)


def _opens(opening: Known, one: Known) -> bool:
    """Whether it is an opening of the session that a contact is about; nobody opens by writing.

    Of several the last is: numbers begin anew where a conversation was forgotten (R6a).
    """
    mine = (one.conversation, one.contact.labels.session, one.contact.labels.channel)
    theirs = (opening.conversation, opening.contact.labels.session, opening.contact.labels.channel)
    begins = _begins(opening) and opening.times > 0 and opening.at <= one.at
    return begins and mine == theirs and one.contact.act != "wrote"


def _begins(one: Known) -> bool:
    return one.contact.act in ("opened", "reopened")


class Place(NamedTuple):
    """A part of a metric's count, in one series and day."""

    metric: str
    labels: tuple[str, ...]
    day: Day
    part: Part


def counts(tenant: str, contacts: Iterable[Known]) -> Counter[Place]:
    """What these contacts of one customer count in."""
    true = [one for one in contacts if one.times > 0]
    found = Counter(_days(tenant, true))
    sessions = _sessions(true)
    asked = [session for session in sessions if not session.by_agent]
    reopened = [session for session in sessions if session.reopened]
    for session in sessions:
        base = _base(tenant, session.channel)
        for metric, topics, holds in _judged(session, asked, reopened):
            for labels in (base,) if topics is None else [(*base, topic) for topic in topics]:
                found[Place(metric, labels, session.day, "d")] += 1
                if holds:
                    found[Place(metric, labels, session.day, "n")] += 1
    return found


class _Session(NamedTuple):
    """One session of the customer, as far as it went."""

    at: int
    conversation: str
    channel: str
    day: Day
    reopened: bool
    by_agent: bool
    bot: bool
    badly_rated: bool
    end: Contact | None

    def is_about(self, topics: tuple[str, ...]) -> bool:
        """Whether it is about one of these topics, as far as anybody knows."""
        mine = self.end.topics if self.end is not None else ()
        return not mine or not topics or not set(mine).isdisjoint(topics)


def _judged(
    session: _Session, asked: list[_Session], reopened: list[_Session]
) -> Iterator[tuple[str, tuple[str, ...] | None, bool]]:
    """The ratios that a session counts in, by topic or as a whole, and whether as a part.

    `asked` are the customer's own sessions, `reopened` those in which anybody reopened a case.
    """
    end = session.end
    later = asked[bisect_right(asked, session[:2], key=_opening) :]
    if not session.by_agent:
        place = bisect_left(asked, session[:2], key=_opening)
        repeated = place > 0 and session.at - asked[place - 1].at <= REPEATED_WITHIN_MS
        yield "repeat_contact_rate", None, repeated
        if end is not None:
            yield "repeat_contact_rate_by_topic", end.topics, repeated
    first = not session.by_agent and not session.reopened
    if first and end is not None and end.act == "resolved":
        until = session.at + SOLVED_WITHIN_MS
        if end.at <= until:
            asked_again = any(one.at <= until and one.is_about(end.topics) for one in later)
            came_back = any(
                one.conversation == session.conversation and session.at < one.at <= until
                for one in reopened
            )
            solved = not asked_again and not came_back and "transferred" not in end.marks
            yield "fcr", None, solved
    if session.bot:
        until = session.at + BOT_SOLVED_WITHIN_MS
        contained = end is not None and "contained" in end.marks and end.at <= until
        away = all(one.at > until for one in later)
        yield "bot_resolution", None, contained and away and not session.badly_rated


def _opening(session: _Session) -> tuple[int, str]:
    """The place among the customer's sessions: of two of one instant, one is the first."""
    return session[:2]


def _days(tenant: str, contacts: list[Known]) -> Iterator[Place]:
    """Once a day and channel: that the customer wrote, was helped, came back."""
    wrote = {(one.day, one.contact.labels.channel) for one in contacts if _did(one, "wrote")}
    solved = {(one.day, one.contact.labels.channel) for one in contacts if _did(one, "resolved")}
    days = sorted(day.start for day, _ in wrote)
    for day, channel in sorted(wrote):
        base = _base(tenant, channel)
        yield Place("unique_customers", base, day, "value")
        yield Place("retention_rate", base, day, "d")
        if any(day.start < other <= day.start + KEPT_WITHIN_MS for other in days):
            yield Place("retention_rate", base, day, "n")
    for day, channel in sorted(solved):
        yield Place("resolved_customers", _base(tenant, channel), day, "value")


def _did(one: Known, act: str) -> bool:
    return one.contact.act == act


def _sessions(contacts: list[Known]) -> list[_Session]:
    """The sessions whose opening is known, in the order of their openings."""
    grouped: dict[tuple[str, int, int], list[Known]] = {}
    openings: Counter[tuple[str, int]] = Counter()
    for one in sorted(contacts, key=lambda one: (one.at, not _begins(one))):
        place = one.conversation, one.contact.labels.session
        openings[place] += _begins(one)
        # Of one number are several where the conversation was forgotten between them (R6a). What
        # stands before any opening belongs to one that is not known any more.
        grouped.setdefault((*place, openings[place]), []).append(one)
    found = (_session(conversation, acts) for (conversation, *_), acts in grouped.items())
    return sorted((one for one in found if one is not None), key=_opening)


def _session(conversation: str, acts: list[Known]) -> _Session | None:
    opening = next(filter(_begins, acts), None)
    if opening is None:
        return None
    until = opening.at + BOT_SOLVED_WITHIN_MS
    return _Session(
        at=opening.at,
        conversation=conversation,
        channel=opening.contact.labels.channel,
        day=opening.day,
        reopened=opening.contact.act == "reopened",
        by_agent="by_agent" in opening.contact.marks,
        bot=any(one.contact.act == "bot" for one in acts),
        badly_rated=any("bad" in one.contact.marks and one.at <= until for one in acts),
        end=_end(acts),
    )


def _end(acts: list[Known]) -> Contact | None:
    """How it ended first: what is said to be closed after it was resolved was resolved."""
    ends = (one.contact for one in acts if one.contact.act in ("resolved", "closed"))
    return next(ends, None)


def _base(tenant: str, channel: str) -> tuple[str, ...]:
    return tenant, channel, NONE, "normal"


def _order(one: Known) -> tuple[object, ...]:
    labels, contact = one.contact.labels, one.contact
    told = contact.act, contact.topics, contact.marks, one.hops
    return one.at, one.conversation, labels.session, labels.channel, labels.account, *told
