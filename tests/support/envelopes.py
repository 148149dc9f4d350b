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


def csat(phase: str, *, survey: str | None, score: int | None = None) -> dict[str, Any]:
    """The section of a survey or a rating on the scale from 1 to 5."""
    return {
        "phase": phase,
        "instrument": "csat",
        "scale_min": 1,
        "scale_max": 5,
        "survey_key": survey,
        "score": score,
    }


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


_KINDS = (
    "customer", "customer", "agent", "bot", "note", "status", "assigned", "handoff", "entered",
    "left", "tagged", "reply", "deleted", "annotated", "spam", "noted", "surveyed", "rated", "call",
    "call", "summary", "labelled",
)  # fmt: skip


_ASSIGNED: tuple[dict[str, str | None], ...] = (
    {"agent": "a1"}, {"agent": None}, {"queue": "vip"}, {"queue": "sales", "team": "one"},
    {"team": "two"},
)  # fmt: skip


@st.composite
def _any_event(draw: st.DrawFn, at: int, id_: str, key: str) -> Event:
    kind = draw(st.sampled_from(_KINDS))
    common: dict[str, Any] = {"id_": id_, "key": key}
    match kind:
        case "customer":
            says: tuple[dict[str, Any], ...] = ({}, {"needs_reply": False}, {"lang": "de"})
            said_ = draw(st.sampled_from((*says, {"kind": "choice"})))
            return message(at, message=said_, **common)
        case "agent":
            form = {"kind": draw(st.sampled_from(("text", "template")))}
            return message(at, actor="agent", actor_key="a1", message=form, **common)
        case "reply":
            named = f"m_e{draw(st.integers(0, 14)):02}"
            answer = {"in_reply_to": named}
            return message(at, actor="agent", actor_key="a2", message=answer, **common)
        case "bot":
            lost = draw(st.sampled_from(({}, {"fallback": False}, {"fallback": True})))
            return message(at, actor="bot", actor_key="b1", message=lost, **common)
        case "note":
            note = {"direction": "internal"}
            return message(at, actor="agent", actor_key="a1", message=note, **common)
        case "status":
            to = draw(st.sampled_from(("open", "bot", "pending", "resolved", "closed", "snoozed")))
            kind_ = "conversation.status_changed"
            return event(kind_, at, actor="system", lifecycle={"to": to}, **common)
        case "assigned":
            to_ = draw(st.sampled_from(_ASSIGNED))
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
        case "noted":
            key_ = f"m_e{draw(st.integers(0, 14)):02}"
            said = [
                {"kind": "sentiment", "label": draw(st.sampled_from(("positive", "negative")))},
                {"kind": "topic", "label": draw(st.sampled_from(("billing", "delivery")))},
                {"kind": "language", "label": "en"},
            ]
            some = draw(st.lists(st.sampled_from(said), min_size=1, max_size=2, unique_by=id))
            about = {"key": key_, "needs_reply": draw(st.sampled_from((None, None, True)))}
            kind_ = "message.annotated"
            return event(kind_, at, actor="system", message=about, annotations=some, **common)
        case "surveyed":
            asked = csat("requested", survey=draw(st.sampled_from(("s1", "s2", None))))
            return event("conversation.survey_requested", at, actor="system", csat=asked, **common)
        case "rated":
            survey, score = draw(st.sampled_from(("s1", "s2", None))), draw(st.integers(1, 5))
            given_ = csat("answered", survey=survey, score=score)
            return event("conversation.rated", at, csat=given_, **common)
        case "call":
            phases = ("started", "ringing", "missed", "answered", "ended", "wrapup", "completed")
            call = {
                "call_key": draw(st.sampled_from(("k1", "k2"))),
                "phase": draw(st.sampled_from((*phases, "abandoned"))),
                "leg_key": draw(st.sampled_from((None, "l1"))),
                "direction": draw(st.sampled_from(("inbound", "outbound"))),
            }
            return event("call.phase", at, actor="agent", actor_key="a2", call=call, **common)
        case "summary":
            contact = draw(st.sampled_from(("k1", "other")))
            spent = {"replaces_key": contact, "precision_ms": 1000, "talk_ms": 60_000}
            return event("interaction.summary", at, actor="system", summary=spent, **common)
        case "labelled":
            tag = {draw(st.sampled_from(("added", "removed"))): [draw(st.sampled_from("xy"))]}
            kind_ = "conversation.tagged"
            return event(
                kind_, at, actor="agent", tags={"added": [], "removed": []} | tag, **common
            )
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
