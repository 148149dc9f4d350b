"""State, assignment, tags, priority and ratings of an Intercom conversation."""

from collections.abc import Iterator
from dataclasses import replace

from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    AssignmentDraft,
    CsatDraft,
    Draft,
    MessageId,
    SideDraft,
    SummaryDraft,
)
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_flag,
    get_id,
    get_int,
    get_list,
    get_object,
    get_text,
    need_text,
)
from carewatch.channels.intercom.messages import said_with
from carewatch.channels.intercom.talk import Talk
from carewatch.channels.times import ahead
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Handoff, Lifecycle, LifecycleState, Tags

_SECOND_MS = 1000


def assigned(talk: Talk) -> Iterator[Draft]:
    """Teammate and team as they are now; a bot that stood in front hands over with it."""
    part = talk.newest(("assignment", "away_mode_assignment", "default_assignment", "open"))
    at, actor = talk.happened(part), talk.author(part or {})
    to = _assignees(talk, get_object(part, "assigned_to") if part else {})
    yield replace(
        talk.change("care.conversation.assigned", at, actor),
        assignment=AssignmentDraft(to=to, cause="manual" if actor.kind == "agent" else "rule"),
    )
    if actor.kind == "bot" and get_flag(talk.item, "ai_agent_participated"):
        yield replace(
            talk.change("care.conversation.handoff", at, actor),
            handoff=Handoff(from_="bot", to="human"),
        )


def _assignees(talk: Talk, named: Fields) -> SideDraft:
    """Who has it: as the conversation says, else whom the part names."""
    side = SideDraft()
    if "admin_assignee_id" in talk.item:
        side = replace(side, agent=_agent(get_id(talk.item, "admin_assignee_id")))
    elif get_text(named, "type") in ("admin", "nobody_admin"):
        side = replace(side, agent=_agent(get_id(named, "id")))
    team = None
    if "team_assignee_id" in talk.item:
        team = _number(get_id(talk.item, "team_assignee_id"))
    elif get_text(named, "type") == "team":
        team = get_id(named, "id")
    else:
        return side
    return replace(side, team=talk.team(team), queue=talk.team(team))


def _agent(number: str | None) -> AgentId | None:
    number = _number(number)
    return AgentId("intercom", number) if number else None


def _number(number: str | None) -> str | None:
    """Some versions write 0 for nobody."""
    return None if number == "0" else number


def _state(talk: Talk, types: tuple[str, ...], to: LifecycleState) -> tuple[Fields | None, Draft]:
    part = talk.newest(types)
    draft = talk.change(
        "care.conversation.status_changed", talk.happened(part), talk.author(part or {})
    )
    return part, replace(draft, lifecycle=Lifecycle(to=to))


def closed(talk: Talk) -> Iterator[Draft]:
    """Resolved, perhaps with a last word, and with what Intercom says that it took."""
    part, draft = _state(talk, ("close",), "resolved")
    if part is not None:
        yield from said_with(talk, part)
    summary = _summary(talk)
    if summary is not None:
        yield replace(
            talk.change("care.interaction.summary", draft.occurred, draft.actor), summary=summary
        )
    yield draft


def opened(talk: Talk) -> Iterator[Draft]:
    """Open again: by hand, or because a snooze is over."""
    part, draft = _state(talk, ("open", "unsnoozed", "timer_unsnooze", "note_and_reopen"), "open")
    yield draft
    if part is not None and get_text(part, "part_type") == "open":
        yield from said_with(talk, part)


def snoozed(talk: Talk) -> Iterator[Draft]:
    _, draft = _state(talk, ("snoozed",), "snoozed")
    until = talk.item.get("snoozed_until")
    if until:
        draft = replace(draft, lifecycle=Lifecycle(to="snoozed", until=ahead(until, "s")))
    yield draft


def deleted(talk: Talk) -> Iterator[Draft]:
    yield replace(
        talk.change("care.conversation.status_changed", talk.told_at, ActorDraft(kind="unknown")),
        lifecycle=Lifecycle(to="deleted"),
    )


def prioritised(talk: Talk) -> Iterator[Draft]:
    need_text(talk.item, "priority")
    yield talk.change("care.other", talk.told_at, ActorDraft(kind="unknown"))


def tagged(talk: Talk) -> Iterator[Draft]:
    """Tags of a part are tags of its conversation."""
    added = _tags(get_object(talk.item, "tags_added"))
    every = _tags(get_object(talk.item, "tags"))
    if added or every:
        yield replace(
            talk.change("care.conversation.tagged", talk.told_at, ActorDraft(kind="unknown")),
            tags=Tags(added=added or every),
        )


def _tags(listed: Fields) -> tuple[str, ...]:
    return tuple(
        sorted(need_text(as_object(tag, "tags"), "name") for tag in get_list(listed, "tags"))
    )


def rated(talk: Talk) -> Iterator[Draft]:
    """A rating, again when words are added to it: one survey, known by when it was asked for.

    That it was asked for is told with the answer only, so it counts as no request: a rate of
    those who answer, among those who answered, would be 100 %.
    """
    rating = as_object(talk.item.get("conversation_rating"), "conversation_rating")
    score = get_int(rating, "rating")
    if score is None or not 1 <= score <= 5:
        raise InvalidRecord("schema", "rating")
    rated_agent = get_id(get_object(rating, "teammate"), "id")
    asked_at = get_id(rating, "created_at") or ""
    yield replace(
        talk.change(
            "care.conversation.rated", talk.told_at, ActorDraft(kind="customer", id=talk.customer)
        ),
        csat=CsatDraft(
            phase="answered",
            instrument="csat",
            scale_min=1,
            scale_max=5,
            score=score,
            survey=MessageId("intercom", f"{talk.number}:rating:{asked_at}"),
            has_comment=get_text(rating, "remark") is not None,
            rated_agent=AgentId("intercom", rated_agent) if rated_agent else None,
        ),
    )


def _summary(talk: Talk) -> SummaryDraft | None:
    """What Intercom states of the whole conversation so far; None when it states no durations."""
    stated = get_object(talk.item, "statistics")
    spent = {
        name: seconds * _SECOND_MS
        for name in ("handling_time", "time_to_admin_reply", "time_to_last_close")
        if (seconds := get_int(stated, name)) is not None and seconds >= 0
    }
    if not spent:
        return None
    return SummaryDraft(
        replaces=talk.conversation,
        precision_ms=_SECOND_MS,
        handle_ms=spent.get("handling_time"),
        first_response_ms=spent.get("time_to_admin_reply"),
        resolution_ms=spent.get("time_to_last_close"),
        reopens=get_int(stated, "count_reopens"),
    )
