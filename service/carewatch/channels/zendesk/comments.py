"""Comments of tickets and messages of the agent workspace, by who wrote them."""

from dataclasses import replace
from typing import Final

from carewatch.channels.base import Account
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    ConversationId,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    Occurred,
    Reference,
    Text,
)
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_flag,
    get_id,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.times import occurred
from carewatch.channels.zendesk.ticket import ANSWER_BOT, Ticket, conversation, named, staff
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, Direction, MessageKind

_FIRST_WITHIN_MS: Final = 60_000
"""A comment with the words of the description is the description only so soon after the ticket."""


def opened_at(ticket: Ticket) -> Occurred:
    """When the ticket was created, which is when its first comment was written."""
    created = occurred(ticket.detail.get("created_at"), "iso", ticket.received_at, "s")
    return ticket.at if created.quality == "arrival" else created


def description(ticket: Ticket) -> Draft | None:
    """The first comment, told by the ticket that was created with it.

    None for tickets of messaging, whose description is made up by Zendesk.
    """
    submitter = get_id(ticket.detail, "submitter_id") or ticket.requester
    if ticket.is_messaging or submitter is None:
        return None
    by_customer = submitter == ticket.requester
    author = (
        ActorDraft(kind="customer", id=CustomerId("zendesk", submitter))
        if by_customer
        else staff(ticket.account, submitter)
    )
    public = "is_public" not in ticket.detail or get_flag(ticket.detail, "is_public")
    text = get_text(ticket.detail, "description") or ""
    return _first(ticket, author, text, public=public)


def comment_added(ticket: Ticket) -> Draft | None:
    """A comment; None for one that only repeats messages of their own."""
    comment = get_object(ticket.event, "comment")
    number = need_id(comment, "id")
    writer = as_object(comment.get("author"), "author")
    public = get_flag(comment, "is_public")
    if public and ticket.is_messaging:
        return None
    author_id = need_id(writer, "id")
    by_staff = author_id == "-1" or get_flag(writer, "is_staff")
    author = (
        staff(ticket.account, author_id)
        if by_staff
        else ActorDraft(kind="customer", id=CustomerId("zendesk", author_id))
    )
    text = get_text(comment, "body") or ""
    if _is_description(ticket, text):
        return _first(ticket, author, text, public=public)
    return replace(
        ticket.draft("care.message.created", f"{ticket.event_id}|comment", author, ticket.at),
        message=_message(ticket, number, author, text, public=public),
    )


def _is_description(ticket: Ticket, text: str) -> bool:
    told = get_text(ticket.detail, "description") or ""
    return text.strip() == told.strip() and ticket.at.at - opened_at(ticket).at <= _FIRST_WITHIN_MS


def _first(ticket: Ticket, author: ActorDraft, text: str, *, public: bool) -> Draft:
    """One id for both tellings; so it names neither event nor comment."""
    return replace(
        ticket.draft(
            "care.message.created", f"ticket|{ticket.number}|description", author, opened_at(ticket)
        ),
        message=_message(ticket, f"{ticket.number}:description", author, text, public=public),
    )


def _message(
    ticket: Ticket, number: str, author: ActorDraft, text: str, *, public: bool
) -> MessageDraft:
    by_customer = author.kind == "customer"
    # What a customer writes is always meant for us, also where Zendesk keeps it from others in
    # copy; only staff writes notes.
    direction: Direction = "inbound" if by_customer else "outbound" if public else "internal"
    kind: MessageKind = "email" if ticket.channel == "email" else "text"
    return MessageDraft(
        id=MessageId("zendesk", number),
        direction=direction,
        kind=kind,
        has_text=bool(text),
        chars=len(text),
        automated=True if author.kind == "system" else None,
        text=Text(text) if by_customer and text else None,
    )


def message_added(body: Fields, account: Account, received_at: int) -> Draft:
    """A message of the agent workspace: it names the ticket by its number alone."""
    event = get_object(body, "event")
    number = need_id(get_object(body, "detail"), "id")
    message = as_object(event.get("message"), "message")
    author, customer = _sender(account, get_object(event, "actor"))
    text = get_text(message, "body") or ""
    by_customer = author.kind == "customer"
    thread = get_id(event, "conversation_id")
    return Draft(
        type="care.message.created",
        key=f"{need_id(body, 'id')}|message",
        occurred=occurred(body.get("time"), "iso", received_at, "ms"),
        channel=message_channel(account),
        actor=author,
        conversation=conversation(number),
        conversation_ref=number,
        customer=customer,
        message=MessageDraft(
            id=MessageId("zendesk", need_id(message, "id")),
            direction="inbound" if by_customer else "outbound",
            kind="text",
            has_text=bool(text),
            chars=len(text),
            automated=True if author.kind == "system" else None,
            text=Text(text) if by_customer and text else None,
        ),
        references=(
            (
                Reference(
                    system="sunshine",
                    kind="conversation",
                    id=ConversationId("sunshine", thread),
                ),
            )
            if thread
            else ()
        ),
    )


def _sender(account: Account, actor: Fields) -> tuple[ActorDraft, CustomerId | None]:
    """Who sent a message, and the customer if it was one."""
    number = get_id(actor, "id")
    match get_text(actor, "type"):
        case "end_user":
            customer = CustomerId("zendesk", number) if number else None
            # A user of Sunshine has another id than the requester of the ticket: naming him would
            # make the ticket another customer's.
            is_user = customer is not None and customer.value.isdigit()
            return ActorDraft(kind="customer", id=customer), customer if is_user else None
        case "agent":
            return staff(account, number) if number else ActorDraft(kind="agent"), None
        case "system" if number == ANSWER_BOT:
            return ActorDraft(kind="bot", id=AgentId("zendesk-bot", ANSWER_BOT)), None
        case "system":
            return ActorDraft(kind="system"), None
        case _:
            raise InvalidRecord("schema", "actor")


def message_channel(account: Account) -> Channel:
    """The channel of messages, which do not say it: the account's option, else the web."""
    return named(account.options.get("channel")) or "web"
