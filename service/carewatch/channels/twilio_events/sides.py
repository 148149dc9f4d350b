"""What TaskRouter, Conversations and Voice share: names of fields, times, channels, both sides."""

import re
from collections.abc import Iterable
from typing import Final, get_args

import msgspec

from carewatch.channels.base import Account
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    ConversationId,
    CustomerId,
    MessageId,
    Occurred,
)
from carewatch.channels.fields import Fields, get_text
from carewatch.channels.times import occurred
from carewatch.wire.envelope import Channel

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PHONE: Final = re.compile(r"\+?\d{4,15}")


def plain_names(fields: Fields) -> Fields:
    """`TaskSid` as `task_sid`: callbacks and Event Streams write the same names differently."""
    return {_WORD.sub("_", name).lower(): value for name, value in fields.items()}


def from_form(pairs: Iterable[tuple[str, str]]) -> Fields:
    """A form as fields; of one that is repeated the first counts."""
    fields: Fields = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return plain_names(fields)


def nested(fields: Fields, name: str) -> Fields:
    """An object written as JSON within a text, as attributes are; anything else is empty."""
    try:
        found: object = msgspec.json.decode(get_text(fields, name) or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def when(stated: object, received_at: int) -> Occurred:
    """An instant of Conversations or Event Streams: ISO, mostly with milliseconds."""
    fine = isinstance(stated, str) and "." in stated
    return occurred(stated, "iso", received_at, "ms" if fine else "s")


def channel_of(account: Account) -> Channel:
    """The channel of everything but voice: the account's option, else the web."""
    stated = account.options.get("channel", "web")
    return next((channel for channel in get_args(Channel) if channel == stated), "other")


def conversation(sid: str) -> ConversationId:
    """A SID is unique among all things of Twilio: a call, a conversation, a task."""
    return ConversationId("twilio", sid)


def message(sid: str) -> MessageId:
    return MessageId("twilio", sid, shared=True)


def customer_at(address: str | None, family: Channel) -> CustomerId | None:
    """Who has an address: `+4915112345678`, `whatsapp:+4915112345678`, `messenger:1234`.

    A phone number is the same customer in every account of the tenant, within one family.
    """
    if address is None:
        return None
    kind, _, number = address.rpartition(":")
    if not _PHONE.fullmatch(number):
        return CustomerId("twilio", address) if kind in ("messenger", "chat") else None
    if kind == "messenger":
        return CustomerId("twilio", address)
    by = "whatsapp" if kind == "whatsapp" else "sms" if family != "voice" else "voice"
    return CustomerId(by, number.removeprefix("+"), shared=True)


def identity_of(uri: str | None) -> str | None:
    """The identity in `client:bob`."""
    return uri.removeprefix("client:") or None if uri and uri.startswith("client:") else None


def agent(identity: str) -> AgentId:
    return AgentId("twilio", identity)


def author(account: Account, identity: str) -> tuple[ActorDraft, CustomerId | None]:
    """Who writes in a conversation under this name, and the customer if it is one."""
    if identity == "system":
        return ActorDraft(kind="system"), None
    customer = customer_at(identity, "sms")
    if customer is None and identity.startswith(account.options.get("customers", "FX")):
        customer = CustomerId("twilio", identity)
    if customer is not None:
        return ActorDraft(kind="customer", id=customer), customer
    if identity in [bot.strip() for bot in account.options.get("bots", "").split(",")]:
        return ActorDraft(kind="bot", id=AgentId("twilio-bot", identity)), None
    return ActorDraft(kind="agent", id=agent(identity)), None
