"""Random care for the oracle: everything that can happen in a conversation, under random rules.

Built on a `Random` that hypothesis steers, so that it reads like a story and still shrinks.
"""

from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from carewatch.domain.rulebook import Document
from carewatch.domain.times import format_time, parse_time
from support.envelopes import Event, csat, event, message

GAPS = (0, 0, 1000, 7000, 61_000, 400_000, 10_800_000)
DAYS_APART = (3_600_000, 40_000_000, 90_000_000, 300_000_000)
MONTHS_APART = tuple(90 * 86_400_000 + more for more in (-90_000_000, 199, 200, 201, 400_000))
"""About as long as a conversation is remembered in silence: it begins when an event arrives."""
DELAYS = (1000, 60_000, 500_000, 3_600_000)
STATUSES = (
    *("open", "bot", "pending", "snoozed", "resolved", "resolved", "closed", "queued", "new"),
    "deleted",
)
ASKS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}, {"needs_reply": False}, {"kind": "reaction"}, {"automated": True}),
)
SIDES: tuple[dict[str, Any] | None, ...] = (
    *({"agent": "a1"}, {"agent": "a2"}, {"agent": None}, {"queue": "vip"}, {"queue": "sales"}),
    *({"queue": None}, {"agent": "a1", "queue": "sales"}, {"team": "t1"}, None),
)
NOTES = (
    {"kind": "sentiment", "label": "positive", "model": "m", "model_version": "1"},
    {"kind": "sentiment", "label": "negative", "model": "m"},
    {"kind": "sentiment", "label": "negative"},
    {"kind": "topic", "label": "billing"},
    {"kind": "topic", "label": "delivery"},
    {"kind": "language", "label": "en"},
)
PHASES = (
    *("started", "ivr", "queued", "ringing", "answered", "answered", "held", "resumed", "missed"),
    *("ended", "ended", "wrapup", "completed", "abandoned", "voicemail"),
)
TAGS = (
    {"added": ["spam"], "removed": []},
    {"added": [], "removed": ["spam"]},
    {"added": ["vip"], "removed": []},
    {"added": [], "removed": ["vip"]},
    {"all": ["vip"]},
    {"added": ["x", "y"], "removed": []},
    {"added": ["y"], "removed": ["x"]},
)
KINDS = (
    *("customer",) * 4,
    *("agent", "agent", "bot", "bot", "status", "status", "status", "reply", "echo", "auto"),
    *("note", "handoff", "assigned", "priority", "entered", "left", "opened", "deleted"),
    *("annotated", "tagged", "merged"),
)
MORE = (
    *("noted", "noted", "surveyed", "rated", "call", "call", "summary", "clicked", "template"),
    *("lost", "linked"),
)
"""What else there is to hear: of models, surveys, calls, bots, and who is the same customer."""


def happens(r: Random, kind: str, at: int, number: int, keys: tuple[str, ...]) -> Event:
    """One event of a kind; `number` makes its id, and what it may refer to."""
    common: dict[str, Any] = {"id_": f"e{number:02}", "key": r.choice(keys)}
    named = {"key": f"m_e{r.randrange(number + 2):02}"}
    if kind in MORE:
        return happens_besides(r, kind, at, common, named)
    match kind:
        case "customer":
            return message(at, message=dict(r.choice(ASKS)), **common)
        case "agent":
            return message(at, actor="agent", actor_key=r.choice(("a1", "a2", None)), **common)
        case "reply":
            answers = {"in_reply_to": named["key"]}
            return message(at, actor="agent", actor_key="a2", message=answers, **common)
        case "echo":
            return message(at, actor="unknown", message={"is_echo": r.random() < 0.5}, **common)
        case "bot":
            return message(at, actor="bot", actor_key="b1", **common)
        case "auto":
            who = r.choice(("system", "agent"))
            return message(at, actor=who, actor_key="a1", message={"automated": True}, **common)
        case "note":
            note = {"direction": "internal"}
            return message(at, actor="agent", actor_key="a1", message=note, **common)
        case "status":
            more = r.choice(({}, {}, {"from": "bot"}, {"reason": "no_reply_needed"}))
            return event(
                "conversation.status_changed",
                at,
                actor=r.choice(("system", "agent", "customer", "bot")),
                actor_key=r.choice((None, "a1")),
                lifecycle={"to": r.choice(STATUSES), **more},
                **common,
            )
        case "opened":
            stated: dict[str, Any] = {"lifecycle": {"to": r.choice(STATUSES)}}
            return event("conversation.opened", at, **common, **r.choice(({}, stated)))
        case "assigned":
            side = {"to": r.choice(SIDES)}
            return event("conversation.assigned", at, actor="system", assignment=side, **common)
        case "handoff":
            to = {"to": r.choice(("human", "bot", "queue"))}
            return event("conversation.handoff", at, actor="bot", handoff=to, **common)
        case "entered":
            queue = {"name": r.choice(("sales", "vip"))}
            return event("queue.entered", at, actor="system", queue=queue, **common)
        case "left":
            outcome = r.choice(("answered", "abandoned", "transferred", "callback", "flow_out"))
            queue = {"name": r.choice(("sales", "vip")), "outcome": outcome}
            return event("queue.left", at, actor="system", queue=queue, **common)
        case "deleted":
            return event("message.deleted", at, message=named, **common)
        case "annotated":
            what = r.choice(("message.annotated", "message.updated"))
            said = {**named, "needs_reply": r.random() < 0.5}
            return event(what, at, actor="system", message=said, **common)
        case "tagged":
            return event("conversation.tagged", at, actor="agent", tags=r.choice(TAGS), **common)
        case "merged":
            into = {"to": "merged", "merged_into": r.choice((*keys, "c9"))}
            return event("conversation.merged", at, actor="agent", lifecycle=into, **common)
        case _:
            tags: dict[str, Any] = {"added": [], "removed": []}
            how = r.choice(("urgent", "normal", "low"))
            kind_ = "conversation.tagged"
            return event(kind_, at, actor="agent", tags=tags, priority=how, **common)


