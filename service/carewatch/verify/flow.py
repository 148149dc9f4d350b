"""What came and went: resolutions and reopenings, replies until then, transfers (5.2).

Openings and resolutions themselves are facts; `history` counts them.
"""

from collections.abc import Iterator

from carewatch.verify.days import Day
from carewatch.verify.instants import DAY
from carewatch.verify.state import Count, Labels, Moment
from carewatch.verify.visits import Visit, visits, writer

WITHIN = 7 * DAY
REMEMBERED = 16
"""So many queues and teams that were left are known, each (5.2)."""

PUBLIC = ("customer", "person", "bot", "auto", "system")


def flow(moments: list[Moment], day: Day) -> Iterator[Count]:
    """Every count of a conversation's openings and resolutions."""
    all_visits = visits(moments)
    days: set[int] = set()
    for number, one in enumerate(all_visits):
        yield from _opened(one)
        yield from _passed_on(one)
        if one.end is not None:
            yield _sized("thread_size", one, PUBLIC)
        if one.end == "resolved":
            later = all_visits[number + 1 : number + 2]
            yield from _resolved(one, next((other for other in later if other.reopened), None))
            start = day(one.last.labels.tenant, one.last.at)[0]
            if start not in days:
                days.add(start)
                yield Count("resolved_conversations", one.last.at, one.last.labels)


def _opened(one: Visit) -> Iterator[Count]:
    if one.reopened:
        return
    at, labels = one.opening.at, one.opening.labels
    if one.end == "resolved" and one.last.at - at <= WITHIN:
        yield Count("resolution_rate", at, labels, told=one.last.at)


def _resolved(one: Visit, again: Visit | None) -> Iterator[Count]:
    at, labels = one.last.at, one.last.labels
    if again is not None:
        yield Count("reopen_rate", at, labels, told=again.opening.at)
    replies = _sized("replies_to_resolution", one, ("person",))
    yield replies
    yield Count("one_touch_rate", at, labels, n=int(replies.n == 1), d=1)


def _sized(metric: str, one: Visit, who: tuple[str, ...]) -> Count:
    """How many of these wrote in a session, whether or not it was deleted."""
    count = sum(writer(moment) in who for moment in one.moments)
    return Count(metric, one.last.at, one.last.labels, n=count)


def _passed_on(one: Visit) -> Iterator[Count]:
    """Transfers: assignments from one known queue or team to another known one (E16)."""
    left: dict[str, list[str]] = {"queue": [], "team": []}
    hops, before = 0, one.opening
    for moment in one.moments[1:]:
        moved = {name for name in left if _known(before.labels, name)} & {
            name
            for name in left
            if _known(moment.labels, name) and _of(moment, name) != _of(before, name)
        }
        assigned = moment.event is not None and moment.event.type == "care.conversation.assigned"
        if moved and assigned:
            hops += 1
            back = any(_of(moment, name) in left[name][-REMEMBERED:] for name in moved)
            yield Count("transfers", moment.at, moment.labels)
            yield Count("bounce_rate", moment.at, moment.labels, n=int(back), d=1)
        for name, places in left.items():
            if _known(before.labels, name) and _of(moment, name) != _of(before, name):
                places.append(_of(before, name))
        before = moment
    if one.end is not None:
        yield Count("hops_per_session", one.last.at, one.last.labels, n=hops)


def _of(moment: Moment, name: str) -> str:
    return str(getattr(moment.labels, name))


def _known(labels: Labels, name: str) -> bool:
    return bool(getattr(labels, name) != "none")
