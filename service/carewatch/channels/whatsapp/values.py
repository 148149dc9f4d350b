"""The items of one `value`: messages, statuses, echoes and calls, each to its drafts."""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels.base import Account, Skip
from carewatch.channels.drafts import (
    ActorDraft,
    CallDraft,
    ConversationId,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    Occurred,
    Reference,
    StatusDraft,
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
from carewatch.channels.whatsapp.contents import KINDS, choice_of, size_of

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
        self._contacts = [
            contact for contact in get_list(value, "contacts") if isinstance(contact, dict)
        ]

    def _person(self, item: Fields, phone: str, scoped: str, parent: str) -> tuple[str, str | None]:
        """Who it is: the preferred identifier, and the phone number where it is another one."""
        number = get_id(item, phone)
        contact: Fields = {}
        if len(self._contacts) == 1:
            contact = self._contacts[0]
        for candidate in self._contacts:
            if number is not None and get_id(candidate, "wa_id") == number:
                contact = candidate
        number = number or get_id(contact, "wa_id")
        preferred = (
            get_id(item, parent)
            or get_id(contact, "parent_user_id")
            or get_id(item, scoped)
            or get_id(contact, "user_id")
            or number
        )
        if preferred is None:
            return need_id(item, phone), None
        return preferred, number if number != preferred else None

    def _conversation(self, item: Fields, person: str) -> ConversationId:
        group = get_id(item, "group_id")
        return ConversationId("whatsapp", f"{self._business}:{group or person}")

    def message(self, item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        wamid = need_id(fields, "id")
        kind = need_text(fields, "type")
        person, number = self._person(fields, "from", "from_user_id", "from_parent_user_id")
        when = occurred(fields.get("timestamp"), "s_or_ms", self._received_at)
        customer = CustomerId("whatsapp", person, shared=True)
        if kind == "system":
            yield from _system(fields, path, customer, when)
            return
        if kind == "request_welcome":
            yield Skip(reason="ignored", path=path)
            return

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
            ),
            choice=choice,
        )
        if number is not None:
            # Repeated with every message: one id per person, so that it counts once.
            other = CustomerId("whatsapp", number, shared=True)
            yield _linked(customer, other, when, key=f"linked|{person}")

    def status(self, item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        wamid = need_id(fields, "id")
        value = _STATUSES.get(need_text(fields, "status"))
        if value is None:
            yield Skip(reason="unmapped", path=path)
            return
        person, _ = self._person(
            fields, "recipient_id", "recipient_user_id", "recipient_parent_user_id"
        )
        when = occurred(fields.get("timestamp"), "s_or_ms", self._received_at)
        customer = CustomerId("whatsapp", person, shared=True)
        conversation = self._conversation(fields, person)
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

    def echo(self, item: object, path: str) -> Iterator[Draft | Skip]:
        """A message typed in the WhatsApp Business app: a person wrote it, which one is unknown."""
        fields = as_object(item, path)
        wamid = need_id(fields, "id")
        kind = get_text(fields, "type") or "unsupported"
        person, _ = self._person(fields, "to", "to_user_id", "to_parent_user_id")
        customer = CustomerId("whatsapp", person, shared=True)
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
        """A call is a conversation of its own: its end must not end the chat's session."""
        fields = as_object(item, path)
        call_id = need_id(fields, "id")
        outbound = get_text(fields, "direction") == "BUSINESS_INITIATED"
        customer_side = ("to", "to_user_id") if outbound else ("from", "from_user_id")
        person, _ = self._person(fields, *customer_side, "from_parent_user_id")
        phase: Literal["started", "completed", "missed"]
        match need_text(fields, "event"):
            case "connect":
                phase = "started"
            case "terminate":
                answered = get_id(fields, "duration") not in (None, "0")
                phase = "completed" if answered else "missed"
            case _:
                yield Skip(reason="unmapped", path=path)
                return
        customer = CustomerId("whatsapp", person, shared=True)
        conversation = ConversationId("whatsapp", f"call:{call_id}")
        yield Draft(
            type="care.call.phase",
            key=f"{call_id}|call|{phase}",
            occurred=occurred(fields.get("timestamp"), "s_or_ms", self._received_at),
            channel="whatsapp",
            conversation=conversation,
            customer=customer,
            actor=ActorDraft(kind="agent")
            if outbound
            else ActorDraft(kind="customer", id=customer),
            call=CallDraft(
                call=conversation,
                phase=phase,
                direction="outbound" if outbound else "inbound",
            ),
        )


def _system(
    fields: Fields, path: str, before: CustomerId, when: Occurred
) -> Iterator[Draft | Skip]:
    """A changed number: the person stays the same."""
    system = get_object(fields, "system")
    if get_text(system, "type") not in ("user_changed_number", "customer_changed_number"):
        yield Skip(reason="ignored", path=path)
        return
    after = get_id(system, "user_id") or get_id(system, "wa_id") or need_id(system, "new_wa_id")
    customer = CustomerId("whatsapp", after, shared=True)
    yield _linked(customer, before, when, key=f"{need_id(fields, 'id')}|linked")


def _linked(customer: CustomerId, other: CustomerId, when: Occurred, key: str) -> Draft:
    """Two identifiers of one person."""
    return Draft(
        type="care.customer.linked",
        key=key,
        occurred=when,
        channel="whatsapp",
        about=customer,
        customer=customer,
        actor=ActorDraft(kind="customer", id=customer),
        references=(Reference(system="whatsapp", kind="customer", id=other),),
    )
