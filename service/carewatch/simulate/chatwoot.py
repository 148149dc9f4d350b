"""Stories as Chatwoot's account webhooks send them, from a web widget or a mailbox.

A message has its type as text here and as a number inside `conversation.messages`; times are ISO
on the message and epoch seconds in the conversation. Everything falls on whole seconds.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Final, assert_never

from carewatch.simulate.request import Door
from carewatch.simulate.story import Assigned, HandedOff, Queued, Resolved, Said, Story
from carewatch.simulate.written import Written, body_of, digest_of, number_of, rfc3339

MESSAGE_TYPES: Final = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}
BOT: Final = {"id": 3, "name": "Greeter", "type": "agent_bot"}
INBOXES: Final = {
    "web": (11, "Website", "Channel::WebWidget"),
    "email": (12, "Care mailbox", "Channel::Email"),
}


def write_chatwoot(story: Story, run: str, door: Door) -> list[Written]:
    """Each step's webhooks, in the order in which Chatwoot sends them."""
    thread = _Thread(story, run, door)
    for step in story.steps:
        match step:
            case Said():
                thread.said(step)
            case Assigned():
                thread.assigned(step)
            case HandedOff():
                thread.status(step.at_ms, "open")
            case Resolved():
                thread.status(step.at_ms, "resolved")
            case Queued():
                raise ValueError("Chatwoot has no queues of its own: give the story to the web")
            case _:
                assert_never(step)
    return thread.written


@dataclass(slots=True)
class _Status:
    """What the conversation looks like now, as every webhook repeats it."""

    status: str
    assignee: int | None = None
    team: str | None = None
    waiting_since: int = 0
    first_reply_created_at: int | None = None