def happens_besides(
    r: Random, kind: str, at: int, common: dict[str, Any], named: dict[str, Any]
) -> Event:
    """One event of what is said of messages and sessions, of calls, and of customers."""
    match kind:
        case "noted":
            notes = r.sample(NOTES, r.randint(1, 2))
            what = "message.annotated"
            return event(what, at, actor="system", message=named, annotations=notes, **common)
        case "surveyed":
            asked = csat("requested", survey=r.choice(("s1", "s2", None)))
            return event("conversation.survey_requested", at, actor="system", csat=asked, **common)
        case "rated":
            given = csat("answered", survey=r.choice(("s1", "s2", None)), score=r.randint(1, 5))
            given["instrument"] = r.choice(("csat", "csat", "thumb", "nps"))
            return event("conversation.rated", at, csat=given, **common)
        case "call":
            call = {
                "call_key": r.choice(("k1", "k1", "k2")),
                "phase": r.choice(PHASES),
                "leg_key": r.choice((None, "l1", "l2")),
                "direction": r.choice(("inbound", "inbound", "outbound")),
            }
            who: dict[str, Any] = {"actor": r.choice(("agent", "system"))}
            who["actor_key"] = r.choice(("a1", "a2"))
            return event("call.phase", at, call=call, **who, **common)
        case "summary":
            said = {name: 1000 * r.randint(0, 90) for name in ("talk_ms", "hold_ms", "acw_ms")}
            said = r.choice((said, {"handle_ms": 77_000}, {"talk_ms": 5000}))
            contact = {"replaces_key": r.choice(("k1", "k2", "k3")), "precision_ms": 1000}
            return event(
                "interaction.summary", at, actor="system", summary=contact | said, **common
            )
        case "clicked":
            return message(at, message={"kind": "choice"}, **common)
        case "template":
            form = {"kind": "template"}
            return message(at, actor="agent", actor_key="a1", message=form, **common)
        case "lost":
            lost = {"fallback": r.random() < 0.5}
            return message(at, actor="bot", actor_key="b1", message=lost, **common)
        case _:
            refs = [{"system": "crm", "kind": "customer", "key": r.choice(("u1", "u2", "u_c1"))}]
            who_ = event("customer.linked", at, id_=common["id_"], key="customer:u3")
            who_["data"]["external_refs"] = refs
            who_["data"]["customer_key"] = "u3"
            return who_


