"""What events say before a story is told: who speaks, whether it asks, which word is the newest."""

from collections.abc import Sequence
from typing import Any

from carewatch.verify.admission import Event
from carewatch.verify.instants import DAY
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Told

EXCLUDING = frozenset({"spam", "blocked", "test"})
"""Tags while which nothing of a conversation counts (E20)."""


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
