"""Our own vocabulary over HTTP: for a web widget's backend and for every source without a channel.

Signed by Standard Webhooks; who cannot sign states a token, as CloudEvents say, where the account
has one (`verify_token`). The body is `{"type", "timestamp", "data"}`, where `type` and `data`
are those of `care.events`; a CloudEvents 1.0 object or an array of them (structured and batch
mode: `time` instead of `timestamp`, and an `id` of its own) is read as well. Identifiers in `data`
are the sender's own: pseudonyms replace them, so conversation_key may hold any stable text.
`message.text` may be given to have its length counted; it goes no further, unless the tenant has
switched `care.text` on. What CloudEvents call binary mode is not read: its type and id stand in
headers that no signature covers.

`options` of an account: `channel`, for events that name none (default `web`); `role`, if it is a
`helpdesk` or `contact_center`, which says itself when a case has ended; `origins`, the
senders that the handshake of CloudEvents admits (apart by spaces; not said: any); `keys: ours` for
an annotator, which reads `care.text` and may bring annotations alone: conversation and message are
named by the keys it read there, and so are `account_ref` and `source_role`, which then stand for
the source of the message.
Sources: Standard Webhooks specification 1.0; CloudEvents 1.0, HTTP binding and JSON format.
"""

import base64
from collections.abc import Iterator
from typing import Final, Literal, cast, get_args

import msgspec

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt, each
from carewatch.channels.cloudevents import delivery_permission
from carewatch.channels.drafts import AgentId, CustomerId, Draft
from carewatch.channels.fields import Fields, as_object, get_id, get_object, need_text
from carewatch.channels.generic.body import Data
from carewatch.channels.generic.sections import (
    Names,
    actor_of,
    agent_of,
    assignment_of,
    call_of,
    csat_of,
    customer_of,
    message_of,
    reference_of,
    sequence_of,
    status_of,
    summary_of,
)
from carewatch.channels.times import occurred
from carewatch.channels.verify import Bearer, Hmac, Verifier
from carewatch.domain.errors import InvalidRecord
from carewatch.wire import envelope as wire

_CHANNELS: Final = frozenset(get_args(wire.Channel))
_ROLES: Final = frozenset(get_args(wire.SourceRole))
_OF_PERSON: Final = ("care.customer.linked", "care.customer.erased", "care.agent.state_changed")
_NOT_FROM_OUTSIDE: Final = ("care.conversation.turn_inherited",)
"""Written by track alone."""


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


class Generic:
    """`POST /hooks/generic/{account}`."""

    name = "generic"
    source_role: Literal["generic"] = "generic"
    version = "1"
    verifiers: tuple[Verifier, ...] = (SIGNATURE, Bearer())
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
    names = Names(ours=account.options.get("keys") == "ours")
    if names.ours and event_type != "care.message.annotated":
        raise InvalidRecord("unknown_type")
    try:
        body = msgspec.convert(get_object(item, "data"), Data)
    except msgspec.ValidationError as error:
        raise InvalidRecord("schema") from error
    for section in wire.REQUIRED[event_type]:
        if getattr(body, section, None) is None:
            raise InvalidRecord("missing_section", section)

    customer = customer_of(body)
    about = _person(event_type, body, customer)
    if about is None and not body.conversation_key:
        raise InvalidRecord("missing_section", "conversation_key")
    lifecycle = body.lifecycle
    return Draft(
        type=event_type,
        key=_key(item, request),
        occurred=occurred(
            item.get("timestamp", item.get("time")), "iso", request.received_at, "ms"
        ),
        channel=_channel(body, account),
        actor=actor_of(body.actor, customer),
        conversation=None if about else names.conversation(body.conversation_key),
        about=about,
        interaction_no=body.interaction_no,
        account_ref=body.account_ref if names.ours else None,
        source_role=body.source_role if names.ours else _role(account),
        customer=customer,
        locale=body.locale,
        priority=body.priority,
        message=message_of(body.message, names),
        choice=body.choice,
        prompt=body.prompt,
        status=status_of(body.status, names),
        lifecycle=lifecycle,
        merged_into=names.conversation(lifecycle.merged_into) if lifecycle else None,
        assignment=assignment_of(body.assignment),
        handoff=body.handoff,
        queue=body.queue,
        tags=body.tags,
        csat=csat_of(body.csat, names),
        call=call_of(body.call, names),
        summary=summary_of(body.summary, names),
        annotations=body.annotations,
        provider_seq=sequence_of(body.provider_seq),
        references=tuple(reference_of(ref) for ref in body.external_refs),
        derived=body.derived,
    )


def _channel(body: Data, account: Account) -> wire.Channel:
    """The channel that the event names, else the account's; an unknown one is `other`."""
    if body.channel is not None:
        return body.channel
    default = account.options.get("channel", "web")
    return cast("wire.Channel", default if default in _CHANNELS else "other")


def _role(account: Account) -> wire.SourceRole | None:
    """What the account stands for, where that is more than a channel of one's own."""
    role = account.options.get("role")
    return cast("wire.SourceRole", role) if role in _ROLES else None


def _person(
    event_type: str, body: Data, customer: CustomerId | None
) -> CustomerId | AgentId | None:
    if event_type not in _OF_PERSON:
        return None
    if event_type == "care.agent.state_changed":
        agent = agent_of(body.actor.key)
        if agent is None:
            raise InvalidRecord("missing_section", "actor.key")
        return agent
    if customer is None:
        raise InvalidRecord("missing_section", "customer_key")
    return customer
