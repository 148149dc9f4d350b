"""Status, assignment, tags and priority of a Zendesk ticket, one draft per event."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from carewatch.channels.drafts import (
    AgentId,
    AssignmentDraft,
    Draft,
    MessageDraft,
    MessageId,
    SideDraft,
)
from carewatch.channels.fields import get_id, get_list, get_object, get_text, need_id, need_text
from carewatch.channels.zendesk.comments import description, opened_at
from carewatch.channels.zendesk.ticket import Ticket, conversation, priority_of
from carewatch.wire.envelope import Lifecycle, Tags


def created(ticket: Ticket) -> Iterator[Draft]:
    """A new ticket, with the first comment, the tags and the assignment it was created with."""
    at = opened_at(ticket)
    state = ticket.state(ticket.detail, "status")
    actor = ticket.actor()
    yield replace(
        ticket.draft("care.conversation.opened", f"{ticket.event_id}|opened", actor, at),
        lifecycle=Lifecycle(to=state),
    )
    tags = _tags(ticket.detail, "tags")
    if tags:
        yield replace(
            ticket.draft("care.conversation.tagged", f"{ticket.event_id}|tags", actor, at),
            tags=Tags(added=tags, all=tags),
        )
    first = description(ticket)
    if first is not None:
        yield first
    agent, group = get_id(ticket.detail, "assignee_id"), ticket.detail.get("group_id")
    if agent is not None or group is not None:
        name = ticket.group(group)
        side = SideDraft(agent=AgentId("zendesk", agent)) if agent else SideDraft()
        yield replace(
            ticket.draft("care.conversation.assigned", f"{ticket.event_id}|assigned", actor, at),
            assignment=AssignmentDraft(
                to=replace(side, team=name, queue=name) if name else side,
                cause="manual" if actor.kind == "agent" else "auto",
            ),
        )
    if state not in ("new", "open"):
        yield replace(
            ticket.draft(
                "care.conversation.status_changed", f"{ticket.event_id}|status", actor, at
            ),
            lifecycle=Lifecycle(to=state),
        )


def _change(ticket: Ticket, event_type: str) -> Draft:
    return ticket.draft(event_type, f"{ticket.event_id}|change", ticket.actor(), ticket.at)


def _status(ticket: Ticket) -> Draft:
    before = get_text(ticket.event, "previous")
    return replace(
        _change(ticket, "care.conversation.status_changed"),
        lifecycle=Lifecycle(
            to=ticket.state(ticket.event, "current"),
            from_=ticket.state(ticket.event, "previous") if before else None,
        ),
    )


def _deleted(ticket: Ticket) -> Draft:
    return replace(
        _change(ticket, "care.conversation.status_changed"), lifecycle=Lifecycle(to="deleted")
    )


def _undeleted(ticket: Ticket) -> Draft:
    return replace(
        _change(ticket, "care.conversation.status_changed"),
        lifecycle=Lifecycle(to=ticket.state(ticket.detail, "status"), from_="deleted"),
    )


def _agent(ticket: Ticket) -> Draft:
    after, before = (_agent_of(ticket, name) for name in ("current", "previous"))
    return _assigned(ticket, SideDraft(agent=after), SideDraft(agent=before))


def _agent_of(ticket: Ticket, name: str) -> AgentId | None:
    number = get_id(ticket.event, name)
    return AgentId("zendesk", number) if number else None


def _group(ticket: Ticket) -> Draft:
    after, before = (ticket.group(ticket.event.get(name)) for name in ("current", "previous"))
    return _assigned(
        ticket, SideDraft(team=after, queue=after), SideDraft(team=before, queue=before)
    )


def _assigned(ticket: Ticket, after: SideDraft, before: SideDraft) -> Draft:
    draft = _change(ticket, "care.conversation.assigned")
    by_rule = draft.actor.kind in ("system", "bot")
    return replace(
        draft,
        assignment=AssignmentDraft(to=after, from_=before, cause="rule" if by_rule else "manual"),
    )


def _tagged(ticket: Ticket) -> Draft | None:
    added, removed = _tags(ticket.event, "tags_added"), _tags(ticket.event, "tags_removed")
    if not added and not removed:
        return None
    return replace(
        _change(ticket, "care.conversation.tagged"),
        tags=Tags(added=added, removed=removed, all=_tags(ticket.detail, "tags")),
    )


def _spam(ticket: Ticket) -> Draft:
    """What is marked as spam leaves every metric, as with the tag of that name (E20)."""
    return replace(_change(ticket, "care.conversation.tagged"), tags=Tags(added=("spam",)))


def _priority(ticket: Ticket) -> Draft:
    level = priority_of(need_text(ticket.event, "current")) or "normal"
    return replace(_change(ticket, "care.other"), priority=level)


def _merged(ticket: Ticket) -> Draft:
    return replace(
        _change(ticket, "care.conversation.merged"),
        lifecycle=Lifecycle(to="merged"),
        merged_into=conversation(need_id(ticket.event, "target_ticket_id")),
    )


def _rewritten(ticket: Ticket) -> Draft:
    """A comment was made private or lost some words: clocks do not look at that (E13)."""
    comment = get_object(ticket.event, "comment")
    return replace(
        _change(ticket, "care.message.updated"),
        message=MessageDraft(id=MessageId("zendesk", need_id(comment, "id"))),
    )


CHANGES: Final[dict[str, Callable[[Ticket], Draft | None]]] = {
    "agent_assignment_changed": _agent,
    "comment_made_private": _rewritten,
    "comment_redacted": _rewritten,
    "group_assignment_changed": _group,
    "marked_as_spam": _spam,
    "merged": _merged,
    "permanently_deleted": _deleted,
    "priority_changed": _priority,
    "soft_deleted": _deleted,
    "status_changed": _status,
    "tags_changed": _tagged,
    "undeleted": _undeleted,
}
"""What each kind of change becomes."""


def changed(kind: str, ticket: Ticket) -> Draft | None:
    """The draft of a change in CHANGES; None when nothing changed after all."""
    return CHANGES[kind](ticket)


def _tags(parent: dict[str, object], name: str) -> tuple[str, ...]:
    return tuple(sorted(need_text({"tag": tag}, "tag") for tag in get_list(parent, name)))
