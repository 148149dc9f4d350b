"""Messages, notes and survey requests of Chatwoot."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from carewatch.channels.base import Skip
from carewatch.channels.chatwoot.item import Item
from carewatch.channels.chatwoot.talk import Talk, is_bot
from carewatch.channels.chatwoot.updates import updated
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    CsatDraft,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    Quality,
    Reference,
)
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_flag,
    get_id,
    get_list,
    get_object,
    get_text,
)
from carewatch.channels.times import occurred
from carewatch.wire.envelope import Channel, Direction, MessageKind, Prompt

_CONTENT_KINDS: Final[dict[str, MessageKind]] = {
    "text": "text",
    "input_text": "form",
    "input_textarea": "form",
    "input_email": "form",
    "input_select": "prompt",
    "cards": "prompt",
    "form": "form",
    "article": "text",
    "incoming_email": "email",
    "input_csat": "prompt",
    "integrations": "text",
    "sticker": "sticker",
    "voice_call": "system",
}
_FILE_KINDS: Final[dict[str, MessageKind]] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "file": "document",
    "location": "location",
    "contact": "contact",
    "fallback": "unsupported",
    "story_mention": "image",
    "share": "unsupported",
}

_UNIQUE_IDS: Final[dict[Channel, str]] = {
    "whatsapp": "whatsapp",
    "messenger": "messenger",
    "instagram": "instagram",
    "sms": "twilio",
}
"""Families of message ids that mean the same to Chatwoot and to the channel's own webhooks."""


def message(body: Fields, event: str, path: str, talk: Talk) -> Iterator[Draft | Skip]:
    """A `message_created` or `message_updated`; activity lines are no messages."""
    item = Item(body, talk, path)
    direction = item.direction()
    if direction == "activity":
        yield Skip(reason="ignored", path=path)
    elif event == "message_updated":
        yield from updated(item)
    else:
        yield from _created(item, direction)


def _created(item: Item, direction: str) -> Iterator[Draft]:
    body, talk, attributes = item.body, item.talk, item.attributes
    created = body.get("created_at")
    if isinstance(created, str):
        quality: Quality = "ms" if "." in created else "s"
        at = occurred(created, "iso", talk.received_at, quality)
    else:
        at = occurred(created, "s_or_ms", talk.received_at)
    actor, customer = _author(item, direction)
    stated: Direction = "inbound" if direction == "incoming" else "outbound"
    kind = _kind(item, direction)
    source_id = get_id(body, "source_id")
    reply_to = get_id(attributes, "in_reply_to")
    yield replace(
        talk.draft("care.message.created", f"{item.stem}|created", at, actor),
        customer=customer,
        message=MessageDraft(
            id=item.id,
            direction="internal" if get_flag(body, "private") else stated,
            kind=kind,
            has_text=item.text is not None,
            chars=len(item.text or ""),
            media_count=len(get_list(body, "attachments")),
            in_reply_to=MessageId("chatwoot", reply_to) if reply_to else None,
            is_echo=True if get_flag(attributes, "external_echo") else None,
            automated=True if actor.kind == "system" else None,
            text=item.words,
        ),
        prompt=_prompt(item) if kind == "prompt" else None,
        references=(_reference(talk.channel, source_id),) if source_id else (),
    )
    if item.content_type == "input_csat" and direction != "incoming":
        yield replace(
            talk.draft("care.conversation.survey_requested", f"{item.stem}|survey", at, actor),
            csat=CsatDraft(
                phase="requested", instrument="csat", scale_min=1, scale_max=5, survey=item.id
            ),
        )


def _kind(item: Item, direction: str) -> MessageKind:
    if item.attributes.get("is_unsupported") is True:
        return "unsupported"
    kind: MessageKind = _CONTENT_KINDS.get(item.content_type, "unsupported")
    files = get_list(item.body, "attachments")
    if kind == "text" and files:
        first = as_object(files[0], "attachments")
        return _FILE_KINDS.get(get_text(first, "file_type") or "file", "document")
    return "template" if kind == "text" and direction == "template" else kind


def _prompt(item: Item) -> Prompt:
    """What the customer may choose from; titles and values are the business's words."""
    options = [as_object(option, "items") for option in get_list(item.attributes, "items")]
    return Prompt(
        kind=item.content_type,
        option_ids=tuple(
            name
            for option in options
            if (name := get_id(option, "value") or get_id(option, "title"))
        ),
    )


def _reference(channel: Channel, source_id: str) -> Reference:
    """The provider's own message id: where it is unique, the key of that channel's own events."""
    own = _UNIQUE_IDS.get(channel)
    return Reference(
        system=channel,
        kind="message",
        id=MessageId(own or channel, source_id, shared=own is not None),
    )


def _author(item: Item, direction: str) -> tuple[ActorDraft, CustomerId | None]:
    """Who wrote it, and the customer of the conversation."""
    talk, attributes = item.talk, item.attributes
    sender = get_object(item.body, "sender")
    number = get_id(sender, "id")
    if direction == "incoming":
        customer = talk.customer or (CustomerId("chatwoot", number) if number else None)
        return ActorDraft(kind="customer", id=customer), customer
    campaign = get_object(item.body, "additional_attributes").get("campaign_id")
    if direction == "template" or attributes.get("automation_rule_id") or campaign:
        return ActorDraft(kind="system"), talk.customer
    if is_bot(sender):
        return ActorDraft(kind="bot", id=AgentId("chatwoot-bot", number or "bot")), talk.customer
    if number is not None:
        return ActorDraft(kind="agent", id=AgentId("chatwoot", number)), talk.customer
    if get_flag(attributes, "external_echo"):
        # Typed in the provider's own app: a person, but not one Chatwoot knows.
        return ActorDraft(kind="agent"), talk.customer
    return ActorDraft(kind="system"), talk.customer