def story(r: Random, most: int, gaps: tuple[int, ...] = ()) -> list[Event]:
    """Events in order of arrival: late ones, ones stamped ahead, duplicates, a few conversations.

    Merges have instants of their own: in which order two hand-overs of one instant are told
    depends on ids that only their writer knows.
    """
    keys = r.choice((("c1",), ("c1",), ("c1", "c2"), ("c1", "c2", "c3", "c4")))
    shared = r.random() < 0.7
    kinds = KINDS if r.random() < 0.4 else (*KINDS, *MORE, *MORE)
    gaps = gaps or (GAPS if r.random() < 0.7 else (*GAPS, *DAYS_APART))
    events: list[Event] = []
    at = 0
    for number in range(most):
        kind = r.choice(kinds)
        at += r.choice(gaps) + (1 if kind == "merged" else 0)
        told = happens(r, kind, at, number, keys)
        if shared and kind != "linked":
            told["data"]["customer_key"] = "u1" if told["partitionkey"] in ("c1", "c2") else "u2"
        at += 1 if kind == "merged" else 0
        sent = parse_time(told["time"])
        chance = r.random()
        if chance < 0.25:
            told["recordedtime"] = format_time(sent + r.choice(DELAYS))
        elif chance < 0.3:
            told["recordedtime"] = format_time(sent - r.choice((60_000, 600_000)))
        events.append(told)
        if r.random() < 0.08:
            late = parse_time(told["recordedtime"]) + r.choice(DELAYS)
            events.append(told | {"recordedtime": format_time(late)})
    return sorted(events, key=lambda one: (parse_time(one["recordedtime"]), one["id"]))


def in_sight(events: list[Event]) -> list[Event]:
    """Without those that name a message which comes a day later, or more, and without what sums
    up a call of another month.

    Whether such a deletion is still known, such a reply moved, such a call counted anew depends on
    what else is open by then.
    """
    sent = {
        one["data"]["message"]["key"]: parse_time(one["time"])
        for one in events
        if one["type"] == "care.message.created"
    }
    return [
        one
        for one in events
        if parse_time(one["time"]) + 86_400_000 > max(sent.get(name, 0) for name in _named(one))
        and one["type"] != "care.interaction.summary"
    ]


def _named(one: Event) -> tuple[str, str]:
    message = one["data"].get("message", {})
    return str(message.get("key")), str(message.get("in_reply_to"))


@st.composite
def streams(draw: st.DrawFn, *, most: int = 12, gaps: tuple[int, ...] = ()) -> list[Event]:
    """Stories of at most so many events, so long apart (else seconds to hours, or days)."""
    return story(draw(st.randoms(use_true_random=False)), draw(st.integers(1, most)), gaps)


