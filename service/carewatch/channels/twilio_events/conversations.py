"""Conversations: messages of both sides, the state of a conversation, delivery."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

import msgspec

from carewatch.channels.base import Account, Skip
from carewatch.channels.drafts import (
    ActorDraft,
    CustomerId,
    Draft,
    MessageDraft,
    Occurred,
    Reference,
    StatusDraft,
    Text,
)
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_list,
    get_text,
    need_id,
    need_text,
)
from carewatch.channels.twilio_events.sides import author, channel_of, conversation, message, when
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Lifecycle, LifecycleState, MessageKind

_CALLBACKS: Final = {
    "onConversationAdded": "conversation.added",
    "onConversationRemoved": "conversation.removed",
    "onConversationStateUpdated": "conversation-state.updated",
    "onDeliveryUpdated": "delivery.updated",
    "onMessageAdded": "message.added",
    "onMessageRemoved": "message.removed",
    "onMessageUpdated": "message.updated",
}
"""What callbacks are called, and the same in Event Streams."""
_BEFORE: Final = (
    "onConversationAdd", "onConversationRemove", "onConversationUpdate", "onMessageAdd",
    "onMessageRemove", "onMessageUpdate", "onParticipantAdd", "onParticipantRemove",
    "onParticipantUpdate", "onUserUpdate",
)  # fmt: skip
"""Questions before something happens; what then does happen is told by another callback."""
_AFTER: Final = (
    "onConversationUpdated", "onParticipantAdded", "onParticipantRemoved", "onParticipantUpdated",
    "onUserAdded", "onUserUpdated",
)  # fmt: skip
_IGNORED: Final = ("conversation.updated",)
_OF_OTHERS: Final = ("participant", "user")

_STATES: Final[dict[str, LifecycleState]] = {
    "active": "open",
    "inactive": "pending",
    "closed": "closed",
}
_REASONS: Final = {"API": "api", "EVENT": "event", "TIMER": "timer"}
_STATUSES: Final[dict[str, Literal["sent", "delivered", "read", "failed"]]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
}
_FAMILIES: Final[dict[str, MessageKind]] = {"image": "image", "video": "video", "audio": "audio"}


def callback(
    kind: str, fields: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    """One webhook of Conversations."""
    if kind in _CALLBACKS:
        return event(_CALLBACKS[kind], fields, path, account, received_at)
    known = kind in _BEFORE or kind in _AFTER
    return iter((Skip(reason="ignored" if known else "unmapped", path=path),))


def event(
    kind: str, fields: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    """One event, its fields under plain names."""
    if kind in _IGNORED or kind.partition(".")[0] in _OF_OTHERS:
        yield Skip(reason="ignored", path=path)
        return
    told = _Told(fields, account, received_at)
    match kind:
        case "message.added":
            yield told.added()
        case "message.updated":
            yield told.updated()
        case "message.removed":
            yield told.removed()
        case "conversation.added":
            yield told.opened()
        case "conversation.removed":
            yield told.gone()
        case "conversation-state.updated":
            yield told.state()
        case "delivery.updated":
            yield told.delivery()
        case _:
            yield Skip(reason="unmapped", path=path)


class _Told:
    """One event: its conversation, with what is read again and again."""

    def __init__(self, fields: Fields, account: Account, received_at: int) -> None:
        self.fields = fields
        self.account = account
        self.received_at = received_at
        self.sid = need_id(fields, "conversation_sid")

    def draft(
        self,
        event_type: str,
        key: str,
        at: Occurred,
        actor: ActorDraft,
        customer: CustomerId | None = None,
    ) -> Draft:
        """What all drafts of this conversation share; the caller adds the section."""
        return Draft(
            type=event_type,
            key=key,
            occurred=at,
            channel=channel_of(self.account),
            actor=actor,
            conversation=conversation(self.sid),
            conversation_ref=self.sid,
            customer=customer,
        )

    def at(self, *names: str) -> Occurred:
        """The first instant that is stated under one of these names, else the arrival."""
        stated = next((self.fields[name] for name in names if self.fields.get(name)), None)
        return when(stated, self.received_at)

    def added(self) -> Draft:
        sid = need_id(self.fields, "message_sid")
        actor, customer = author(self.account, need_text(self.fields, "author"))
        text = get_text(self.fields, "message_body") or get_text(self.fields, "body") or ""
        files = self._media()
        by_customer = actor.kind == "customer"
        return replace(
            self.draft(
                "care.message.created", f"{sid}|created", self.at("date_created"), actor, customer
            ),
            message=MessageDraft(
                id=message(sid),
                direction="inbound" if by_customer else "outbound",
                kind=_kind(files, text),
                has_text=bool(text),
                chars=len(text),
                media_count=len(files),
                automated=True if actor.kind == "system" else None,
                text=Text(text) if by_customer and text else None,
            ),
        )

    def updated(self) -> Draft:
        sid = need_id(self.fields, "message_sid")
        stated = get_text(self.fields, "date_updated") or ""
        return replace(
            self.draft(
                "care.message.updated",
                f"{sid}|updated|{stated}",
                self.at("date_updated"),
                ActorDraft(kind="unknown"),
            ),
            message=MessageDraft(id=message(sid)),
        )

    def removed(self) -> Draft:
        sid = need_id(self.fields, "message_sid")
        return replace(
            self.draft(
                "care.message.deleted",
                f"{sid}|deleted",
                self.at("date_removed", "date_updated"),
                ActorDraft(kind="unknown"),
            ),
            message=MessageDraft(id=message(sid)),
        )

    def opened(self) -> Draft:
        return replace(
            self.draft(
                "care.conversation.opened",
                f"{self.sid}|opened",
                self.at("date_created"),
                ActorDraft(kind="unknown"),
            ),
            lifecycle=Lifecycle(to="open"),
        )

    def gone(self) -> Draft:
        return replace(
            self.draft(
                "care.conversation.status_changed",
                f"{self.sid}|removed",
                self.at("date_removed", "date_updated"),
                ActorDraft(kind="unknown"),
            ),
            lifecycle=Lifecycle(to="deleted"),
        )

    def state(self) -> Draft:
        """`closed` is for good; `inactive` waits for the customer, whose message ends it."""
        before, after = (
            _STATES.get(get_text(self.fields, name) or "") for name in ("state_from", "state_to")
        )
        if after is None:
            raise InvalidRecord("schema", "state_to")
        reason = _REASONS.get(get_text(self.fields, "reason") or "")
        stated = get_text(self.fields, "state_updated") or ""
        return replace(
            self.draft(
                "care.conversation.status_changed",
                f"{self.sid}|state|{after}|{stated}",
                self.at("state_updated", "date_updated"),
                ActorDraft(kind="system" if reason == "timer" else "unknown"),
            ),
            lifecycle=Lifecycle(to=after, from_=before, reason=reason),
        )

    def delivery(self) -> Draft:
        sid = need_id(self.fields, "message_sid")
        value = _STATUSES.get(get_text(self.fields, "status") or "")
        if value is None:
            raise InvalidRecord("schema", "status")
        sent_as = get_id(self.fields, "channel_message_sid")
        receipt = get_id(self.fields, "delivery_receipt_sid") or ""
        error = get_id(self.fields, "error_code")
        return replace(
            self.draft(
                "care.message.status",
                f"{sid}|status|{value}|{receipt}",
                self.at("date_updated", "date_created"),
                ActorDraft(kind="system"),
            ),
            status=StatusDraft(
                value=value, message=message(sid), error_code=None if error == "0" else error
            ),
            references=(
                (Reference(system="twilio", kind="message", id=message(sent_as)),)
                if sent_as
                else ()
            ),
        )

    def _media(self) -> list[object]:
        """The files of a message; a form holds them as JSON."""
        held = self.fields.get("media")
        if not isinstance(held, str):
            return get_list(self.fields, "media")
        try:
            found: object = msgspec.json.decode(held or "[]")
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidRecord("schema", "media") from error
        return get_list({"media": found}, "media")


def _kind(files: list[object], text: str) -> MessageKind:
    if not files or text:
        return "text"
    first = as_object(files[0], "media")
    family = (get_text(first, "ContentType") or "").partition("/")[0]
    return _FAMILIES.get(family, "document")
