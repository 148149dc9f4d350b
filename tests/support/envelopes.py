"""Events as they stand in `care.events`, written with few words, and random ones."""

from typing import Any

import orjson
from hypothesis import strategies as st

from carewatch.domain.times import format_time, parse_time

START = parse_time("2026-01-05T09:00:00.000Z")

Event = dict[str, Any]


def event(
    kind: str,
    at: int,
    *,
    id_: str,
    key: str = "c1",
    actor: str = "customer",
    actor_key: str | None = None,
    arrives: int | None = None,
    tenant: str = "acme",
    channel: str = "whatsapp",
    **sections: Any,
) -> Event:
    """One event, `at` and `arrives` in ms after START; sections as in `data`."""
    who: dict[str, Any] = {"kind": actor}
    if actor_key is not None:
        who["key"] = actor_key
    return {
        "specversion": "1.0",
        "id": id_,
        "source": f"/care/{tenant}/generic/pn-1",
        "type": f"care.{kind}",
        "time": format_time(START + at),
        "recordedtime": format_time(START + (at + 200 if arrives is None else arrives)),
        "partitionkey": key,
        "dataschema": "care-event/1.0",
        "data": {
            "tenant": tenant,
            "adapter": "generic",
            "channel": channel,
            "account_ref": "pn-1",
            "conversation_key": key,
            "customer_key": f"u_{key}",
            "actor": who,
            **sections,
        },
    }


def message(at: int, *, id_: str, actor: str = "customer", **more: Any) -> Event:
    """A message: inbound of a customer, outbound of anybody else."""
    said = {
        "key": f"m_{id_}",
        "direction": "inbound" if actor == "customer" else "outbound",
        "kind": "text",
        **more.pop("message", {}),
    }
    return event("message.created", at, id_=id_, actor=actor, message=said, **more)


def encode(value: Event) -> bytes:
    """The bytes of an event."""
    return orjson.dumps(value)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 14, keys: tuple[str, ...] = ("c1",)) -> list[Event]:
    """Events of a few conversations in order of their time, a few seconds or minutes apart."""
    events: list[Event] = []
    at = 0
    for number in range(draw(st.integers(1, most))):
        at += draw(st.sampled_from((0, 0, 1000, 7000, 61_000, 400_000)))
        events.append(draw(_any_event(at, f"e{number:02}", draw(st.sampled_from(keys)))))
    return events


_KINDS = [
    "customer",
    "customer",
    "agent",
    "bot",
    "note",
    "status",
    "assigned",
    "handoff",
    "entered",
    "left",
    "tagged",
    "reply",
]


@st.composite
def _any_event(draw: st.DrawFn, at: int, id_: str, key: str) -> Event:
    kind = draw(
        st.sampled_from(
            [
                "customer",
                "customer",
                "agent",
                "bot",
                "note",
                "status",
                "assigned",
                "handoff",
                "entered",
                "left",
                "tagged",
                "reply",
            ]
        )
    )
    common: dict[str, Any] = {"id_": id_, "key": key}
    match kind:
        case "customer":
            asks = draw(st.sampled_from(({}, {}, {"needs_reply": False})))
            return message(at, message=asks, **common)
        case "agent":
            return message(at, actor="agent", actor_key="a1", **common)
        case "reply":
            named = f"m_e{draw(st.integers(0, 14)):02}"
            answer = {"in_reply_to": named}
            return message(at, actor="agent", actor_key="a2", message=answer, **common)
        case "bot":
            return message(at, actor="bot", actor_key="b1", **common)
        case "note":
            note = {"direction": "internal"}
            return message(at, actor="agent", actor_key="a1", message=note, **common)
        case "status":
            to = draw(st.sampled_from(("open", "bot", "pending", "resolved", "closed", "snoozed")))
            kind_ = "conversation.status_changed"
            return event(kind_, at, actor="system", lifecycle={"to": to}, **common)
        case "assigned":
            to_ = draw(st.sampled_from(({"agent": "a1"}, {"agent": None}, {"queue": "vip"})))
            kind_ = "conversation.assigned"
            return event(kind_, at, actor="system", assignment={"to": to_}, **common)
        case "handoff":
            to = draw(st.sampled_from(("human", "bot")))
            return event("conversation.handoff", at, actor="bot", handoff={"to": to}, **common)
        case "deleted":
            gone = {"key": f"m_e{draw(st.integers(0, 14)):02}"}
            return event("message.deleted", at, message=gone, **common)
        case "annotated":
            key_ = f"m_e{draw(st.integers(0, 14)):02}"
            noted = {"key": key_, "needs_reply": draw(st.booleans())}
            return event("message.annotated", at, actor="system", message=noted, **common)
        case "spam":
            side = draw(st.sampled_from(("added", "added", "removed")))
            spam: dict[str, Any] = {"added": [], "removed": []} | {side: ["spam"]}
            return event("conversation.tagged", at, actor="agent", tags=spam, **common)
        case "entered":
            queue = {"name": draw(st.sampled_from(("sales", "vip")))}
            return event("queue.entered", at, actor="system", queue=queue, **common)
        case "left":
            queue = {"name": "sales", "outcome": draw(st.sampled_from(("answered", "abandoned")))}
            return event("queue.left", at, actor="system", queue=queue, **common)
        case _:
            priority = draw(st.sampled_from(("urgent", "normal")))
            tags: dict[str, Any] = {"added": [], "removed": []}
            kind_ = "conversation.tagged"
            return event(kind_, at, actor="agent", tags=tags, priority=priority, **common)
