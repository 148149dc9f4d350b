"""Our own vocabulary over HTTP: for a web widget's backend and for every source without a channel.

Signed by Standard Webhooks. The body is `{"type", "timestamp", "data"}`, where `type` and `data`
are those of `care.events`; a CloudEvents 1.0 object or an array of them (structured and batch
mode: `time` instead of `timestamp`, and an `id` of its own) is read as well. Identifiers in `data`
are the sender's own: pseudonyms replace them, so conversation_key may hold any stable text.
`message.text` may be given to have its length counted; it goes no further.

`options` of an account: `channel`, for events that name none (default `web`); `origins`, the
senders that the handshake of CloudEvents admits (apart by spaces; not said: any).
Sources: Standard Webhooks specification 1.0; CloudEvents 1.0, HTTP binding and JSON format.
"""

import base64
from collections.abc import Iterator
from typing import Final, Literal, cast, get_args

import msgspec

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt, each
from carewatch.channels.cloudevents import delivery_permission
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    AssignmentDraft,
    CallDraft,
    ConversationId,
    CsatDraft,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    SideDraft,
    StatusDraft,
)
from carewatch.channels.fields import Fields, as_object, get_id, get_object, need_text
from carewatch.channels.times import occurred, to_ms
from carewatch.channels.verify import Hmac, Verifier
from carewatch.domain.errors import InvalidRecord
from carewatch.wire import envelope as wire

_OF_PERSON: Final = ("care.customer.linked", "care.customer.erased", "care.agent.state_changed")
_NOT_FROM_OUTSIDE: Final = ("care.conversation.turn_inherited", "care.interaction.summary")
"""Written by track, or not offered here yet."""


def standard_key(secret: str) -> bytes:
    """The key of a Standard Webhooks secret: base64 after `whsec_`; padding may be missing."""
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


SIGNATURE: Final = Hmac(
    "webhook-signature",
    enc="base64",
    pick=r"(?:^| )v1,([^ ]+)",
    signed="{webhook_id}.{ts}.{body}",
    ts="webhook-timestamp",
    key=standard_key,
    write="v1,{signature}",
)


class _Message(msgspec.Struct, kw_only=True):
    """`data.message` as a sender writes it: the envelope's section, and optionally the text."""

    key: str
    direction: wire.Direction | None = None
    kind: wire.MessageKind | None = None
    text: str | None = None
    has_text: bool | None = None
    chars: int | None = None
    lang: str | None = None
    media_count: int | None = None
    in_reply_to: str | None = None
    is_echo: bool | None = None
    edited_no: int | None = None
    automated: bool | None = None
    needs_reply: bool | None = None
    fallback: bool | None = None


class _Data(msgspec.Struct, kw_only=True):
    """`data` as a sender writes it. Tenant, adapter and account are the URL's, never the body's."""

    actor: wire.Actor
    conversation_key: str | None = None
    customer_key: str | None = None
    channel: wire.Channel | None = None
    locale: str | None = None
    priority: wire.Priority | None = None
    message: _Message | None = None
    choice: wire.Choice | None = None
    prompt: wire.Prompt | None = None
    status: wire.Status | None = None
    lifecycle: wire.Lifecycle | None = None
    assignment: wire.Assignment | None = None
    handoff: wire.Handoff | None = None
    queue: wire.Queue | None = None
    tags: wire.Tags | None = None
    csat: wire.Csat | None = None
    call: wire.Call | None = None


