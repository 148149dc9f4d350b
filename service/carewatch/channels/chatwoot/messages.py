"""Messages, notes and surveys of Chatwoot."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from carewatch.channels.base import Skip
from carewatch.channels.chatwoot.talk import Talk, agent_of, is_bot
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    CsatDraft,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    Occurred,
    Quality,
    Reference,
    StatusDraft,
    Text,
)
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_flag,
    get_id,
    get_int,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.times import occurred
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, Direction, MessageKind, Prompt

_TYPES: Final = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
"""`message_type` is text at the top level, a number inside `conversation.messages[]`."""

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


_STATUSES: Final[dict[str, Literal["delivered", "read", "failed"]]] = {
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
"""What becomes of an answer; every message is `sent` from the first."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A message's body, with what is read again and again."""

    body: Fields
    talk: Talk
    path: str

    @property
    def id(self) -> MessageId:
        return MessageId("chatwoot", need_id(self.body, "id"))

    @property
    def stem(self) -> str:
        return f"message|{self.id.value}"

    @property
    def attributes(self) -> Fields:
        return get_object(self.body, "content_attributes")

    @property
    def content_type(self) -> str:
        return get_text(self.body, "content_type") or "text"

    @property
    def text(self) -> str | None:
        return get_text(self.body, "content")

    @property
    def words(self) -> Text | None:
        """What a customer wrote, for the restricted topic."""
        text = self.text
        return Text(text) if text is not None and self.direction() == "incoming" else None

    @property
    def listed(self) -> Fields:
        """The same message among the newest of the conversation, which says more; else empty."""
        for listed in get_list(self.talk.fields, "messages"):
            fields = as_object(listed, "messages")
            if get_id(fields, "id") == self.id.value:
                return fields
        return {}

    def direction(self) -> str:
        stated = self.body.get("message_type")
        name = _TYPES.get(stated) if isinstance(stated, int) else stated
        if name not in _TYPES.values():
            raise InvalidRecord("schema", "message_type")
        return str(name)


def message(body: Fields, event: str, path: str, talk: Talk) -> Iterator[Draft | Skip]:
    """A `message_created` or `message_updated`; activity lines are no messages."""
    item = _Item(body, talk, path)
    direction = item.direction()
    if direction == "activity":
        yield Skip(reason="ignored", path=path)
    elif event == "message_updated":
        yield from _updated(item)
    else:
        yield from _created(item, direction)


def _created(item: _Item, direction: str) -> Iterator[Draft]:
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


def _kind(item: _Item, direction: str) -> MessageKind:
    if item.attributes.get("is_unsupported") is True:
        return "unsupported"
    kind: MessageKind = _CONTENT_KINDS.get(item.content_type, "unsupported")
    files = get_list(item.body, "attachments")
    if kind == "text" and files:
        first = as_object(files[0], "attachments")
        return _FILE_KINDS.get(get_text(first, "file_type") or "file", "document")
    return "template" if kind == "text" and direction == "template" else kind


def _prompt(item: _Item) -> Prompt:
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


def _author(item: _Item, direction: str) -> tuple[ActorDraft, CustomerId | None]:
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


def _updated(item: _Item) -> Iterator[Draft | Skip]:
    """Chatwoot does not say what changed: it is seen from what the message is now."""
    talk, at = item.talk, _changed_at(item)
    unknown = ActorDraft(kind="unknown")
    if get_flag(item.attributes, "deleted"):
        yield replace(
            talk.draft("care.message.deleted", f"{item.stem}|deleted", at, unknown),
            message=MessageDraft(id=item.id),
        )
        return
    if item.content_type == "input_csat":
        yield _rated(item, at) or Skip(reason="ignored", path=item.path)
        return
    status = _STATUSES.get(get_text(item.body, "status") or get_text(item.listed, "status") or "")
    if status is not None and item.direction() == "outgoing":
        yield replace(
            talk.draft(
                "care.message.status", f"{item.stem}|status|{status}", at, ActorDraft(kind="system")
            ),
            status=StatusDraft(value=status, message=item.id),
        )
        return
    chars = len(item.text or "")
    when = at.at if at.quality != "arrival" else f"{get_id(item.body, 'status') or ''}|{chars}"
    yield replace(
        talk.draft("care.message.updated", f"{item.stem}|updated|{when}", at, unknown),
        message=MessageDraft(
            id=item.id, has_text=item.text is not None, chars=chars, text=item.words
        ),
    )


def _changed_at(item: _Item) -> Occurred:
    """The last change of the message, where the conversation lists it; else the arrival."""
    received_at = item.talk.received_at
    arrival = Occurred(at=received_at, quality="arrival")
    stated = item.listed.get("updated_at")
    if not isinstance(stated, str):
        return arrival
    at = occurred(stated, "iso", received_at, "ms")
    created = occurred(item.listed.get("created_at"), "s_or_ms", received_at)
    # Without a change it is the time of its creation, which is told in whole seconds.
    return at if at.quality != "arrival" and at.at - created.at >= 1000 else arrival


def _rated(item: _Item, at: Occurred) -> Draft | None:
    """The customer's answer to a survey, None while there is none."""
    submitted = get_object(item.attributes, "submitted_values")
    survey = get_object(submitted, "csat_survey_response")
    rating = get_int(survey, "rating")
    if rating is None:
        return None
    if not 1 <= rating <= 5:
        raise InvalidRecord("schema", "rating")
    talk = item.talk
    comment = get_text(survey, "feedback_message") is not None
    actor = ActorDraft(kind="customer", id=talk.customer)
    key = f"{item.stem}|rated|{rating}|{comment}"
    return replace(
        talk.draft("care.conversation.rated", key, at, actor),
        csat=CsatDraft(
            phase="answered",
            instrument="csat",
            scale_min=1,
            scale_max=5,
            score=rating,
            survey=item.id,
            has_comment=comment,
            rated_agent=agent_of(get_id(get_object(talk.meta, "assignee"), "id")),
        ),
    )
