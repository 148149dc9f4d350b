"""What every Chatwoot body says about its conversation: number, channel, contact, bot, team."""

from typing import Final

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
    get_id,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, LifecycleState, Priority

_CHANNELS: Final[dict[str, Channel]] = {
    "Channel::WebWidget": "web",
    "Channel::Whatsapp": "whatsapp",
    "Channel::Email": "email",
    "Channel::FacebookPage": "messenger",
    "Channel::Instagram": "instagram",
    "Channel::TwitterProfile": "x",
    "Channel::Telegram": "telegram",
    "Channel::Line": "line",
    "Channel::Sms": "sms",
    "Channel::TwilioSms": "sms",
    "Channel::Voice": "voice",
    "Channel::Api": "other",
}

PRIORITIES: Final[dict[str, Priority]] = {
    "urgent": "urgent",
    "high": "high",
    "medium": "normal",
    "low": "low",
}
BOTS: Final = ("agent_bot", "agentbot", "captain_assistant", "captain::assistant")


class Talk:
    """The conversation object, which every body carries in one form or another."""

    def __init__(self, fields: Fields, account: Account, received_at: int) -> None:
        self.fields = fields
        self.account = account
        self.received_at = received_at
        self.number = need_id(fields, "id")
        self.id = ConversationId("chatwoot", self.number)
        self.channel: Channel = _CHANNELS.get(get_text(fields, "channel") or "", "other")
        self.meta = get_object(fields, "meta")
        contact = get_id(get_object(self.meta, "sender"), "id") or get_id(
            get_object(fields, "contact_inbox"), "contact_id"
        )
        self.customer = CustomerId("chatwoot", contact) if contact else None
        self.priority = PRIORITIES.get(get_text(fields, "priority") or "")

    def draft(self, event_type: str, key: str, at: Occurred, actor: ActorDraft) -> Draft:
        """What all drafts of this conversation share; the caller adds the section."""
        return Draft(
            type=event_type,
            key=key,
            occurred=at,
            actor=actor,
            conversation=self.id,
            conversation_ref=self.number,
            customer=self.customer,
            channel=self.channel,
            priority=self.priority,
        )

    def bot_shows(self) -> bool:
        """Whether a bot is assigned, or wrote last."""
        if (get_text(self.meta, "assignee_type") or "").lower() in BOTS:
            return True
        last = get_list(self.fields, "messages")[-1:]
        return any(is_bot(get_object(as_object(m, "messages"), "sender")) for m in last)

    def state(self, status: str, *, by_bot: bool) -> LifecycleState:
        """Our word for a Chatwoot status; raises InvalidRecord for an unknown one."""
        match status:
            case "open" | "resolved" | "snoozed":
                return status
            case "pending":
                people = self.account.options.get("pending") == "people"
                return "bot" if by_bot and not people else "pending"
            case _:
                raise InvalidRecord("schema", "status")

    def team_name(self, team_id: str) -> str | None:
        """A team by option, else by the name the body gives it; None when only its id is known."""
        named = self.account.options.get(f"team.{team_id}")
        if named is not None:
            return named
        team = get_object(self.meta, "team")
        return get_text(team, "name") if get_id(team, "id") == team_id else None


def is_bot(sender: Fields) -> bool:
    return (get_text(sender, "type") or "").lower() in BOTS


def agent_of(value: object) -> AgentId | None:
    number = get_id({"id": value}, "id")
    return AgentId("chatwoot", number) if number else None
