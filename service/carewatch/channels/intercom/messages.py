"""Messages and notes of Intercom: at most one for a notification."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from carewatch.channels.drafts import Draft, MessageDraft, MessageId, Occurred, Text
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.intercom.talk import CUSTOMERS, Talk, plain
from carewatch.channels.times import occurred
from carewatch.wire.envelope import Choice, Direction, Lifecycle, MessageKind

_SPOKEN: Final = ("comment", "quick_reply", "open", "close", "assignment")
"""Parts that may hold words for the other side."""
_FILES: Final[dict[str, MessageKind]] = {"image": "image", "audio": "audio", "video": "video"}
_STAFF: Final = ("admin", "bot")
_AUTOMATED: Final = ("automated", "automation_initiated", "campaigns_initiated")
"""How the first message of a conversation was delivered, if by no person."""


def begun_by_customer(talk: Talk) -> Iterator[Draft]:
    """A conversation begins: with the customer's first words, or an answer to what was sent out."""
    at = occurred(talk.item.get("created_at"), "s", talk.received_at)
    actor = talk.author(talk.source)
    by_customer = actor.kind == "customer"
    part = None if by_customer else talk.newest(_SPOKEN, CUSTOMERS)
    if part is not None:
        at, actor = talk.happened(part), talk.author(part)
    yield replace(
        talk.change("care.conversation.opened", at, actor), lifecycle=Lifecycle(to="open")
    )
    if by_customer:
        yield _message(talk, talk.source, at)
    elif part is not None:
        yield _message(talk, part, at)


def begun_by_agent(talk: Talk) -> Iterator[Draft]:
    """A teammate writes first, to one contact."""
    at = occurred(talk.item.get("created_at"), "s", talk.received_at)
    yield replace(
        talk.change("care.conversation.opened", at, talk.author(talk.source)),
        lifecycle=Lifecycle(to="open"),
    )
    yield _message(talk, talk.source, at)


def of_customer(talk: Talk) -> Iterator[Draft]:
    yield from _newest(talk, _SPOKEN, CUSTOMERS)


def of_staff(talk: Talk) -> Iterator[Draft]:
    """A public answer of a teammate or a bot."""
    yield from _newest(talk, _SPOKEN, _STAFF)


def note(talk: Talk) -> Iterator[Draft]:
    yield from _newest(talk, ("note", "note_and_reopen"), _STAFF)


def _newest(talk: Talk, types: tuple[str, ...], authors: tuple[str, ...]) -> Iterator[Draft]:
    part = talk.newest(types, authors)
    if part is not None:
        yield _message(talk, part, talk.happened(part))


def said_with(talk: Talk, part: Fields) -> Iterator[Draft]:
    """The words of a part that does something else, too: a close with an answer."""
    if plain(get_text(part, "body")) and talk.author(part).kind != "unknown":
        yield _message(talk, part, talk.happened(part))


def redacted(talk: Talk) -> Iterator[Draft]:
    """The words of a part are gone: clocks do not look at that (E13)."""
    part = get_id(talk.item, "conversation_part_id") or need_id(talk.item, "id")
    yield replace(
        talk.change("care.message.updated", talk.told_at, talk.author({})),
        message=MessageDraft(id=MessageId("intercom", part), has_text=False, chars=0),
    )


def _message(talk: Talk, part: Fields, at: Occurred) -> Draft:
    actor = talk.author(part)
    number = need_id(part, "id")
    kind = get_text(part, "part_type")
    text = plain(get_text(part, "body"))
    by_customer = actor.kind == "customer"
    internal = (kind or "").startswith("note") and not by_customer
    direction: Direction = "inbound" if by_customer else "internal" if internal else "outbound"
    automated = get_text(part, "delivered_as") in _AUTOMATED or actor.kind == "system"
    picked = by_customer and kind == "quick_reply"
    return replace(
        talk.draft("care.message.created", f"part|{number}", at, actor),
        message=MessageDraft(
            id=MessageId("intercom", number),
            direction=direction,
            kind=_kind(talk, part, picked=picked),
            has_text=bool(text),
            chars=len(text),
            media_count=len(get_list(part, "attachments")),
            automated=True if automated else None,
            text=Text(text) if by_customer and text else None,
        ),
        choice=_choice(part, text) if picked else None,
    )


def _kind(talk: Talk, part: Fields, *, picked: bool) -> MessageKind:
    if picked:
        return "choice"
    if talk.channel == "email":
        return "email"
    files = get_list(part, "attachments")
    if not files or plain(get_text(part, "body")):
        return "text"
    family = (get_text(as_object(files[0], "attachments"), "content_type") or "").partition("/")[0]
    return _FILES.get(family, "document")


def _choice(part: Fields, title: str) -> Choice:
    """What the customer picked: its text is the business's own."""
    chosen = get_id(get_object(part, "metadata"), "quick_reply_uuid")
    return Choice(kind="quick_reply", id=chosen or title or "-", title=title or None)
