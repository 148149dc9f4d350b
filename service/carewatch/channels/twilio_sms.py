"""Twilio Messaging: SMS, MMS, RCS, and WhatsApp or Messenger through Twilio; delivery statuses.

Inbound messages and status callbacks may share one URL: a status names `MessageStatus`. Neither
says when it happened, so the arrival is the time (`RawDlrDoneDate` has no zone and is never used).

What is sent through the API is not echoed: a `sent` status is all that arrives. With the account's
`messages_from: twilio_sms` such a status becomes the outbound message itself (`derived`), written
by whoever `api_sender` says. It arrives only where each send names a StatusCallback, or the
messaging service does.

A conversation is a pair of addresses, ours and theirs. A phone number is the same customer in
every account of a tenant; one that comes by WhatsApp is the customer of the `whatsapp` channel.
`match` of an account: `account_sid`, `messaging_service_sid`.
Source: Twilio documentation, "Messaging webhooks", "Outbound message status", "Webhooks security".
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from carewatch.channels.base import Account, RawRequest, Reply, Secrets, Skip, attempt
from carewatch.channels.drafts import (
    ActorDraft,
    ConversationId,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    Occurred,
    StatusDraft,
    Text,
)
from carewatch.channels.fields import Fields, as_object, get_id, get_int, get_text, need_text
from carewatch.channels.twilio import SIGNATURE
from carewatch.channels.verify import Verifier
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, Choice, MessageKind

_CHANNELS: Final[dict[str, Channel]] = {
    "": "sms",
    "rcs": "sms",
    "whatsapp": "whatsapp",
    "messenger": "messenger",
}
"""By what stands before the colon of an address; RCS falls back to SMS within a conversation."""

_Status = Literal["queued", "sent", "delivered", "read", "failed"]
_STATUSES: Final[dict[str, _Status]] = {
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
}
_IGNORED: Final = ("canceled", "partially_delivered")
"""Never sent, and said of a part of a message."""

_MEDIA: Final[dict[str, MessageKind]] = {"image": "image", "video": "video", "audio": "audio"}
_CARDS: Final = ("text/vcard", "text/x-vcard")

_NUMBER: Final = re.compile(r"\d+", re.ASCII)


class TwilioSms:
    """`POST /hooks/twilio_sms/{account}`, for inbound messages and for status callbacks."""

    name = "twilio_sms"
    source_role: Literal["channel"] = "channel"
    version = "1"
    verifiers: tuple[Verifier, ...] = (SIGNATURE,)
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = Reply(text="<Response/>", content_type="text/xml")
    """TwiML without a verb: Twilio sends the customer nothing."""

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Twilio has no handshake."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        fields: Fields = {}
        for name, value in request.form():
            fields.setdefault(name, value)

        def body(item: object, path: str) -> Iterator[Draft | Skip]:
            return _body(as_object(item, path), path, account, request.received_at)

        return attempt(fields, "body", body)


ADAPTER: Final = TwilioSms()


def _body(fields: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    sid = get_text(fields, "MessageSid") or need_text(fields, "SmsSid")
    for name, stated in (
        ("account_sid", need_text(fields, "AccountSid")),
        ("messaging_service_sid", get_text(fields, "MessagingServiceSid")),
    ):
        if stated is not None and account.match.get(name, stated) != stated:
            yield Skip(reason="wrong_account", path=path)
            return
    at = Occurred(at=received_at, quality="arrival")
    status = get_text(fields, "MessageStatus") or get_text(fields, "SmsStatus") or "received"
    if status in ("received", "receiving"):
        yield _inbound(fields, sid, at)
    elif status in _IGNORED or (_STATUSES.get(status) == "queued" and "From" not in fields):
        # Until a messaging service has chosen the sender, nobody knows which conversation it is.
        yield Skip(reason="ignored", path=path)
    elif status not in _STATUSES:
        yield Skip(reason="unmapped", path=path)
    else:
        yield from _outbound(fields, sid, at, status, account)


def _message(sid: str) -> MessageId:
    """A SID is unique among all messages of Twilio; other sources refer to it, too."""
    return MessageId("twilio", sid, shared=True)


def _draft(
    event_type: str, key: str, at: Occurred, ours: str, theirs: str, actor: ActorDraft | None = None
) -> Draft:
    """What all events share; without `actor` the customer did it."""
    kind, _, address = theirs.rpartition(":")
    channel = _CHANNELS.get(kind, "other")
    number = address.removeprefix("+")
    if not number:
        raise InvalidRecord("schema", "To" if actor else "From")
    family = channel if channel in ("sms", "whatsapp") else "twilio"
    customer = CustomerId(family, number, shared=_NUMBER.fullmatch(number) is not None)
    return Draft(
        type=event_type,
        key=key,
        occurred=at,
        channel=channel,
        conversation=ConversationId("twilio", f"{ours}|{theirs}"),
        customer=customer,
        actor=actor or ActorDraft(kind="customer", id=customer),
    )


def _inbound(fields: Fields, sid: str, at: Occurred) -> Draft:
    choice = _choice(fields)
    text = get_text(fields, "Body") if choice is None else None
    answers = get_text(fields, "OriginalRepliedMessageSid")
    return replace(
        _draft(
            "care.message.created",
            f"{sid}|created",
            at,
            ours=need_text(fields, "To"),
            theirs=need_text(fields, "From"),
        ),
        message=MessageDraft(
            id=_message(sid),
            direction="inbound",
            kind=_kind(fields, choice),
            has_text=text is not None,
            chars=len(text or ""),
            media_count=get_int(fields, "NumMedia") or 0,
            in_reply_to=_message(answers) if answers else None,
            # STOP, START and HELP, which Twilio itself has answered.
            needs_reply=False if get_text(fields, "OptOutType") else None,
            text=Text(text) if text else None,
        ),
        choice=choice,
    )


def _choice(fields: Fields) -> Choice | None:
    """What was picked of a content template; its titles are the business's words."""
    button, item = get_id(fields, "ButtonPayload"), get_id(fields, "ListId")
    words = get_text(fields, "ButtonText")
    if button or words:
        return Choice(kind="button", id=button or words or "-", title=words)
    if item:
        return Choice(kind="list", id=item, title=get_text(fields, "ListTitle"))
    if get_text(fields, "InteractiveData"):
        return Choice(kind="form", id="flow")
    return None


