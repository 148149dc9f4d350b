"""Counts that need all conversations of a customer (W7): for each day, exact, per channel.

They are a function of the set of what is known of a customer, so they are worked out anew whenever
a conversation says something else, and only the difference counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from carewatch.verify.contacts import BOT_HORIZON, Contact, Said, Wrote
from carewatch.verify.days import Day
from carewatch.verify.history import Change, Entry
from carewatch.verify.instants import DAY
from carewatch.verify.points import plain

WEEK = 7 * DAY
KEPT = 90 * DAY
"""So long after a day a customer who comes back was kept."""

MOST_HOPS = 8
"""So often a contact is passed on from key to key."""

Customer = tuple[str, str]
"""Tenant and customer key."""

Saying = tuple[int, str, frozenset[Said], int]
"""At a clock, all that a conversation then said, and how long its windows stay open."""


@dataclass(slots=True)
class Customers:
    """Hears what conversations say, in order of their clocks, and says what changes by it."""

    day: Day
    _links: dict[Customer, list[tuple[int, str]]] = field(default_factory=dict)

    def link(self, tenant: str, customer: str, other: str, at: int) -> None:
        """From an instant on what `other` does is done by `customer` (E23)."""
        self._links.setdefault((tenant, other), []).append((at, customer))

    def changes(self, sayings: Iterable[Saying]) -> Iterator[Change]:
        """Every change of a count, with the clock at which it happened."""
        known: dict[str, frozenset[Said]] = {}
        whose: dict[Customer, set[str]] = {}
        standing: dict[Customer, Counter[Entry]] = {}
        for clock, name, sets, lateness in sorted(sayings, key=lambda one: (one[0], one[1])):
            touched = {self._named(one) for one in known.get(name, frozenset()) ^ sets}
            known[name] = sets
            for customer in sorted(touched):
                whose.setdefault(customer, set()).add(name)
                mine = [
                    one
                    for conversation in sorted(whose[customer])
                    for one in known[conversation]
                    if self._named(one) == customer
                ]
                now = Counter(_counted(mine, self.day))
                then = standing.get(customer, Counter())
                standing[customer] = now
                for sign, entries in ((-1, then - now), (1, now - then)):
                    for entry in entries.elements():
                        yield Change(sign, (entry,), clock, lateness, None, entry.labels)

    def _named(self, one: Said) -> Customer:
        """Who did it: a session is of whom it was of when it opened."""
        name = one.customer
        for _ in range(MOST_HOPS):
            links = [link for link in self._links.get((one.tenant, name), ()) if link[0] <= one.at]
            if not links:
                break
            name = max(links)[1]
        return one.tenant, name


def _counted(said: list[Said], day: Day) -> Iterator[Entry]:
    contacts = [one for one in said if isinstance(one, Contact)]
    wrote = [one for one in said if isinstance(one, Wrote)]
    yield from _days_of(wrote)
    resolved = [(one.channel, one.resolved, one) for one in contacts if one.resolved is not None]
    for channel, start, tenant in {
        (channel, day(one.tenant, at)[0], one.tenant) for channel, at, one in resolved
    }:
        yield Entry("resolved_customers", plain(tenant, channel), start, 1)
    for one in contacts:
        others = [other for other in contacts if other is not one and not other.by_agent]
        yield from _repeats(one, others)
        yield from _first_contact(one, others, contacts)
        yield from _by_bot(one, others)


def _days_of(wrote: list[Wrote]) -> Iterator[Entry]:
    starts = {(one.tenant, one.channel, one.day) for one in wrote}
    for tenant, channel, start in starts:
        again = any(start < later <= start + KEPT for _, _, later in starts)
        yield Entry("unique_customers", plain(tenant, channel), start, 1)
        yield Entry("retention_rate", plain(tenant, channel), start, int(again), 1)


def _repeats(one: Contact, others: list[Contact]) -> Iterator[Entry]:
    if one.by_agent:
        return
    again = any(_before(other, one) and one.at - other.at <= WEEK for other in others)
    labels = plain(one.tenant, one.channel)
    yield Entry("repeat_contact_rate", labels, one.at, int(again), 1)
    for topic in one.topics if one.ended else ():
        under = (*labels, ("topic", topic))
        yield Entry("repeat_contact_rate_by_topic", under, one.at, int(again), 1)


def _before(other: Contact, one: Contact) -> bool:
    mine, theirs = ((c.at, c.conversation, c.number) for c in (one, other))
    return theirs < mine


def _first_contact(one: Contact, others: list[Contact], contacts: list[Contact]) -> Iterator[Entry]:
    if one.by_agent or one.reopened or one.resolved is None or one.resolved - one.at > WEEK:
        return
    again = any(
        _before(one, other)
        and other.at <= one.at + WEEK
        and (not one.topics or not other.topics or one.topics & other.topics)
        for other in others
    )
    reopened = any(
        other.reopened
        and other.conversation == one.conversation
        and other.number == one.number + 1
        and other.at <= one.at + WEEK
        for other in contacts
    )
    first = not (again or reopened or one.moved)
    yield Entry("fcr", plain(one.tenant, one.channel), one.at, int(first), 1)


def _by_bot(one: Contact, others: list[Contact]) -> Iterator[Entry]:
    if not one.bot:
        return
    again = any(_before(one, other) and other.at <= one.at + BOT_HORIZON for other in others)
    helped = one.helped and not again
    yield Entry("bot_resolution", plain(one.tenant, one.channel), one.at, int(helped), 1)