LENGTHS = ("30s", "1m", "5m", "7m", "10m", "1h", "3h", "30h")
TARGETS = (
    *("first_reply", "next_reply", "periodic_update", "pausable_update", "assignee_reply"),
    *("requester_wait", "agent_work", "resolution", "queue_answer"),
)
CONDITIONS = (
    {"field": "priority", "in": ["urgent", "normal"]},
    {"field": "tag", "eq": "vip"},
    {"field": "tag", "not_in": ["vip"]},
    {"field": "queue", "not_in": ["sales"]},
    {"field": "queue", "eq": "vip"},
    {"field": "initiated_by", "eq": "customer"},
    {"field": "team", "eq": "t1"},
)
WARNINGS = ({"at": "50%"}, {"at": "80%"}, {"at": "33%"}, {"before": "1m"}, {"before": "15m"})
ZONES = (
    *("Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "UTC"),
    *("Pacific/Apia", "America/New_York"),
)
OPEN: tuple[list[str], ...] = (
    [],
    ["08:00-12:00", "13:30-18:00"],
    ["22:00-06:00"],
    ["08:00-24:00"],
    ["06:15-06:16", "23:00-24:00"],
)


@st.composite
def rules(draw: st.DrawFn) -> Document:
    """Any rulebook."""
    return rulebook(draw(st.randoms(use_true_random=False)))


def rulebook(r: Random) -> Document:
    """A rulebook: policies in versions, schedules, a tenant's days and hours, channel profiles."""
    names = r.choice(((), ("s0",), ("s0", "s1")))
    schedules = [one for name in names for one in _hours(r, name)]
    count = r.choice((0, 1, 1, 2, 3))
    starts = ("first_customer_message", "handoff", "assignment") if count == 1 else (None,)
    start = r.choice(starts)
    policies: list[dict[str, Any]] = []
    for order in range(count):
        for version in range(1, 1 + r.choice((1, 1, 2))):
            body = _policy(r, order, version, list(names))
            if start is not None:
                body["start"] = {"first_reply": start}
            policies.append(body)
    document = {
        "tenants": {"acme": _tenant(r, names)},
        "policies": policies,
        "schedules": schedules,
        "channels": _channels(r),
    }
    return msgspec.convert(document, Document)


def _tenant(r: Random, schedules: tuple[str, ...]) -> dict[str, Any]:
    starts_at = r.choice(("00:00", "00:00", "02:30", "06:00"))
    said: dict[str, Any] = {"timezone": r.choice(ZONES), "day_starts_at": starts_at}
    if schedules and r.random() < 0.6:
        said["schedule"] = schedules[0]
    if r.random() < 0.4:
        first, answer = r.sample(LENGTHS, 2), r.sample(("5s", "20s", "10m"), 2)
        said["within"] = {"first_reply": first, "queue_answer": answer}
    if schedules and r.random() < 0.4:
        said["queues"] = {"vip": {"schedule": r.choice((*schedules, "24x7"))}}
    return said


def _channels(r: Random) -> dict[str, Any]:
    """Sometimes a profile of the tenant's own for its account."""
    if r.random() < 0.6:
        return {}
    own = {
        "idle_gap": r.choice(("off", "10m", "2h")),
        "needs_reply": r.random() < 0.8,
        "window_lateness": r.choice(("1m", "1h")),
        "implicit_queue": r.random() < 0.7,
        "reopen_within": r.choice(("30m", "72h")),
        "short_abandon": r.choice(("5s", "2m")),
        "handle_time": r.choice(("activity", "agent_work", "open", "phases")),
    }
    profile = {name: own[name] for name in r.sample(sorted(own), 3)}
    return {"profiles": {"own": profile}, "accounts": {"pn-1": "own"}}


def _policy(r: Random, order: int, version: int, schedules: list[str]) -> dict[str, Any]:
    # Half a second beside every event: which of a version and an event of one instant comes first
    # makes no difference that anybody could see.
    later = ("2026-01-05T09:10:00.500Z", "2026-01-05T12:00:00.500Z", "2026-01-05T15:00:30.500Z")
    body: dict[str, Any] = {
        "policy": f"p{order}",
        "version": version,
        "effective_from": "2020-01-01T00:00:00Z" if version == 1 else r.choice(later),
        "order": order + 1,
        "targets": {name: _target(r, name, schedules) for name in r.sample(TARGETS, 3)},
        "at_risk": r.sample(WARNINGS, r.randint(0, 3)),
        "pause": {
            "statuses": r.choice((["pending"], [], ["pending", "queued"], ["new"])),
            "snoozed": r.random() < 0.5,
            "resume_on": r.choice(("customer_message", "status")),
        },
        "close": {"unanswered": r.choice(("cancel", "cancel", "fulfil", "keep"))},
        "reopen": {
            "within": r.choice(("1h", "72h", "4h")),
            "mode": r.choice(("continue", "new_cycle")),
        },
        "counts": {
            "reply_by": r.choice((["agent"], ["agent", "bot"])),
            "note_counts_for": r.choice(([], ["periodic_update"], ["pausable_update"])),
        },
        "retarget": {
            "priority": r.choice(("keep_elapsed", "keep_elapsed", "ignore")),
            "version": r.choice(("open_instances", "open_instances", "new_instances")),
        },
    }
    if r.random() < 0.5:
        body["match"] = {r.choice(("all", "any")): r.sample(CONDITIONS, r.randint(1, 2))}
    if schedules and r.random() < 0.5:
        body["schedule"] = r.choice(schedules)
    return body


def _target(r: Random, name: str, schedules: list[str]) -> dict[str, str]:
    rule = {one: r.choice(LENGTHS) for one in r.sample(("all", "urgent", "normal", "low"), 2)}
    if schedules and r.random() < 0.3:
        rule["schedule"] = r.choice((*schedules, "24x7"))
    if r.random() < 0.2:
        rule["hours"] = "calendar"
    if name == "resolution" and r.random() < 0.3:
        rule["mode"] = "first"
    return rule


def _hours(r: Random, name: str) -> list[dict[str, Any]]:
    zone = r.choice(ZONES)
    found: list[dict[str, Any]] = []
    for version in range(1, 1 + r.choice((1, 1, 2))):
        week: dict[str, Any] = {day: r.choice(OPEN) for day in ("wed", "thu", "fri", "sat")}
        week |= {"mon": ["09:30-15:00"], "tue": ["07:00-19:00"], "sun": []}
        body: dict[str, Any] = {
            "schedule": name,
            "version": version,
            "effective_from": "2020-01-01T00:00:00Z" if version == 1 else "2026-01-05T12:00:00Z",
            "timezone": zone,
            "weekly": week,
        }
        if r.random() < 0.4:
            closed_or_short = r.choice(([], ["09:00-09:30", "12:00-12:10"]))
            body["overrides"] = [{"date": "2026-01-05", "open": closed_or_short}]
        if r.random() < 0.4:
            body["holidays"] = [{"day": "01-06", "open": []}]
        found.append(body)
    return found
