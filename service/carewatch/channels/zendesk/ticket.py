"""What every ticket event says of its ticket: number, channel, requester, group, who did it."""

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
from carewatch.channels.fields import Fields, get_id, get_object, get_text, need_id
from carewatch.channels.times import occurred
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, LifecycleState, Priority

CHANNELS: Final[dict[str, Channel]] = {
    "chat": "web",
    "email": "email",
    "facebook": "messenger",
    "help_center": "email",
    "instagram_dm": "instagram",
    "line": "line",
    "mobile": "email",
    "native_messaging": "web",
    "phone": "voice",
    "sms": "sms",
    "telegram": "telegram",
    "twitter_dm": "x",
    "viber": "viber",
    "voice": "voice",
    "web": "email",
    "wechat": "wechat",
    "whatsapp": "whatsapp",
}
"""The channels of `via`; a form of the help centre is answered by mail."""

MESSAGING: Final = (
    "facebook", "instagram_dm", "line", "native_messaging", "sms", "telegram", "twitter_dm",
    "viber", "wechat", "whatsapp",
)  # fmt: skip
"""Tickets of these have messages of their own; their public comments are transcripts."""

STATES: Final[dict[str, LifecycleState]] = {
    "new": "new",
    "open": "open",
    "pending": "pending",
    "hold": "snoozed",
    "solved": "resolved",
    "closed": "closed",
    "deleted": "deleted",
}
PRIORITIES: Final[dict[str, Priority]] = {
    "urgent": "urgent",
    "high": "high",
    "normal": "normal",
    "low": "low",
}
_SYSTEM: Final = "-1"
"""The user that triggers, automations and Zendesk itself act as."""

ANSWER_BOT: Final = "zd:answerBot"
AGENT_WORKSPACE: Final = "zd:agentWorkspace"
"""Who has a conversation of messaging: Zendesk's bot, or people."""


class Ticket:
    """A ticket event: the event itself and the ticket as it was then (`detail`)."""

    def __init__(self, body: Fields, account: Account, received_at: int) -> None:
        self.detail = get_object(body, "detail")
        self.event = get_object(body, "event")
        self.account = account
        self.received_at = received_at
        self.event_id = need_id(body, "id")
        self.at = occurred(body.get("time"), "iso", received_at, "ms")
        self.number = need_id(self.detail, "id")
        self.requester = get_id(self.detail, "requester_id")
        self.via = (get_text(get_object(self.detail, "via"), "channel") or "").lower()
        self.channel = channel_of(account, self.via)

    def draft(self, event_type: str, key: str, actor: ActorDraft, at: Occurred) -> Draft:
        """What all drafts of this ticket share; the caller adds the section."""
        return Draft(
            type=event_type,
            key=key,
            occurred=at,
            channel=self.channel,
            actor=actor,
            conversation=conversation(self.number),
            conversation_ref=self.number,
            customer=CustomerId("zendesk", self.requester) if self.requester else None,
            priority=priority_of(get_text(self.detail, "priority")),
        )

    @property
    def is_messaging(self) -> bool:
        """Whether the customer's messages come as messages, not as comments."""
        return self.via in MESSAGING

    def state(self, parent: Fields, name: str) -> LifecycleState:
        """Our word for a status of Zendesk; raises InvalidRecord for an unknown one."""
        state = STATES.get((get_text(parent, name) or "").lower())
        if state is None:
            raise InvalidRecord("schema", name)
        return state

    def actor(self) -> ActorDraft:
        """Who caused the event."""
        number = get_id(self.detail, "actor_id")
        if number is None:
            return ActorDraft(kind="unknown")
        if number == self.requester:
            return ActorDraft(kind="customer", id=CustomerId("zendesk", number))
        return staff(self.account, number)

    def group(self, value: object) -> str | None:
        """The name of a group: that of the option, else its number."""
        number = get_id({"group_id": value}, "group_id")
        return None if number is None else self.account.options.get(f"group.{number}", number)


def conversation(number: str) -> ConversationId:
    return ConversationId("zendesk", number)


def channel_of(account: Account, via: str) -> Channel:
    """The channel of tickets that came by `via`, by the account's option where there is one."""
    return named(account.options.get(f"via.{via}")) or CHANNELS.get(via, "other")


def named(option: str | None) -> Channel | None:
    """The channel that an option names; None without the option."""
    if option is None:
        return None
    return next((channel for channel in get_args(Channel) if channel == option), "other")


def staff(account: Account, number: str) -> ActorDraft:
    """A user on the answering side: the system, a program, or a person."""
    if number == _SYSTEM:
        return ActorDraft(kind="system")
    bots = [bot.strip() for bot in account.options.get("bots", "").split(",")]
    if number in bots:
        return ActorDraft(kind="bot", id=AgentId("zendesk-bot", number))
    return ActorDraft(kind="agent", id=AgentId("zendesk", number))


def priority_of(stated: str | None) -> Priority | None:
    return PRIORITIES.get((stated or "").lower())
