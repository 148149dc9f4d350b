"""Stories as our own web chat sends them: Standard Webhooks with our vocabulary."""

from typing import Any, assert_never

from carewatch.simulate.request import Door
from carewatch.simulate.story import Assigned, HandedOff, Queued, Resolved, Said, Step, Story
from carewatch.simulate.written import Written, body_of, rfc3339


def write_web(story: Story, run: str, door: Door) -> list[Written]:
    """One body `{type, timestamp, data}` for each step; `door` is in the URL only."""
    written = []
    for index, step in enumerate(story.steps):
        key = f"{run}-{story.number}-{index}"
        type_, section = _said_as(step, story, run, key)
        document = {
            "type": type_,
            "timestamp": rfc3339(step.at_ms),
            "data": {
                "channel": "web",
                "conversation_key": f"chat-{run}-{story.number}",
                "customer_key": f"visitor-{run}-{story.number}",
                **section,
            },
        }
        written.append(
            Written(
                at_ms=step.at_ms,
                body=body_of(document),
                delivery=f"{door.account}-{key}",
                single=True,
            )
        )
    return written


def _said_as(step: Step, story: Story, run: str, key: str) -> tuple[str, dict[str, Any]]:
    """The event type and the sections of `data` that belong to it."""
    match step:
        case Said():
            return "care.message.created", _message(step, story, run, key)
        case Assigned():
            side = {"agent": _agent(step.agent)} if step.agent is not None else {}
            if step.team is not None:
                side |= {"team": step.team, "queue": step.team}
            assignment = {"to": side, "cause": "rule"}
            return "care.conversation.assigned", {
                "actor": {"kind": "system"},
                "assignment": assignment,
            }
        case HandedOff():
            return "care.conversation.handoff", {
                "actor": {"kind": "bot"},
                "handoff": {"from": "bot", "to": "human"},
            }
        case Queued():
            queue = {"name": step.queue}
            if step.outcome is None:
                return "care.queue.entered", {"actor": {"kind": "system"}, "queue": queue}
            return "care.queue.left", {
                "actor": {"kind": "customer", "key": f"visitor-{run}-{story.number}"},
                "queue": queue | {"outcome": step.outcome},
            }
        case Resolved():
            actor: dict[str, str] = {"kind": step.by}
            if step.by == "agent":
                actor["key"] = _agent(1)
            return "care.conversation.status_changed", {
                "actor": actor,
                "lifecycle": {"to": "resolved"},
            }
        case _:
            assert_never(step)


def _message(step: Said, story: Story, run: str, key: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "key": f"m-{key}",
        "direction": _direction(step),
        "kind": "text",
        "has_text": True,
        "chars": len(step.text),
    }
    if not step.needs_reply:
        message["needs_reply"] = False
    actor: dict[str, str] = {"kind": step.author}
    match step.author:
        case "customer":
            actor["key"] = f"visitor-{run}-{story.number}"
        case "agent":
            actor["key"] = _agent(1 + story.number % 6)
        case "bot":
            actor["key"] = "greeter"
        case "system":
            message["automated"] = True
        case _:
            assert_never(step.author)
    return {"actor": actor, "message": message}


def _direction(step: Said) -> str:
    if step.note:
        return "internal"
    return "inbound" if step.author == "customer" else "outbound"


def _agent(number: int) -> str:
    return f"agent-{number}"
