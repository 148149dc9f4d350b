"""The items of one `value`: messages, statuses and echoes, each to its drafts."""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels.base import Account, Skip
from carewatch.channels.drafts import (
    ActorDraft,
    ConversationId,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    StatusDraft,
    Text,
)
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_list,
    get_object,
    get_text,
    need_id,
    need_text,
)
from carewatch.channels.times import occurred
from carewatch.channels.whatsapp import calls, people
from carewatch.channels.whatsapp.contents import KINDS, choice_of, size_of, words_of
from carewatch.channels.whatsapp.people import Contacts, Side, customer_of

_CHANGES: Final = {
    "edit": ("care.message.updated", "updated"),
    "revoke": ("care.message.deleted", "deleted"),
}
"""Messages that change another: the event, and the end of its key."""

_CAMPAIGNS: Final = (
    "marketing",
    "marketing_lite",
    "authentication",
    "authentication_international",
)
"""Categories of templates that no person sends."""

_Status = Literal["sent", "delivered", "read", "played", "failed"]
_STATUSES: Final[dict[str, _Status]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "played",
    "failed": "failed",
}


def _wamid(value: str) -> MessageId:
    return MessageId("whatsapp", value, shared=True)


class Value:
    """One `value` object: its items share the account and the list of contacts."""

    def __init__(self, value: Fields, account: Account, received_at: int, business: str) -> None:
        self._account = account
        self._received_at = received_at
        self._business = business
        self._contacts = Contacts(value)

    def _conversation(self, item: Fields, person: str) -> ConversationId:
        group = get_id(item, "group_id")
        return ConversationId("whatsapp", f"{self._business}:{group or person}")

    def message(self, item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        wamid = need_id(fields, "id")
        kind = need_text(fields, "type")
        when = occurred(fields.get("timestamp"), "s_or_ms", self._received_at)
        if kind == "system":
            yield from people.system_message(fields, path, when)
            return
        if kind == "request_welcome" or (kind == "reaction" and _taken_back(fields)):
            yield Skip(reason="ignored", path=path)
            return

        person, number = self._contacts.person(fields, "from")
        customer = customer_of(person)
        words = words_of(fields, kind)
        target = _wamid(wamid)
        answers = get_id(get_object(fields, "context"), "id")
        event_type, suffix = "care.message.created", "created"
        message_kind = KINDS.get(kind)
        choice = None
        match kind:
            case "edit" | "revoke":
                event_type, suffix = _CHANGES[kind]
                target = _wamid(need_id(get_object(fields, kind), "original_message_id"))
            case "reaction":
                event_type, suffix = "care.message.reacted", "reacted"
                message_kind = "reaction"
                answers = need_id(get_object(fields, "reaction"), "message_id")
            case "button" | "interactive":
                choice = choice_of(fields, kind)
                if choice is not None and choice.kind == "form":
                    message_kind = "form"
            case _ if message_kind is None:
                yield Skip(reason="unmapped", path=path)
                return
            case _:
                pass
        yield Draft(
            type=event_type,
            key=f"{wamid}|{suffix}",
            occurred=when,
            channel="whatsapp",
            conversation=self._conversation(fields, person),
            customer=customer,
            actor=ActorDraft(kind="customer", id=customer),
            message=MessageDraft(
                id=target,
                direction="inbound",
                kind=message_kind,
                **size_of(fields, kind),
                in_reply_to=_wamid(answers) if answers else None,
                needs_reply=False if kind == "reaction" else None,
                text=Text(words) if words else None,
            ),
            choice=choice,
        )
        if number is not None:
            # Repeated with every message: one id per person, so that it counts once.
            yield people.linked(customer, customer_of(number), when, key=f"linked|{person}")

    def status(self, item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        about = get_text(fields, "type")
        if about == "payment":
            yield Skip(reason="ignored", path=path)
            return
        if about == "call":
            yield from calls.status(fields, path, self._recipient(fields), self._received_at)
            return
        wamid = need_id(fields, "id")
        value = _STATUSES.get(need_text(fields, "status"))
        if value is None:
            yield Skip(reason="unmapped", path=path)
            return
        when = occurred(fields.get("timestamp"), "s_or_ms", self._received_at)
        customer: CustomerId | None
        if get_text(fields, "recipient_type") == "group":
            member = get_id(fields, "recipient_participant_id")
            customer = customer_of(member) if member else None
            conversation = self._conversation({}, need_id(fields, "recipient_id"))
        else:
            customer = self._recipient(fields)
            conversation = self._conversation(fields, customer.value)
        code = None
        for error in get_list(fields, "errors"):
            code = code or get_id(as_object(error, path), "code")
        yield Draft(
            type="care.message.status",
            key=f"{wamid}|status|{value}",
            occurred=when,
            channel="whatsapp",
            conversation=conversation,
            customer=customer,
            actor=ActorDraft(kind="system"),
            status=StatusDraft(value=value, message=_wamid(wamid), error_code=code),
        )
        if value != "sent" or self._account.messages_from != "whatsapp":
            return
        campaign = get_text(get_object(fields, "pricing"), "category") in _CAMPAIGNS
        sender = "system" if campaign else self._account.api_sender
        yield Draft(
            type="care.message.created",
            key=f"{wamid}|created",
            occurred=when,
            channel="whatsapp",
            conversation=conversation,
            customer=customer,
            actor=ActorDraft(kind=sender, confidence="derived"),
            message=MessageDraft(
                id=_wamid(wamid),
                direction="outbound",
                kind="template" if campaign else None,
                automated=True if sender == "system" else None,
            ),
            derived=True,
        )

    def _recipient(self, fields: Fields) -> CustomerId:
        person, _ = self._contacts.person(fields, "recipient")
        return customer_of(person)

    def echo(self, item: object, path: str) -> Iterator[Draft | Skip]:
        """A message typed in the WhatsApp Business app: a person wrote it, which one is unknown."""
        fields = as_object(item, path)
        wamid = need_id(fields, "id")
        kind = get_text(fields, "type") or "unsupported"
        if kind == "reaction" and _taken_back(fields):
            yield Skip(reason="ignored", path=path)
            return
        person, _ = self._contacts.person(fields, "to")
        customer = customer_of(person)
        event_type, suffix, target = "care.message.created", "created", _wamid(wamid)
        if kind in ("edit", "revoke"):
            event_type, suffix = _CHANGES[kind]
            target = _wamid(need_id(get_object(fields, kind), "original_message_id"))
        elif kind == "reaction":
            event_type, suffix = "care.message.reacted", "reacted"
        yield Draft(
            type=event_type,
            key=f"{wamid}|{suffix}",
            occurred=occurred(fields.get("timestamp"), "s_or_ms", self._received_at),
            channel="whatsapp",
            conversation=self._conversation(fields, person),
            customer=customer,
            actor=ActorDraft(kind="agent"),
            message=MessageDraft(
                id=target,
                direction="outbound",
                kind=None
                if kind in ("edit", "revoke")
                else "reaction"
                if kind == "reaction"
                else KINDS.get(kind, "unsupported"),
                **size_of(fields, kind),
                is_echo=True,
            ),
        )

    def call(self, item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        side: Side = "to" if calls.is_outbound(fields) else "from"
        person, _ = self._contacts.person(fields, side)
        yield from calls.call(fields, path, customer_of(person), self._received_at)

    def user_id(self, item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        when = occurred(fields.get("timestamp"), "s_or_ms", self._received_at)
        yield from people.user_id_update(fields, when)


def _taken_back(fields: Fields) -> bool:
    """A reaction without emoji takes an earlier one back."""
    return not get_text(get_object(fields, "reaction"), "emoji")