class _Thread:
    """One Chatwoot conversation: keeps its state and writes what happens to it."""

    def __init__(self, story: Story, run: str, door: Door) -> None:
        self.written: list[Written] = []
        self._story = story
        self._run = run
        self._door = door
        self._id = number_of(story, run)
        self._inbox = INBOXES["email" if story.setting.channel == "email" else "web"]
        has_bot = any(isinstance(step, Said) and step.author == "bot" for step in story.steps)
        self._now = _Status(status="pending" if has_bot else "open")
        self._created_ms = story.steps[0].at_ms
        self._messages: list[dict[str, Any]] = []

    def said(self, step: Said) -> None:
        """A message; the first one creates the conversation, one after the end reopens it."""
        if not self._messages:
            self._write("conversation_created", step.at_ms, self._conversation(step.at_ms))
        elif step.author == "customer" and self._now.status == "resolved":
            self.status(step.at_ms, "open")
        seconds = step.at_ms // 1000
        if step.author == "customer" and not self._now.waiting_since:
            self._now.waiting_since = seconds
        elif step.author == "agent" and not step.note:
            self._now.waiting_since = 0
            self._now.first_reply_created_at = self._now.first_reply_created_at or seconds
        message_type = {"customer": "incoming", "system": "template"}.get(step.author, "outgoing")
        message_id = self._id * 100 + len(self._messages)
        sender = self._sender(step)
        self._messages.append(
            {
                "id": message_id,
                "content": step.text,
                "account_id": self._account(),
                "inbox_id": self._inbox[0],
                "conversation_id": self._id,
                "message_type": MESSAGE_TYPES[message_type],
                "created_at": seconds,
                "updated_at": rfc3339(step.at_ms),
                "private": step.note,
                "status": "sent",
                "source_id": None,
                "content_type": "text",
                "content_attributes": {},
                "sender_type": {"customer": "Contact", "agent": "User", "bot": "AgentBot"}.get(
                    step.author
                ),
                "sender": sender,
            }
        )
        message = {
            "id": message_id,
            "account": {"id": self._account(), "name": "Example Ltd"},
            "additional_attributes": {},
            "content": step.text,
            "content_attributes": {},
            "content_type": "text",
            "conversation": self._conversation(step.at_ms),
            "created_at": rfc3339(step.at_ms),
            "inbox": {"id": self._inbox[0], "name": self._inbox[1]},
            "message_type": message_type,
            "private": step.note,
            "sender": sender,
            "source_id": None,
        }
        # Only a message alone is one event for certain: a status change may become two.
        self._write("message_created", step.at_ms, message, single=True)

    def assigned(self, step: Assigned) -> None:
        """A person or a team takes over: `conversation_updated` with what changed."""
        changed: list[dict[str, Any]] = []
        if step.agent is not None:
            changed.append({"assignee_id": _change(self._now.assignee, step.agent)})
            self._now.assignee = step.agent
        if step.team is not None:
            before = self._now.team
            changed.append(
                {"team_id": _change(_team_id(before) if before else None, _team_id(step.team))}
            )
            self._now.team = step.team
        conversation = self._conversation(step.at_ms) | {"changed_attributes": changed}
        self._write("conversation_updated", step.at_ms, conversation)

    def status(self, at_ms: int, status: str) -> None:
        """The status changes: `conversation_status_changed`."""
        changed = [{"status": _change(self._now.status, status)}]
        self._now.status = status
        conversation = self._conversation(at_ms) | {"changed_attributes": changed}
        self._write("conversation_status_changed", at_ms, conversation)

    def _write(
        self, event: str, at_ms: int, payload: dict[str, Any], *, single: bool = False
    ) -> None:
        digest = digest_of("delivery", self._run, self._id, len(self.written))
        if not event.startswith("message"):
            payload = payload | {"account": {"id": self._account(), "name": "Example Ltd"}}
        self.written.append(
            Written(
                at_ms=at_ms,
                body=body_of({"event": event, **payload}),
                delivery=str(uuid.UUID(bytes=digest[:16], version=4)),
                single=single,
            )
        )

    def _conversation(self, at_ms: int) -> dict[str, Any]:
        now = self._now
        agent = now.assignee
        team = now.team
        return {
            "additional_attributes": {},
            "can_reply": True,
            "channel": self._inbox[2],
            "contact_inbox": {
                "id": self._id,
                "contact_id": self._id,
                "inbox_id": self._inbox[0],
                "source_id": str(
                    uuid.UUID(bytes=digest_of("contact", self._run, self._id)[:16], version=4)
                ),
            },
            "id": self._id,
            "inbox_id": self._inbox[0],
            "messages": self._messages[-1:],
            "labels": [],
            "meta": {
                "sender": self._contact(),
                "assignee": _agent(agent) if agent is not None else None,
                "assignee_type": "User" if agent is not None else None,
                "team": {"id": _team_id(team), "name": team} if team is not None else None,
                "hmac_verified": False,
            },
            "status": now.status,
            "custom_attributes": {},
            "snoozed_until": None,
            "unread_count": 0,
            "first_reply_created_at": now.first_reply_created_at,
            "priority": None,
            "waiting_since": now.waiting_since,
            "agent_last_seen_at": 0,
            "contact_last_seen_at": 0,
            "last_activity_at": self._messages[-1]["created_at"]
            if self._messages
            else self._created_ms // 1000,
            "timestamp": at_ms // 1000,
            "created_at": self._created_ms // 1000,
            "updated_at": at_ms / 1000,
        }

    def _sender(self, step: Said) -> dict[str, Any] | None:
        match step.author:
            case "customer":
                return self._contact()
            case "agent":
                return _agent(self._now.assignee or 1 + self._story.number % 6)
            case "bot":
                return dict(BOT)
            case "system":
                return None
            case _:
                assert_never(step.author)

    def _contact(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "name": f"Customer {self._story.number}",
            "email": f"customer-{self._run}-{self._story.number}@example.com",
            "phone_number": None,
            "identifier": None,
            "avatar": "",
            "thumbnail": "",
            "additional_attributes": {},
            "custom_attributes": {},
            "blocked": False,
            "type": "contact",
        }

    def _account(self) -> int:
        return int(self._door.provider_account)


def _agent(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Agent {number}",
        "email": f"agent-{number}@example.com",
        "type": "user",
    }


def _team_id(name: str) -> int:
    return 1 + sum(name.encode()) % 97


def _change(previous: object, current: object) -> dict[str, object]:
    return {"previous_value": previous, "current_value": current}