class Generic:
    """`POST /hooks/generic/{account}`."""

    name = "generic"
    source_role: Literal["generic"] = "generic"
    version = "1"
    verifiers: tuple[Verifier, ...] = (SIGNATURE,)
    body_limit: int | None = None
    remembers: tuple[str, ...] = ("webhook-id",)
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Standard Webhooks has no handshake, CloudEvents one by OPTIONS."""
        del secrets
        return delivery_permission(request, account)

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        body = request.json()

        def item(value: object, path: str) -> Iterator[Draft]:
            yield _event(as_object(value, path), request, account)

        if isinstance(body, list):
            yield from each(body, "body", item)
        else:
            yield from attempt(body, "body", item)


ADAPTER: Final = Generic()


def _key(item: Fields, request: RawRequest) -> str:
    """What the sender de-duplicates by: the CloudEvent's id, else the delivery's."""
    own = get_id(item, "id")
    if own is not None:
        return f"{get_id(item, 'source') or ''}|{own}"
    delivery = request.headers.get("webhook-id")
    if delivery:
        return f"|{delivery}"
    raise InvalidRecord("schema", "id")


def _event(item: Fields, request: RawRequest, account: Account) -> Draft:
    stated = need_text(item, "type")
    event_type = stated if stated.startswith("care.") else f"care.{stated}"
    if event_type not in wire.REQUIRED or event_type in _NOT_FROM_OUTSIDE:
        raise InvalidRecord("unknown_type")
    try:
        body = msgspec.convert(get_object(item, "data"), _Data)
    except msgspec.ValidationError as error:
        raise InvalidRecord("schema") from error
    for section in wire.REQUIRED[event_type]:
        if getattr(body, section, None) is None:
            raise InvalidRecord("missing_section", section)

    customer = CustomerId("generic", body.customer_key) if body.customer_key else None
    if customer is None and body.actor.kind == "customer" and body.actor.key:
        customer = CustomerId("generic", body.actor.key)
    about = _person(event_type, body, customer)
    if about is None and not body.conversation_key:
        raise InvalidRecord("missing_section", "conversation_key")
    default = account.options.get("channel", "web")
    channel = body.channel or (default if default in get_args(wire.Channel) else "other")
    time = item.get("timestamp", item.get("time"))
    lifecycle = body.lifecycle
    return Draft(
        type=event_type,
        key=_key(item, request),
        occurred=occurred(time, "iso", request.received_at, "ms"),
        channel=cast("wire.Channel", channel),
        actor=_actor(body.actor, customer),
        conversation=None if about else _conversation(body.conversation_key),
        about=about,
        customer=customer,
        locale=body.locale,
        priority=body.priority,
        message=_message(body.message),
        choice=body.choice,
        prompt=body.prompt,
        status=_status(body.status),
        lifecycle=lifecycle,
        merged_into=_conversation(lifecycle.merged_into) if lifecycle else None,
        assignment=_assignment(body.assignment),
        handoff=body.handoff,
        queue=body.queue,
        tags=body.tags,
        csat=_csat(body.csat),
        call=_call(body.call),
    )


def _person(
    event_type: str, body: _Data, customer: CustomerId | None
) -> CustomerId | AgentId | None:
    if event_type not in _OF_PERSON:
        return None
    if event_type == "care.agent.state_changed":
        if not body.actor.key:
            raise InvalidRecord("missing_section", "actor.key")
        return AgentId("generic", body.actor.key)
    if customer is None:
        raise InvalidRecord("missing_section", "customer_key")
    return customer


def _conversation(key: str | None) -> ConversationId | None:
    return ConversationId("generic", key) if key else None


def _message_id(key: str | None) -> MessageId | None:
    return MessageId("generic", key) if key else None


def _agent(key: str | None) -> AgentId | None:
    return AgentId("generic", key) if key else None


def _actor(actor: wire.Actor, customer: CustomerId | None) -> ActorDraft:
    if actor.kind == "customer":
        return ActorDraft(kind="customer", id=customer, confidence=actor.confidence)
    return ActorDraft(kind=actor.kind, id=_agent(actor.key), confidence=actor.confidence)


def _message(message: _Message | None) -> MessageDraft | None:
    if message is None:
        return None
    counted = message.text is not None
    return MessageDraft(
        id=MessageId("generic", message.key),
        direction=message.direction,
        kind=message.kind,
        has_text=bool(message.text) if counted else message.has_text,
        chars=len(message.text or "") if counted else message.chars,
        lang=message.lang,
        media_count=message.media_count,
        in_reply_to=_message_id(message.in_reply_to),
        is_echo=message.is_echo,
        edited_no=message.edited_no,
        automated=message.automated,
        needs_reply=message.needs_reply,
        fallback=message.fallback,
    )


def _status(status: wire.Status | None) -> StatusDraft | None:
    if status is None:
        return None
    return StatusDraft(
        value=status.value,
        message=_message_id(status.message_key),
        up_to=to_ms(status.up_to_time, "iso") if status.up_to_time else None,
        error_code=status.error_code,
    )


def _side(side: wire.Side) -> SideDraft:
    agent = side.agent
    return SideDraft(
        agent=agent if isinstance(agent, msgspec.UnsetType) else _agent(agent),
        team=side.team,
        queue=side.queue,
    )


def _assignment(assignment: wire.Assignment | None) -> AssignmentDraft | None:
    if assignment is None:
        return None
    to = assignment.to
    return AssignmentDraft(
        to=SideDraft() if isinstance(to, msgspec.UnsetType) else None if to is None else _side(to),
        from_=_side(assignment.from_) if assignment.from_ else None,
        cause=assignment.cause,
    )


def _csat(csat: wire.Csat | None) -> CsatDraft | None:
    if csat is None:
        return None
    if csat.scale_max <= csat.scale_min:
        raise InvalidRecord("contradiction", "csat.scale_max")
    return CsatDraft(
        phase=csat.phase,
        instrument=csat.instrument,
        scale_min=csat.scale_min,
        scale_max=csat.scale_max,
        score=csat.score,
        survey=_message_id(csat.survey_key),
        has_comment=csat.has_comment,
        rated_agent=_agent(csat.rated_agent),
    )


def _call(call: wire.Call | None) -> CallDraft | None:
    if call is None:
        return None
    return CallDraft(
        call=ConversationId("generic", call.call_key), phase=call.phase, direction=call.direction
    )
