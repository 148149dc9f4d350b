"""What the sessions of one conversation say of their customer (W7)."""

from dataclasses import dataclass

from carewatch.verify.bots import contained
from carewatch.verify.days import Day
from carewatch.verify.instants import HOUR
from carewatch.verify.state import Moment
from carewatch.verify.topics import rated
from carewatch.verify.visits import Visit, visits, writer

BOT_HORIZON = 72 * HOUR
BAD = 400
"""Ratings below lie in the lower 40 % of their scale."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A session that opened at an instant, as the customer's others are held against it.

    `by_agent`: an agent began it, so it is no contact of the customer; `helped`: a bot kept it,
    and was not rated badly.
    """

    tenant: str
    customer: str
    channel: str
    conversation: str
    number: int
    at: int
    by_agent: bool
    reopened: bool
    resolved: int | None
    moved: bool
    ended: bool
    topics: frozenset[str]
    bot: bool
    helped: bool


@dataclass(frozen=True, slots=True)
class Wrote:
    """A customer wrote, for the first time in a conversation on a channel and local day."""

    tenant: str
    customer: str
    channel: str
    day: int
    at: int


Said = Contact | Wrote


def said_of_customers(moments: list[Moment], day: Day) -> frozenset[Said]:
    """Everything that a conversation says of whom it names as its customer."""
    found: set[Said] = set()
    told: tuple[str, str, int] | None = None
    for one in moments:
        labels = one.labels
        if writer(one) == "customer" and labels.customer is not None:
            wrote = labels.customer, labels.channel, day(labels.tenant, one.at)[0]
            if wrote != told:
                told = wrote
                found.add(Wrote(labels.tenant, *wrote, one.at))
    for visit in visits(moments):
        if visit.opening.labels.customer is not None:
            found.add(_contact(visit, visit.opening.labels.customer, moments))
    return frozenset(found)


def _contact(visit: Visit, customer: str, moments: list[Moment]) -> Contact:
    opening, last = visit.opening, visit.last
    return Contact(
        opening.labels.tenant,
        customer,
        opening.labels.channel,
        opening.labels.conversation,
        visit.number,
        opening.at,
        by_agent=opening.initiated_by == "agent",
        reopened=visit.reopened,
        resolved=last.at if visit.end == "resolved" else None,
        moved=_moved(visit),
        ended=visit.end is not None,
        topics=last.topics,
        bot=any(writer(one) == "bot" for one in visit.moments),
        helped=contained(visit)
        and last.at - opening.at <= BOT_HORIZON
        and not _rated_badly(visit, moments),
    )


def _moved(visit: Visit) -> bool:
    """Whether the session went from one known team to another."""
    teams = [one.labels.team for one in visit.moments if one.labels.team != "none"]
    return len(set(teams)) > 1


def _rated_badly(visit: Visit, moments: list[Moment]) -> bool:
    """A rating of the session, given in it or after it until the next one."""
    for one in moments:
        event = one.event
        if event is None or not one.heard or event.type != "care.conversation.rated":
            continue
        score = rated(one)
        mine = one.session == visit.number and one.at >= visit.opening.at
        if mine and score is not None and score < BAD:
            return one.at - visit.opening.at <= BOT_HORIZON
    return False
