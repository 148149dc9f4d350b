"""Whom a policy is for: the conditions of `match`, and what they can ask about."""

from typing import NamedTuple

from carewatch.domain.rulebook import Condition, Match


class Subject(NamedTuple):
    """All that `match` can ask about, and the priority that a target may depend on."""

    tenant: str
    channel: str
    account: str
    queue: str
    team: str
    priority: str
    tags: tuple[str, ...] = ()
    initiated_by: str | None = None
    topics: tuple[str, ...] = ()
    language: str | None = None


def matches(match: Match, subject: Subject) -> bool:
    """Whether all conditions of `all` hold, and one of `any` where there are any."""
    return all(_holds(c, subject) for c in match.all) and (
        not match.any or any(_holds(c, subject) for c in match.any)
    )


def _holds(condition: Condition, subject: Subject) -> bool:
    values = _values(condition.field, subject)
    if condition.eq is not None:
        return condition.eq in values
    if condition.in_ is not None:
        return any(value in condition.in_ for value in values)
    return not any(value in (condition.not_in or ()) for value in values)


def _values(name: str, subject: Subject) -> tuple[str, ...]:
    """The values of a match field; of tags and topics all, of everything else one or none."""
    match name:
        case "tenant":
            return (subject.tenant,)
        case "channel":
            return (subject.channel,)
        case "account_ref":
            return (subject.account,)
        case "queue":
            return (subject.queue,)
        case "team":
            return (subject.team,)
        case "priority":
            return (subject.priority,)
        case "tag":
            return subject.tags
        case "topic":
            return subject.topics
        case "language":
            return () if subject.language is None else (subject.language,)
        case "initiated_by":
            return () if subject.initiated_by is None else (subject.initiated_by,)
        case _:
            return ()