def _kind(fields: Fields, choice: Choice | None) -> MessageKind:
    if choice is not None:
        return "form" if choice.kind == "form" else "choice"
    if get_int(fields, "NumMedia"):
        stated = (get_text(fields, "MediaContentType0") or "").lower()
        content_type = stated.partition(";")[0].strip()
        if content_type in _CARDS:
            return "contact"
        return _MEDIA.get(content_type.partition("/")[0], "document")
    if get_text(fields, "Latitude"):
        return "location"
    return "text" if get_text(fields, "Body") else "unsupported"


def _outbound(
    fields: Fields, sid: str, at: Occurred, status: str, account: Account
) -> Iterator[Draft]:
    """A status of a message of ours: here we are the sender."""
    ours, theirs = need_text(fields, "From"), need_text(fields, "To")
    yield replace(
        _draft(
            "care.message.status",
            f"{sid}|status|{status}",
            at,
            ours,
            theirs,
            ActorDraft(kind="system"),
        ),
        status=StatusDraft(
            value=_STATUSES[status],
            message=_message(sid),
            error_code=get_id(fields, "ErrorCode"),
        ),
    )
    if status != "sent" or account.messages_from != "twilio_sms":
        return
    sender = account.api_sender
    yield replace(
        _draft(
            "care.message.created",
            f"{sid}|created",
            at,
            ours,
            theirs,
            ActorDraft(kind=sender, confidence="derived"),
        ),
        message=MessageDraft(
            id=_message(sid),
            direction="outbound",
            automated=True if sender == "system" else None,
        ),
        derived=True,
    )
