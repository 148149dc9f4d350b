"""What people answer on Telegram without writing: buttons, reactions, votes."""

from collections.abc import Iterator
from dataclasses import replace

from carewatch.channels.base import Skip
from carewatch.channels.drafts import ActorDraft, Draft, MessageDraft, MessageId
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.telegram.update import Place, Update
from carewatch.wire.envelope import Choice, Direction


def button(update: Update) -> Iterator[Draft | Skip]:
    """A pressed button. Without its message (an inline one), it stands in the person's own chat."""
    query = update.body
    under = get_object(query, "message")
    chosen = get_text(query, "data")
    if chosen is None:
        yield Skip(reason="ignored", path=update.path)  # A game was started.
        return
    person = get_object(query, "from")
    own = need_id(person, "id")
    place = update.place(under) if under else Place(own, own)
    shown = get_id(under, "message_id")
    actor = update.speaker(place, person, None)
    yield replace(
        update.draft("care.message.created", place, update.arrival, actor),
        message=MessageDraft(
            id=MessageId("telegram", f"callback:{need_id(query, 'id')}"),
            direction=_direction(actor),
            kind="choice",
            has_text=False,
            chars=0,
            media_count=0,
            in_reply_to=place.message(shown) if shown else None,
        ),
        choice=Choice(kind="button", id=chosen, title=_title(under, chosen)),
    )


def _direction(actor: ActorDraft) -> Direction:
    """People on our side press buttons, too."""
    return "inbound" if actor.kind in ("customer", "unknown") else "outbound"


def _title(under: Fields, chosen: str) -> str | None:
    """What stands on the button that gives this answer: the business's words."""
    for row in get_list(get_object(under, "reply_markup"), "inline_keyboard"):
        for each in row if isinstance(row, list) else ():
            fields = as_object(each, "inline_keyboard")
            if get_text(fields, "callback_data") == chosen:
                return get_text(fields, "text")
    return None


def reaction(update: Update) -> Iterator[Draft | Skip]:
    """A reaction to a message; taking the last one back is no event."""
    fields = update.body
    if not get_list(fields, "new_reaction"):
        yield Skip(reason="ignored", path=update.path)
        return
    place = update.place(fields)
    anonymous = get_id(get_object(fields, "actor_chat"), "id")
    actor = update.speaker(place, get_object(fields, "user"), anonymous)
    yield replace(
        update.draft("care.message.reacted", place, update.at(fields.get("date")), actor),
        message=MessageDraft(
            id=MessageId("telegram", f"reaction:{update.number}"),
            direction=_direction(actor),
            kind="reaction",
            in_reply_to=place.message(need_id(fields, "message_id")),
            needs_reply=False,
        ),
    )


def vote(update: Update) -> Iterator[Draft | Skip]:
    """An answer to a poll of ours: where it was asked is not said, so it is the person's own chat.

    A vote needs no reply; taking one back is no event.
    """
    fields = update.body
    options = [need_id({"option": option}, "option") for option in get_list(fields, "option_ids")]
    if not options:
        yield Skip(reason="ignored", path=update.path)
        return
    person = get_object(fields, "user")
    anonymous = get_id(get_object(fields, "voter_chat"), "id")
    own = anonymous or need_id(person, "id")
    place = Place(own, own)
    actor = update.speaker(place, person, None) if anonymous is None else ActorDraft(kind="unknown")
    poll = need_id(fields, "poll_id")
    yield replace(
        update.draft("care.message.created", place, update.arrival, actor),
        message=MessageDraft(
            id=MessageId("telegram", f"vote:{update.number}"),
            direction=_direction(actor),
            kind="choice",
            has_text=False,
            chars=0,
            media_count=0,
            needs_reply=False,
        ),
        choice=Choice(kind="list", id=f"{poll}:{','.join(options)}"),
    )
