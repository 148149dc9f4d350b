"""Sunshine Conversations v2: the messages of messaging, with the bot's and the hand-overs.

Its conversations have identifiers of their own: an account that takes these and ticket events of
the same talks would count them twice (docs/channels/zendesk.md says which to choose).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from carewatch.channels.base import Account, Skip
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    ConversationId,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    Reference,
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
from carewatch.channels.zendesk.comments import message_channel
from carewatch.channels.zendesk.ticket import AGENT_WORKSPACE, ANSWER_BOT
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Choice, Handoff, Lifecycle, MessageKind, Prompt

_IGNORED: Final = (
    "client:add", "client:remove", "client:update", "conversation:join", "conversation:leave",
    "conversation:referral", "conversation:typing", "switchboard:acceptControl",
    "switchboard:offerControl", "switchboard:passControl:failure", "switchboard:releaseControl",
    "user:update",
)  # fmt: skip
"""Known, and no happening that metrics need; control that is passed is told by itself."""

_KINDS: Final[dict[str, MessageKind]] = {
    "text": "text",
    "htmlText": "text",
    "markdownText": "text",
    "image": "image",
    "file": "document",
    "location": "location",
    "list": "prompt",
    "carousel": "prompt",
    "form": "form",
    "formResponse": "form",
    "template": "template",
}
_STATUSES: Final[dict[str, Literal["sent", "delivered", "failed"]]] = {
    "conversation:message:delivery:channel": "sent",
    "conversation:message:delivery:user": "delivered",
    "conversation:message:delivery:failure": "failed",
}


def event(item: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    """One of `events[]`."""
    kind = need_text(item, "type")
    if kind in _IGNORED:
        yield Skip(reason="ignored", path=path)
        return
    told = _Told(item, account, received_at)
    if kind in _STATUSES:
        yield told.status(_STATUSES[kind])
        return
    match kind:
        case "conversation:message":
            yield told.message()
        case "conversation:postback":
            yield told.postback()
        case "conversation:create":
            yield replace(
                told.draft("care.conversation.opened", ActorDraft(kind="unknown")),
                lifecycle=Lifecycle(to="new"),
            )
        case "conversation:remove":
            yield replace(
                told.draft("care.conversation.status_changed", ActorDraft(kind="unknown")),
                lifecycle=Lifecycle(to="deleted"),
            )
        case "conversation:read":
            yield told.read() or Skip(reason="ignored", path=path)
        case "switchboard:passControl":
            yield told.passed() or Skip(reason="ignored", path=path)
        case "user:merge":
            yield told.merged()
        case "user:remove":
            yield told.of_user("care.customer.erased", told.user(told.payload))
        case _:
            yield Skip(reason="unmapped", path=path)


class _Told:
    """One event: its payload, with what is read again and again."""

    def __init__(self, item: Fields, account: Account, received_at: int) -> None:
        self.account = account
        self.id = need_id(item, "id")
        self.payload = get_object(item, "payload")
        self.at = occurred(item.get("createdAt"), "iso", received_at, "ms")
        self.received_at = received_at
        self.conversation = get_object(self.payload, "conversation")
        switchboard = get_object(self.conversation, "activeSwitchboardIntegration")
        self.in_charge = get_text(switchboard, "integrationType") or get_text(switchboard, "name")

    def draft(self, event_type: str, actor: ActorDraft) -> Draft:
        """What all drafts of this conversation share; the caller adds the section."""
        number = need_id(self.conversation, "id")
        user = get_id(get_object(self.payload, "user"), "id")
        return Draft(
            type=event_type,
            key=f"sunshine|{self.id}",
            occurred=self.at,
            channel=message_channel(self.account),
            actor=actor,
            conversation=ConversationId("sunshine", number),
            conversation_ref=number,
            customer=CustomerId("sunshine", user) if user else None,
        )

    def message(self) -> Draft:
        message = as_object(self.payload.get("message"), "message")
        number = need_id(message, "id")
        content = get_object(message, "content")
        actor = self._author(get_object(message, "author"), message)
        draft = self.draft("care.message.created", actor)
        by_customer = actor.kind == "customer"
        text = get_text(content, "text") or ""
        payload = get_id(content, "payload") if by_customer else None
        options = _options(content)
        kind = _KINDS.get(get_text(content, "type") or "", "unsupported")
        if payload is not None:
            kind = "choice"
        elif options and kind in ("text", "image"):
            kind = "prompt"
        answers = get_id(get_object(message, "quotedMessage"), "messageId")
        return replace(
            draft,
            key=f"sunshine|message|{number}",
            occurred=occurred(message.get("received"), "iso", self.received_at, "ms"),
            customer=draft.customer or _customer(actor),
            message=MessageDraft(
                id=MessageId("sunshine", number),
                direction="inbound" if by_customer else "outbound",
                kind=kind,
                has_text=bool(text),
                chars=len(text),
                media_count=1 if kind in ("image", "document") else 0,
                in_reply_to=MessageId("sunshine", answers) if answers else None,
                automated=True if actor.kind == "system" else None,
                text=Text(text) if by_customer and text else None,
            ),
            choice=Choice(kind="quick_reply", id=payload, title=text or None) if payload else None,
            prompt=Prompt(kind="actions", option_ids=options) if kind == "prompt" else None,
        )

    def postback(self) -> Draft:
        """A button that sends no text: the customer's choice all the same."""
        postback = get_object(self.payload, "postback")
        customer = self.user(self.payload)
        return replace(
            self.draft("care.message.created", ActorDraft(kind="customer", id=customer)),
            message=MessageDraft(
                id=MessageId("sunshine", self.id),
                direction="inbound",
                kind="choice",
                has_text=False,
                chars=0,
                media_count=0,
            ),
            choice=Choice(kind="postback", id=need_id(postback, "payload")),
        )

    def status(self, value: Literal["sent", "delivered", "failed"]) -> Draft:
        message = need_id(get_object(self.payload, "message"), "id")
        return replace(
            self.draft("care.message.status", ActorDraft(kind="system")),
            key=f"sunshine|status|{message}|{value}",
            status=StatusDraft(
                value=value,
                message=MessageId("sunshine", message),
                error_code=get_id(get_object(self.payload, "error"), "code"),
            ),
        )

    def read(self) -> Draft | None:
        """The customer has read everything up to now; what the business reads is no event."""
        activity = get_object(self.payload, "activity")
        if get_text(get_object(activity, "author"), "type") != "user":
            return None
        return replace(
            self.draft("care.message.status", ActorDraft(kind="system")),
            status=StatusDraft(value="read", up_to=self.at.at),
        )

    def passed(self) -> Draft | None:
        """Control passed to people or to the bot; None for an integration that is neither."""
        to = _SIDES.get(self.in_charge or "")
        if to is None:
            return None
        return replace(
            self.draft("care.conversation.handoff", ActorDraft(kind="unknown")),
            handoff=Handoff(to=to, from_="bot" if to == "human" else "human"),
        )

    def merged(self) -> Draft:
        """Two users are one: the surviving one stays."""
        users = get_object(self.payload, "mergedUsers")
        gone = CustomerId("sunshine", need_id(get_object(users, "discarded"), "id"))
        stays = CustomerId("sunshine", need_id(get_object(users, "surviving"), "id"))
        return replace(
            self.of_user("care.customer.linked", stays),
            references=(Reference(system="sunshine", kind="customer", id=gone),),
        )

    def of_user(self, event_type: str, user: CustomerId) -> Draft:
        """An event of a person, in no conversation."""
        return Draft(
            type=event_type,
            key=f"sunshine|{self.id}",
            occurred=self.at,
            channel=message_channel(self.account),
            actor=ActorDraft(kind="system"),
            about=user,
            customer=user,
        )

    def user(self, parent: Fields) -> CustomerId:
        return CustomerId("sunshine", need_id(get_object(parent, "user"), "id"))

    def _author(self, author: Fields, message: Fields) -> ActorDraft:
        """The customer, or who of the business: the bot, a person, or what the account says."""
        match get_text(author, "type"):
            case "user":
                return ActorDraft(
                    kind="customer", id=CustomerId("sunshine", need_id(author, "userId"))
                )
            case "business":
                pass
            case _:
                raise InvalidRecord("schema", "author")
        if "AI" in get_list(author, "subtypes"):
            return ActorDraft(kind="bot", id=AgentId("zendesk-bot", ANSWER_BOT))
        source = get_text(get_object(message, "source"), "type") or ""
        side = _SIDES.get(source) or _SIDES.get(self.in_charge or "")
        person = get_id(author, "userId")
        if side == "bot":
            return ActorDraft(kind="bot", id=AgentId("zendesk-bot", ANSWER_BOT))
        if side == "human":
            return ActorDraft(kind="agent", id=AgentId("zendesk", person) if person else None)
        return ActorDraft(kind=self.account.api_sender, confidence="derived")


_SIDES: Final[dict[str, Literal["bot", "human"]]] = {
    ANSWER_BOT: "bot",
    AGENT_WORKSPACE: "human",
}


def _customer(actor: ActorDraft) -> CustomerId | None:
    return actor.id if isinstance(actor.id, CustomerId) else None


def _options(content: Fields) -> tuple[str, ...]:
    """What the customer may choose from: the payloads of buttons, else their texts."""
    actions = [
        as_object(action, "actions")
        for source in (content, *(as_object(item, "items") for item in get_list(content, "items")))
        for action in get_list(source, "actions")
    ]
    return tuple(
        name
        for action in actions
        if get_text(action, "type") in ("reply", "postback")
        and (name := get_id(action, "payload") or get_text(action, "text"))
    )
