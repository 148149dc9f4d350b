"""Status, assignment, labels and priority of a Chatwoot conversation, one draft per change."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from carewatch.channels.chatwoot.talk import BOTS, PRIORITIES, Talk, agent_of
from carewatch.channels.drafts import ActorDraft, AssignmentDraft, Draft, Occurred, SideDraft
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_list,
    get_object,
    get_text,
    need_text,
)
from carewatch.channels.times import ahead, occurred
from carewatch.wire.envelope import Handoff, Lifecycle, Priority, Tags


@dataclass(frozen=True, slots=True)
class _Change:
    before: object
    after: object


def changes_of(body: Fields) -> dict[str, _Change]:
    """`changed_attributes`: an array of one-key objects, in some versions one object."""
    listed = body.get("changed_attributes")
    sources = listed if isinstance(listed, list) else [] if listed is None else [listed]
    changes: dict[str, _Change] = {}
    for source in sources:
        for name, change in as_object(source, "changed_attributes").items():
            fields = as_object(change, name)
            changes[name] = _Change(fields.get("previous_value"), fields.get("current_value"))
    return changes


def created(talk: Talk) -> Iterator[Draft]:
    status = get_text(talk.fields, "status") or "open"
    # Chatwoot itself creates a conversation pending only where a bot serves the inbox.
    state = talk.state(status, by_bot=True)
    at = occurred(talk.fields.get("created_at"), "s_or_ms", talk.received_at)
    system = ActorDraft(kind="system")
    yield replace(
        talk.draft("care.conversation.opened", f"conversation|{talk.number}|created", at, system),
        lifecycle=Lifecycle(to=state),
    )
    if state != "open":
        yield replace(
            talk.draft(
                "care.conversation.status_changed",
                f"conversation|{talk.number}|created|status",
                at,
                system,
            ),
            lifecycle=Lifecycle(to=state),
        )
    agent = None
    if (get_text(talk.meta, "assignee_type") or "user").lower() not in BOTS:
        agent = agent_of(get_id(get_object(talk.meta, "assignee"), "id"))
    team = get_id(get_object(talk.meta, "team"), "id")
    if agent is not None or team is not None:
        side = SideDraft() if agent is None else SideDraft(agent=agent)
        if team is not None:
            name = talk.team_name(team) or team
            side = SideDraft(agent=side.agent, team=name, queue=name)
        yield replace(
            talk.draft(
                "care.conversation.assigned",
                f"conversation|{talk.number}|created|assigned",
                at,
                system,
            ),
            assignment=AssignmentDraft(to=side, cause="auto"),
        )


def changed(changes: dict[str, _Change], talk: Talk) -> Iterator[Draft]:
    """One draft per kind of change; ids are made of the change, not of the delivery."""
    moment = changes.get("updated_at")
    stamp = moment.after if moment is not None else None
    at = (
        occurred(stamp, "iso" if isinstance(stamp, str) else "s_or_ms", talk.received_at, "ms")
        if stamp is not None
        else occurred(talk.fields.get("updated_at"), "s_or_ms", talk.received_at, "ms")
    )
    # An arrival differs between deliveries: without a time of its own, a change is known by the
    # conversation's last activity.
    instant = at.at if at.quality != "arrival" else get_id(talk.fields, "timestamp")
    stem = f"conversation|{talk.number}|{instant}"
    unknown = ActorDraft(kind="unknown")

    status = changes.get("status")
    if status is not None:
        yield from _status_changed(status, stem, at, talk)
    if {"assignee_id", "team_id", "assignee_agent_bot_id"} & changes.keys():
        yield from _assigned(changes, stem, at, talk)
    labels = changes.get("label_list") or changes.get("labels") or changes.get("cached_label_list")
    if labels is not None:
        before, after = _labels(labels.before), _labels(labels.after)
        added = tuple(sorted(after - before))
        removed = tuple(sorted(before - after))
        if added or removed:
            yield replace(
                talk.draft(
                    "care.conversation.tagged",
                    f"{stem}|tags|{','.join(added)}|{','.join(removed)}",
                    at,
                    unknown,
                ),
                tags=Tags(added=added, removed=removed, all=tuple(sorted(after))),
            )
    priority = changes.get("priority")
    if priority is not None:
        stated = get_text({"priority": priority.after}, "priority")
        level: Priority = PRIORITIES.get(stated or "", "normal")
        yield replace(
            talk.draft("care.other", f"{stem}|priority|{level}", at, unknown), priority=level
        )


def _status_changed(change: _Change, stem: str, at: Occurred, talk: Talk) -> Iterator[Draft]:
    before = get_text({"status": change.before}, "status")
    after = need_text({"status": change.after}, "status")
    handed_over = (
        before == "pending" and after == "open" and talk.account.options.get("pending") != "people"
    )
    by_bot = handed_over or talk.bot_shows()
    until = talk.fields.get("snoozed_until")
    unit: Literal["iso", "s_or_ms"] = "iso" if isinstance(until, str) else "s_or_ms"
    actor = ActorDraft(kind="unknown")
    yield replace(
        talk.draft(
            "care.conversation.status_changed", f"{stem}|status|{before}|{after}", at, actor
        ),
        lifecycle=Lifecycle(
            to=talk.state(after, by_bot=by_bot),
            from_=talk.state(before, by_bot=by_bot) if before else None,
            until=ahead(until, unit) if after == "snoozed" and until else None,
        ),
    )
    if handed_over:
        yield replace(
            talk.draft("care.conversation.handoff", f"{stem}|handoff", at, actor),
            handoff=Handoff(from_="bot", to="human"),
        )


def _assigned(changes: dict[str, _Change], stem: str, at: Occurred, talk: Talk) -> Iterator[Draft]:
    """Team and agent changed at once are one assignment."""
    parts: list[str] = []
    sides: list[SideDraft] = []
    for side in ("before", "after"):
        draft = SideDraft()
        person, team = changes.get("assignee_id"), changes.get("team_id")
        if person is not None:
            agent = agent_of(getattr(person, side))
            draft = SideDraft(agent=agent)
            parts.append(f"agent={agent.value if agent else ''}")
        if team is not None:
            number = get_id({"id": getattr(team, side)}, "id")
            name = talk.team_name(number) if number else None
            if number and name is None and side == "after":
                name = number
            if name is not None or not number:
                draft = SideDraft(agent=draft.agent, team=name, queue=name)
            parts.append(f"team={number or ''}")
        sides.append(draft)
    if parts:
        yield replace(
            talk.draft(
                "care.conversation.assigned",
                f"{stem}|assigned|{'|'.join(parts)}",
                at,
                ActorDraft(kind="unknown"),
            ),
            assignment=AssignmentDraft(to=sides[1], from_=sides[0], cause="unknown"),
        )
    bot = changes.get("assignee_agent_bot_id")
    if bot is not None and bot.after is not None:
        yield replace(
            talk.draft(
                "care.conversation.handoff", f"{stem}|handoff|bot", at, ActorDraft(kind="unknown")
            ),
            handoff=Handoff(from_="human", to="bot"),
        )


def _labels(value: object) -> frozenset[str]:
    """A list of labels; `cached_label_list` is one text with commas."""
    if isinstance(value, str):
        return frozenset(label.strip() for label in value.split(",") if label.strip())
    return frozenset(
        need_text({"label": label}, "label") for label in get_list({"labels": value}, "labels")
    )
