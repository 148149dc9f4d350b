"""What every notification says of its conversation: number, channel, contact, parts, authors."""

import html
import re
from collections.abc import Sequence
from typing import Final, get_args

from carewatch.channels.base import Account
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    ConversationId,
    CustomerId,
    Draft,
    Occurred,
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
from carewatch.wire.envelope import Channel

_CHANNELS: Final[dict[str, Channel]] = {
    "conversation": "web",
    "push": "web",
    "in_app": "web",
    "email": "email",
    "facebook": "messenger",
    "instagram": "instagram",
    "twitter": "x",
    "whatsapp": "whatsapp",
    "sms": "sms",
    "phone_call": "voice",
    "phone_switch": "voice",
}
CUSTOMERS: Final = ("contact", "lead", "user")
"""Authors who are customers; visitors become leads when they write."""

_TAG: Final = re.compile(r"<[^<>]*>")
_BREAK: Final = re.compile(r"<br\s*/?>|</p>\s*<p[^<>]*>")


class Talk:
    """A notification and the conversation in it."""

    def __init__(self, body: Fields, item: Fields, account: Account, received_at: int) -> None:
        self.item = item
        self.account = account
        self.received_at = received_at
        self.notification = need_id(body, "id")
        self.told_at = occurred(body.get("created_at"), "s", received_at)
        # Some topics are about a part, which names its conversation.
        self.number = get_id(item, "conversation_id") or need_id(item, "id")
        # Until API version 2.0, the first message had another name.
        self.source = get_object(item, "source") or get_object(item, "conversation_message")
        self.customer = self._contact()
        self.channel: Channel = self._channel()

    def draft(self, event_type: str, key: str, at: Occurred, actor: ActorDraft) -> Draft:
        """What all drafts of this conversation share; the caller adds the section."""
        urgent = get_text(self.item, "priority")
        return Draft(
            type=event_type,
            key=key,
            occurred=at,
            channel=self.channel,
            actor=actor,
            conversation=self.conversation,
            conversation_ref=self.number,
            customer=self.customer,
            priority=None if urgent is None else "high" if urgent == "priority" else "normal",
        )

    def change(self, event_type: str, at: Occurred, actor: ActorDraft) -> Draft:
        """The draft of what is no message: known by the notification."""
        return self.draft(event_type, f"{self.notification}|{event_type}", at, actor)

    @property
    def conversation(self) -> ConversationId:
        return ConversationId("intercom", self.number)

    def newest(self, types: Sequence[str], authors: Sequence[str] = ()) -> Fields | None:
        """The newest part of these types, by these authors if any are named; of one second the
        last."""
        listed = get_list(get_object(self.item, "conversation_parts"), "conversation_parts")
        fitting = [
            part
            for part in (as_object(one, "conversation_parts") for one in listed)
            if get_text(part, "part_type") in types
            and (not authors or get_text(get_object(part, "author"), "type") in authors)
        ]
        fitting.reverse()
        return max(fitting, key=lambda part: get_int(part, "created_at") or 0, default=None)

    def happened(self, part: Fields | None) -> Occurred:
        """When a part was written; without one, when it was told."""
        if part is None:
            return self.told_at
        at = occurred(part.get("created_at"), "s", self.received_at)
        return self.told_at if at.quality == "arrival" else at

    def author(self, of: Fields) -> ActorDraft:
        """Who wrote a part or did something."""
        author = get_object(of, "author")
        number = get_id(author, "id")
        kind = get_text(author, "type")
        if kind in CUSTOMERS:
            customer = CustomerId("intercom", number) if number else self.customer
            return ActorDraft(kind="customer", id=customer)
        if kind == "bot" or get_flag(author, "from_ai_agent"):
            return ActorDraft(kind="bot", id=AgentId("intercom-bot", number or "operator"))
        if kind == "admin":
            return ActorDraft(kind="agent", id=AgentId("intercom", number) if number else None)
        if kind == "team":
            return ActorDraft(kind="system")
        if kind is None:
            return ActorDraft(kind="unknown")
        raise InvalidRecord("schema", "author")

    def team(self, number: str | None) -> str | None:
        """The name of a team: that of the option, else its number."""
        return None if number is None else self.account.options.get(f"team.{number}", number)

    def _contact(self) -> CustomerId | None:
        """The first of the contacts; whoever joins later does not own the conversation."""
        listed = get_list(get_object(self.item, "contacts"), "contacts")
        first = as_object(listed[0], "contacts") if listed else get_object(self.item, "user")
        number = get_id(first, "id")
        return CustomerId("intercom", number) if number else None

    def _channel(self) -> Channel:
        kind = get_text(get_object(self.item, "source"), "type")
        if kind is not None:
            return _CHANNELS.get(kind, "other")
        stated = self.account.options.get("channel", "web")
        return next((channel for channel in get_args(Channel) if channel == stated), "other")


def plain(body: str | None) -> str:
    """The words of a body, which is HTML."""
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", body or ""))).strip()
