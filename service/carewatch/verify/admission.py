"""What a record of `care.events` is: an event, a control record, or dead (R1)."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from carewatch.verify.instants import instant

NEEDED = {
    "care.message.created": "message",
    "care.message.updated": "message",
    "care.message.deleted": "message",
    "care.message.reacted": "message",
    "care.message.annotated": "message",
    "care.message.status": "status",
    "care.conversation.opened": None,
    "care.conversation.status_changed": "lifecycle",
    "care.conversation.merged": "lifecycle",
    "care.conversation.assigned": "assignment",
    "care.conversation.handoff": "handoff",
    "care.conversation.tagged": "tags",
    "care.conversation.rated": "csat",
    "care.conversation.survey_requested": "csat",
    "care.conversation.turn_inherited": "inherited",
    "care.queue.entered": "queue",
    "care.queue.left": "queue",
    "care.call.phase": "call",
    "care.interaction.summary": "summary",
    "care.customer.linked": None,
    "care.customer.erased": None,
    "care.agent.state_changed": None,
    "care.other": None,
}
"""Every type, and the section of `data` without which it says nothing."""

LARGEST = 65_536
"""Bytes of an event; a control record may be larger, since one holds a whole rulebook."""

CONTROL = ("care.tick", "care.rulebook.published", "care.version.gate")

STATUSES = ("new", "bot", "queued", "open", "pending", "snoozed", "resolved", "closed", "deleted")
LISTS: dict[str, tuple[str, ...]] = {
    "channel": (
        *("whatsapp", "messenger", "instagram", "x", "wechat", "telegram", "line", "viber"),
        *("slack", "sms", "email", "web", "voice", "other"),
    ),
    "source_role": ("channel", "helpdesk", "contact_center", "survey", "generic"),
    "priority": ("urgent", "high", "normal", "low"),
    "actor.kind": ("customer", "agent", "bot", "system", "unknown"),
    "message.direction": ("inbound", "outbound", "internal"),
    "message.kind": (
        *("text", "image", "video", "audio", "document", "sticker", "location", "contact"),
        *("choice", "prompt", "template", "form", "reaction", "email", "system", "unsupported"),
    ),
    "lifecycle.to": (*STATUSES, "merged"),
    "lifecycle.from": (*STATUSES, "merged"),
    "handoff.to": ("bot", "human", "queue"),
    "queue.outcome": ("answered", "abandoned", "transferred", "callback", "flow_out"),
    "call.phase": (
        *("started", "ivr", "queued", "ringing", "answered", "held", "resumed", "transferred"),
        *("ended", "wrapup", "completed", "abandoned", "missed", "voicemail"),
    ),
}
"""Values of closed lists; any other value makes a record dead."""

REQUIRED = {
    "message": ("key",),
    "lifecycle": ("to",),
    "handoff": ("to",),
    "queue": ("name",),
    "call": ("call_key", "phase"),
    "csat": ("phase", "instrument", "scale_min", "scale_max"),
    "summary": ("replaces_key", "precision_ms"),
    "status": ("value",),
    "inherited": ("from_conversation", "started_at", "revision", "hops"),
}


Unsaid = Literal["unsaid"]
"""For the key of a record that a file does not say."""


class Dead(Exception):
    """The record can't be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a conversation; `data` as it came."""

    id: str
    source: str
    type: str
    time: int
    recorded: int
    key: str
    data: dict[str, Any]

    @property
    def conversation(self) -> tuple[str, str]:
        """The identity: tenant and conversation key (E24)."""
        return self.data["tenant"], self.data["conversation_key"]

    def section(self, name: str) -> dict[str, Any]:
        """A section of `data`; empty if the event has none."""
        found: dict[str, Any] = self.data.get(name) or {}
        return found


@dataclass(frozen=True, slots=True)
class Control:
    """A tick, a rulebook or a version gate."""

    type: str
    recorded: int
    data: dict[str, Any]


def admit(value: bytes | None, key: bytes | Unsaid | None = "unsaid") -> Event | Control:
    """The record, or Dead with the reason.

    A control record has no key, an event that of its conversation; where nobody says a key it is
    taken for right.
    """
    try:
        read = json.loads(value or b"", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Dead("not JSON") from error
    if not isinstance(read, dict):
        raise Dead("no object")
    kind = read.get("type")
    written = (read.get("specversion"), read.get("dataschema"))
    if written[0] != "1.0" or not str(written[1]).startswith("care-event/1."):
        raise Dead("a version that is not known")
    try:
        recorded, time = instant(read["recordedtime"]), instant(read["time"])
    except (KeyError, TypeError, ValueError) as error:
        raise Dead("time or recordedtime is missing or no time") from error
    if kind in CONTROL:
        if key not in (None, "unsaid"):
            raise Dead("a control record with a key")
        return Control(kind, recorded, read.get("data") or {})
    if kind not in NEEDED:
        raise Dead("unknown type")
    if len(value or b"") > LARGEST:
        raise Dead("too large")
    for name in ("id", "source", "partitionkey"):
        if not isinstance(read.get(name), str) or not read[name]:
            raise Dead(f"{name} is missing")
    data = read.get("data")
    if not isinstance(data, dict):
        raise Dead("data is missing")
    _check(kind, data)
    if read["partitionkey"] != data["conversation_key"]:
        raise Dead("partitionkey is not data.conversation_key")
    if key not in (read["partitionkey"].encode(), "unsaid"):
        raise Dead("the key is not data.conversation_key")
    return Event(read["id"], read["source"], kind, time, recorded, read["partitionkey"], data)


def _no_number(text: str) -> None:
    """Python's reader takes NaN and Infinity; JSON knows neither."""
    raise ValueError(text)


def _check(kind: str, data: dict[str, Any]) -> None:
    for name in ("tenant", "channel", "adapter", "account_ref", "conversation_key"):
        if not isinstance(data.get(name), str) or not data[name]:
            raise Dead(f"data.{name} is missing")
    if not isinstance(data.get("actor"), dict) or "kind" not in data["actor"]:
        raise Dead("data.actor.kind is missing")
    needed = NEEDED[kind]
    if needed is not None and not isinstance(data.get(needed), dict):
        raise Dead(f"data.{needed} is missing")
    for section, names in REQUIRED.items():
        said = data.get(section)
        if isinstance(said, dict) and not all(name in said for name in names):
            raise Dead(f"data.{section} lacks a field")
    for path, values in LISTS.items():
        section, _, name = path.rpartition(".")
        within = data.get(section) if section else data
        if isinstance(within, dict) and name in within and within[name] not in values:
            raise Dead(f"data.{path} is outside its list")
    _contradiction(kind, data)


def _contradiction(kind: str, data: dict[str, Any]) -> None:
    if kind != "care.message.created":
        return
    direction, actor = data["message"].get("direction"), data["actor"]["kind"]
    if direction is None:
        raise Dead("data.message.direction is missing")
    if (actor, direction) in (("customer", "outbound"), ("agent", "inbound")):
        raise Dead(f"a message {direction} of an actor {actor}")
