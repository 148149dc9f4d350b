"""What events say before a story is told: who speaks, whether it asks, which word is the newest."""

from collections.abc import Sequence
from typing import Any

from carewatch.verify.admission import Event
from carewatch.verify.instants import DAY
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Told

EXCLUDING = frozenset({"spam", "blocked", "test"})
"""Tags while which nothing of a conversation counts (E20)."""


SATISFACTION = ("csat", "thumb")
"""What asks for satisfaction; effort and loyalty are other questions (R11)."""

SPENT = ("talk_ms", "hold_ms", "acw_ms", "handle_ms")
HEARD_OF_MODELS = ("sentiment", "topic", "language")


def has_effect(event: Event) -> bool:
    """Whether an event can change anything (R1): else it is as if it had not been told."""
    if event.data.get("priority") is not None:
        return True
    match event.type:
        case "care.other" | "care.message.status" | "care.message.reacted":
            return False
        case "care.message.annotated" | "care.message.updated":
            kinds = {one["kind"] for one in event.data.get("annotations") or ()}
            asks = event.section("message").get("needs_reply") is not None
            return asks or bool(kinds & set(HEARD_OF_MODELS))
        case "care.conversation.survey_requested":
            return event.section("csat").get("instrument") in SATISFACTION
        case "care.conversation.rated":
            return score(event) is not None
        case "care.interaction.summary":
            return any(event.section("summary").get(name) is not None for name in SPENT)
        case _:
            return True


def score(event: Event) -> int | None:
    """A rating from 0 to 1000; None if the event brings none of satisfaction, on its scale."""
    csat = event.section("csat")
    if csat.get("instrument") not in SATISFACTION or csat.get("phase") != "answered":
        return None
    low, high, found = csat["scale_min"], csat["scale_max"], csat.get("score")
    if found is None:
        low, high, found = 0, 1000, csat.get("score_norm")
    if found is None or not low <= found <= high or low == high:
        return None
    return int((2000 * (found - low) + (high - low)) // (2 * (high - low)))


def tags_after(before: frozenset[str], said: dict[str, Any]) -> frozenset[str]:
    """The tags after an event that says `all` of them, or what was added and removed."""
    if said.get("all") is not None:
        before = frozenset(said["all"])
    return (before | frozenset(said.get("added") or ())) - frozenset(said.get("removed") or ())


def excluded(events: Sequence[Told]) -> set[int]:
    """The events that nobody hears, since the conversation is tagged as spam or the like (E20)."""
    unheard: set[int] = set()
    tags: frozenset[str] = frozenset()
    for told in events:
        if tags & EXCLUDING:
            unheard.add(id(told.event))
        if told.event.type == "care.conversation.tagged":
            tags = tags_after(tags, told.event.section("tags"))
    return unheard


def notes(events: Sequence[Told]) -> dict[int, tuple[tuple[dict[str, Any], ...], str | None]]:
    """What models say in each annotation of a message that is known, and who wrote the message.

    Of each kind the last word counts; what is said of a message that nobody knows says nothing.
    """
    unheard = excluded(events)
    authors = {
        one.event.section("message")["key"]: author(one.event)
        for one in reversed(events)
        if one.event.type == "care.message.created"
    }
    said_later: set[tuple[str, str]] = set()
    found: dict[int, tuple[tuple[dict[str, Any], ...], str | None]] = {}
    for told in reversed(events):
        named = told.event.type in ("care.message.annotated", "care.message.updated")
        key = str(told.event.section("message").get("key"))
        if not named or id(told.event) in unheard:
            continue
        mine = tuple(told.data.get("annotations") or ())
        if key in authors:
            last = tuple(one for one in mine if (key, one["kind"]) not in said_later)
            found[id(told.event)] = last, authors[key]
        said_later |= {(key, one["kind"]) for one in mine}
    return found


def newest_revisions(events: Sequence[Told]) -> dict[tuple[str, int], int]:
    """The highest revision of what each child handed over at each of its merges counts (E14)."""
    newest: dict[tuple[str, int], int] = {}
    for told in events:
        if told.event.type == "care.conversation.turn_inherited":
            said = told.data["inherited"]
            name = (said["from_conversation"], told.event.time)
            newest[name] = max(newest.get(name, 0), said["revision"])
    return newest


def author(event: Event) -> str:
    """The class of 2.3: customer, person, note, bot, auto or system."""
    message, kind = event.section("message"), event.data["actor"]["kind"]
    direction = message.get("direction")
    if direction == "internal":
        return "note"
    if kind == "customer" or (kind == "unknown" and direction == "inbound"):
        return "customer"
    if direction == "inbound":
        return "system"
    if kind == "bot":
        return "bot"
    echo = message.get("is_echo") and (kind == "unknown" or not event.data["actor"].get("key"))
    if kind in ("agent", "unknown") and echo and not message.get("automated"):
        return "person"
    if kind == "agent":
        return "auto" if message.get("automated") else "person"
    return "system"


def needs_reply(events: Sequence[Told], rulebooks: Rulebooks) -> dict[int, bool]:
    """R8: what each customer message says of itself, what is said of it later, or the profile.

    A classifier's word counts whatever its stamp, so long as that is not a day later.
    """
    found: dict[int, bool] = {}
    unheard = excluded(events)
    for told in events:
        event = told.event
        if event.type != "care.message.created" or author(event) != "customer":
            continue
        message = event.section("message")
        needs = message.get("needs_reply")
        for later in events:
            said = later.event.section("message")
            if (
                later.event.type in ("care.message.annotated", "care.message.updated")
                and id(later.event) not in unheard
                and said.get("key") == message["key"]
                and said.get("needs_reply") is not None
                and later.at - told.at <= DAY
            ):
                needs = said["needs_reply"]
        if message.get("kind") in ("reaction", "system") or message.get("automated"):
            needs = False
        if needs is None:
            profile = rulebooks.at(told.at).profile(
                event.data["channel"], event.data["account_ref"]
            )
            needs = profile.needs_reply
        found[id(event)] = needs
    return found
