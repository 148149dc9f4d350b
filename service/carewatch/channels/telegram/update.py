"""One update of Telegram: its number, its chat, who wrote it, and the ids that follow from them."""

from dataclasses import dataclass

from carewatch.channels.base import Account
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    ConversationId,
    CustomerId,
    Draft,
    MessageId,
    Occurred,
)
from carewatch.channels.fields import Fields, get_flag, get_id, get_object, get_text, need_id
from carewatch.channels.times import occurred


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said: a chat, a topic of it, a chat of a business connection.

    `person` is the customer where there is only one: a private chat has the person's own number.
    """

    chat: str
    person: str | None
    topic: str | None = None
    connection: str | None = None

    @property
    def conversation(self) -> ConversationId:
        return ConversationId("telegram", self._scoped(self.chat, topic=self.topic))

    def message(self, number: str) -> MessageId:
        """Messages are numbered by chat, and anew by business connection."""
        return MessageId("telegram", self._scoped(f"{self.chat}:{number}"))

    def _scoped(self, value: str, topic: str | None = None) -> str:
        in_topic = f"{value}/{topic}" if topic else value
        return f"{in_topic}@{self.connection}" if self.connection else in_topic

    @property
    def customer(self) -> CustomerId | None:
        """A group is nobody's."""
        return customer_of(self.person) if self.person else None


def customer_of(user: str) -> CustomerId:
    """A user has one number, whichever bot is asked."""
    return CustomerId("telegram", user, shared=True)


def agent_of(user: str) -> AgentId:
    return AgentId("telegram", user, shared=True)


class Update:
    """What all kinds of updates share. `body` is the one object that the update holds."""

    def __init__(self, fields: Fields, body: Fields, path: str, account: Account, now: int) -> None:
        self.number = need_id(fields, "update_id")
        self.body = body
        self.path = path
        self.connection = get_id(body, "business_connection_id")
        self._account = account
        self._now = now

    def place(self, message: Fields) -> Place:
        """The place of a message, or of what names its chat as a message does."""
        chat = get_object(message, "chat")
        number = need_id(chat, "id")
        direct = get_object(message, "direct_messages_topic")
        topic = get_id(direct, "topic_id")
        person = get_id(get_object(direct, "user"), "id")
        if get_flag(message, "is_topic_message"):
            # Replies in a group without topics carry the number of their thread, too.
            topic = get_id(message, "message_thread_id")
        if get_text(chat, "type") == "private":
            person = number
        return Place(number, person, topic, get_id(message, "business_connection_id"))

    def at(self, stamp: object) -> Occurred:
        return occurred(stamp, "s", self._now)

    @property
    def arrival(self) -> Occurred:
        return Occurred(at=self._now, quality="arrival")

    def speaker(self, place: Place, user: Fields, in_name_of: str | None) -> ActorDraft:
        """A person or bot in a chat with our bot: people whom nobody listed are customers.

        Whoever speaks in the name of the chat itself is an administrator, unnamed, and so is who
        answers direct messages to a channel in its name; others speak for a channel of their own.
        """
        answers_for_channel = in_name_of is not None and place.person is not None
        if in_name_of == place.chat or answers_for_channel:
            return ActorDraft(kind="agent", confidence="derived")
        if in_name_of is not None:
            return ActorDraft(kind="customer", id=customer_of(in_name_of))
        number = need_id(user, "id")
        if number in self._account.options.get("agents", "").replace(" ", "").split(","):
            return ActorDraft(kind="agent", id=agent_of(number))
        if get_flag(user, "is_bot"):
            return ActorDraft(kind="bot", id=agent_of(number))
        return ActorDraft(kind="customer", id=customer_of(number))

    def draft(
        self, event_type: str, place: Place, at: Occurred, actor: ActorDraft, part: str = ""
    ) -> Draft:
        """What all drafts share; `part` tells several of one update apart."""
        by_customer = isinstance(actor.id, CustomerId)
        return Draft(
            type=event_type,
            key=f"{self.number}|{part}" if part else self.number,
            occurred=at,
            channel="telegram",
            conversation=place.conversation,
            customer=actor.id if isinstance(actor.id, CustomerId) else place.customer,
            actor=actor,
            locale=self._language() if by_customer else None,
            provider_seq=self.number,
        )

    def _language(self) -> str | None:
        """The language that the person uses Telegram in."""
        person = get_object(self.body, "from") or get_object(self.body, "user")
        return get_text(person, "language_code")
