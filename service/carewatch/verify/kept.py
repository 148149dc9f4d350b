"""What became of promises, session by session and pause by pause (5.6)."""

from collections.abc import Iterator, Sequence
from typing import Any

from carewatch.verify.hours import Span
from carewatch.verify.instants import instant
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Count, Moment
from carewatch.verify.visits import visits

Record = dict[str, Any]


def clean(moments: list[Moment], records: Sequence[Record]) -> Iterator[Count]:
    """Sessions in which an SLA clock was told, at their end; those without a breach in part.

    A promise that is kept up beyond the end and broken there spoils no session any more.
    """
    for visit in visits(moments):
        told = [one for one in records if one["session"] == visit.number]
        if visit.end is None or not told:
            continue
        last = visit.last
        # At the instant of the end a deadline comes after it (S2), but what broke a promise by
        # changing it came before, if anything but the end happened then.
        changed = any(one.at == last.at for one in visit.moments[:-1])
        breached = any(
            instant(one["at"]) < last.at
            or (changed and one["reason"] != "due" and instant(one["at"]) == last.at)
            for one in told
            if one["to"] == "breached" and one["from"] != "breached"
        )
        yield Count("policy_clean_rate", last.at, last.labels, n=int(not breached), d=1)


def pauses(moments: list[Moment], records: Sequence[Record], books: Rulebooks) -> Iterator[Count]:
    """Pauses over an unanswered message, told when the pause, the turn or the clock ends."""
    waits = list(_waits(moments))
    clocks: dict[tuple[str, int], list[Record]] = {}
    for one in records:
        clocks.setdefault((one["target"], one["cycle"]), []).append(one)
    for many in clocks.values():
        since: int | None = None
        for one in many:
            at = instant(one["at"])
            if since is not None and (not one["paused"]):
                yield from _paused((since, at), waits, one, moments, books)
                since = None
            if since is None and one["paused"]:
                since = at
        if since is not None:
            yield from _paused((since, None), waits, many[-1], moments, books)


def _paused(
    pause: tuple[int, int | None],
    waits: list[tuple[int, int | None]],
    record: Record,
    moments: list[Moment],
    books: Rulebooks,
) -> Iterator[Count]:
    for start, end in waits:
        since = max(start, pause[0])
        ends = [one for one in (end, pause[1]) if one is not None]
        if not ends or min(ends) <= since:
            continue
        until = min(ends)
        ended_by = [one for one in moments if one.at == until][:1]
        now = (ended_by or [one for one in moments if one.at < until])[-1].labels
        hours = books.at(until).hours_of(now.tenant, now.queue)
        span: Span = since, until
        yield Count(
            "suspect_pause",
            until,
            now,
            _promise(record),
            n=until - since,
            business=None if hours is None else hours.elapsed(*span),
        )


def _waits(moments: list[Moment]) -> Iterator[tuple[int, int | None]]:
    """The stretches in which a turn was open and people had the conversation."""
    since: int | None = None
    for one in moments:
        waits = one.turn is not None and not one.bot_has
        if waits and since is None:
            since = one.at
        elif not waits and since is not None:
            yield since, one.at
            since = None
    if since is not None:
        yield since, None


def _promise(record: Record) -> tuple[tuple[str, str], ...]:
    return (("policy", record["policy"]), ("target", record["target"]))
