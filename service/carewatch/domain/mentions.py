"""Events that name a message: deletions, annotations, replies to it (R3, R8, R19).

Whatever order they come in, each means what it would mean if everything had been known from the
start. So an event carries what others say of it, and is looked at again when they come.
"""

from typing import Final

from msgspec.structs import replace

from carewatch.domain.events import (
    EXCLUDING,
    Annotated,
    Author,
    Deleted,
    Event,
    Message,
    Tagged,
    order,
)
from carewatch.domain.history import History

NOTED_MS: Final = 24 * 3_600_000
"""So long after a message somebody may still say whether it needs a reply (R8)."""


def is_noted(history: History, event: Annotated) -> bool:
    """Whether a model has said something of the same kind of the same message before."""
    kinds = event.kinds
    return any(
        isinstance(one, Annotated) and one.key == event.key and not kinds.isdisjoint(one.kinds)
        for one in history.naming(event.key)
    )


def lit(events: list[Event], tags: tuple[str, ...], event: Event) -> list[Event]:
    """The events, once `event` is among them and means for others what it means.

    `tags` are those before all of them: what is said of a message while the conversation is spam,
    blocked or a test is not heard (E20), so a tag decides about everything that names one.
    """
    heard: list[Event] = []
    for one in sorted(events, key=order):
        if isinstance(one, Tagged):
            tags = one.after(tags)
        if isinstance(one, Message) or EXCLUDING.isdisjoint(tags):
            heard.append(one)
    if isinstance(event, Tagged):
        keys = [one.key for one in events if isinstance(one, Deleted | Annotated)]
    else:
        keys = [event.key] if isinstance(event, Message | Deleted | Annotated) else []
    for key in dict.fromkeys(keys):
        events = [in_the_light_of(heard, one, key) for one in events]
    return events


def in_the_light_of(events: list[Event], one: Event, key: str) -> Event:
    """What an event is, once everything that names the message `key` is known.

    The message is deleted if a deletion names it, and needs a reply as the last annotation of the
    day after it says; a reply to it stamped before it is taken at its instant.
    """
    if isinstance(one, Annotated) and one.key == key:
        return _noted(events, one)
    if not isinstance(one, Message):
        return one
    if one.key == key:
        notes = [
            note
            for note in events
            if isinstance(note, Annotated)
            and note.key == key
            and note.asks is not None
            and note.at <= one.at + NOTED_MS
        ]
        return replace(
            one,
            deleted=any(isinstance(other, Deleted) and other.key == key for other in events),
            asks=max(notes, key=order).asks if notes else one.asks,
        )
    if one.reply_to != key or one.author is Author.CUSTOMER:
        return one
    for other in events:
        if isinstance(other, Message) and other.key == key and other.at > one.at:
            return moved(one, other.at) if other.author is Author.CUSTOMER else one
    return one


def _noted(events: list[Event], one: Annotated) -> Annotated:
    """An annotation, once its message is known: what a later one says anew does not count."""
    later = (
        other.kinds
        for other in events
        if isinstance(other, Annotated) and other.key == one.key and order(other) > order(one)
    )
    again: frozenset[str] = frozenset().union(*later)
    authors = [x.author for x in events if isinstance(x, Message) and x.key == one.key]
    gone = any(isinstance(other, Deleted) and other.key == one.key for other in events)
    return replace(
        one,
        notes=tuple(note for note in one.notes if note.kind not in again),
        of=authors[0] if authors else one.of,
        deleted=one.deleted or gone,
    )


def of_its_message(history: History, event: Annotated, final_before: int) -> Annotated:
    """An annotation knows whose message it is about, if that can still be told (R6a)."""
    for known in history.naming(event.key):
        if isinstance(known, Message) and known.key == event.key:
            if known.at < final_before:
                break
            return replace(event, of=known.author, deleted=known.deleted)
    return event


def moved(event: Message, at: int) -> Message:
    stamped = event.at if event.stamped is None else event.stamped
    return replace(event, at=at, stamped=stamped)
