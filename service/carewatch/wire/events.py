"""A record of `care.events` -> what the fold understands: an event, a tick, a rulebook, a gate."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from carewatch.domain import events
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.events import Author, Event
from carewatch.domain.policy import Book
from carewatch.domain.rulebook import Document
from carewatch.domain.times import parse_time
from carewatch.wire import contacts, customers
from carewatch.wire.envelope import (
    REQUIRED,
    Data,
    Envelope,
    RulebookEnvelope,
    Tick,
    VersionGateEnvelope,
    decode_envelope,
    refuse_unknown_version,
)
from carewatch.wire.rulebooks import decode_publication

FUTURE_MS: Final = 300_000
"""An event stamped further ahead of its arrival is taken at its arrival (R3)."""


LARGEST_EVENT: Final = 64 * 1024
"""Bytes. Results, rows and keys repeat what an event says, several times over: beyond this the
topics downstream might refuse what follows from it, and the partition would stand still."""


class Arrived(NamedTuple):
    """One event of a conversation, customer or agent, as it arrived.

    `event` is None for types that change nothing here, `of_customers` what is not of a conversation
    but of customers (E23). `identity` is what makes a repeat a
    repeat. `clamped` says that its time was moved to its arrival.
    """

    tenant: str
    key: str
    identity: tuple[str, str]
    channel: str
    at: int
    recorded: int
    event: Event | None
    clamped: bool
    of_customers: Sequence[customers.Linked | customers.Erased] = ()


class Ticked(NamedTuple):
    """The clock of the partition moved to `at`."""

    at: int


class Published(NamedTuple):
    """A rulebook was published."""

    book: Book
    document: bytes


class Gate(NamedTuple):
    """From here on results are computed by at least this version: numbers with dots between."""

    minimum: str

    def admits(self, version: str) -> bool:
        """Whether a program of this version may compute what follows."""
        return _numbers(version) >= _numbers(self.minimum)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


_LONGEST_VERSION: Final = 32

_SIDES: Final[tuple[Literal["agent", "team", "queue"], ...]] = ("agent", "team", "queue")

Decoded = Arrived | Ticked | Published | Gate


class _Probe(msgspec.Struct):
    type: str


_probe: Final = msgspec.json.Decoder(_Probe)
_tick: Final = msgspec.json.Decoder(Tick)
_gate: Final = msgspec.json.Decoder(VersionGateEnvelope)
_document: Final = msgspec.json.Decoder(Document)


def decode_event(key: bytes | None, value: bytes | None) -> Decoded:
    """One record of `care.events`; raises InvalidRecord with a reason of the closed list.

    Control records have no key, since every partition gets one; events always do.
    """
    if value is None:
        raise InvalidRecord("no_value")
    if key is None:
        return _decode_control(value)
    if len(value) > LARGEST_EVENT:
        raise InvalidRecord("too_large")
    return _arrived(key, decode_envelope(value))


def _decode_control(value: bytes) -> Decoded:
    try:
        kind = _probe.decode(value).type
        refuse_unknown_version(value)
        match kind:
            case "care.tick":
                return Ticked(parse_time(_tick.decode(value).recordedtime))
            case "care.rulebook.published":
                return _book(decode_publication(value))
            case "care.version.gate":
                return _gate_of(_gate.decode(value).data.minimum)
            case _:
                raise InvalidRecord("no_key" if kind in REQUIRED else "unknown_type")
    except msgspec.ValidationError as error:
        raise InvalidRecord("schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecord("not_json") from error


def _gate_of(minimum: str) -> Gate:
    parts = minimum.split(".")
    if len(minimum) > _LONGEST_VERSION or not all(p.isascii() and p.isdigit() for p in parts):
        raise InvalidRecord("schema", "the minimum of a version gate")
    return Gate(minimum)


def _book(envelope: RulebookEnvelope) -> Published:
    document = bytes(envelope.data.document)
    return Published(
        decode_book(
            number=envelope.data.number,
            hash_=envelope.data.hash,
            effective_at=parse_time(envelope.data.effective_at),
            document=document,
        ),
        document,
    )


def decode_book(*, number: int, hash_: str, effective_at: int, document: bytes) -> Book:
    """A rulebook, compiled; raises InvalidRecord when the document is not one."""
    try:
        return Book(number, hash_, effective_at, _document.decode(document))
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRecord("schema") from error


def _arrived(key: bytes, envelope: Envelope) -> Arrived:
    data = envelope.data
    if key != data.conversation_key.encode() or envelope.partitionkey != data.conversation_key:
        raise InvalidRecord("wrong_key")
    recorded = parse_time(envelope.recordedtime)
    at = parse_time(envelope.time)
    future = at > recorded + FUTURE_MS
    if future:
        at = recorded
    return Arrived(
        tenant=data.tenant,
        key=data.conversation_key,
        identity=(envelope.source, envelope.id),
        channel=data.channel,
        at=at,
        recorded=recorded,
        event=_event(envelope, data, at, recorded),
        clamped=future or data.time_original is not None,
        of_customers=_of_customers(envelope, at),
    )


def _of_customers(envelope: Envelope, at: int) -> Sequence[customers.Linked | customers.Erased]:
    """Whom the source says to be one person with the customer of the event, or to be erased.

    Of the other identifiers only those that name a customer are anybody's keys.
    """
    data, key = envelope.data, envelope.data.customer_key
    if key is None:
        return ()
    others = [ref.key for ref in data.external_refs if ref.kind == "customer" and ref.key != key]
    match envelope.type:
        case "care.customer.linked":
            return [
                customers.Linked(customers.VERSION, data.tenant, other, key, at) for other in others
            ]
        case "care.customer.erased":
            return [
                customers.Erased(customers.VERSION, data.tenant, one, at) for one in (key, *others)
            ]
        case _:
            return ()


def _event(envelope: Envelope, data: Data, at: int, recorded: int) -> Event | None:
    head: Mapping[str, Any] = {
        "at": at,
        "id": envelope.id,
        "recorded": recorded,
        "channel": data.channel,
        "account": data.account_ref,
        "seq": data.provider_seq,
        "role": data.source_role,
        "customer": data.customer_key,
        "priority": data.priority,
    }
    match envelope.type:
        case "care.message.created":
            return _message(data, head)
        case "care.conversation.opened":
            return events.Opened(to=None if data.lifecycle is None else data.lifecycle.to, **head)
        case "care.conversation.status_changed":
            lifecycle = data.lifecycle
            assert lifecycle is not None  # noqa: S101 - decode_envelope has checked it
            if lifecycle.to == "merged":
                return _merged(data, head, stated=True)
            return events.StatusChanged(
                to=lifecycle.to,
                reason=lifecycle.reason,
                by_customer=data.actor.kind == "customer",
                from_bot=None if lifecycle.from_ is None else lifecycle.from_ == "bot",
                agent=(data.actor.key or "unknown") if data.actor.kind == "agent" else None,
                until=None if lifecycle.until is None else parse_time(lifecycle.until),
                by_bot=data.actor.kind == "bot",
                **head,
            )
        case "care.conversation.assigned":
            return _assigned(data, head)
        case "care.conversation.handoff":
            assert data.handoff is not None  # noqa: S101 - as above
            return events.HandedOff(to_people=data.handoff.to != "bot", **head)
        case "care.queue.entered":
            assert data.queue is not None  # noqa: S101 - as above
            return events.QueueEntered(queue=data.queue.name, **head)
        case "care.queue.left":
            assert data.queue is not None  # noqa: S101 - as above
            if data.queue.outcome is None:
                raise InvalidRecord("missing_section", "queue.outcome")
            return events.QueueLeft(queue=data.queue.name, outcome=data.queue.outcome, **head)
        case "care.message.deleted":
            assert data.message is not None  # noqa: S101 - as above
            return events.Deleted(key=data.message.key, **head)
        case "care.message.annotated" | "care.message.updated":
            return _annotated(data, head)
        case "care.conversation.tagged":
            assert data.tags is not None  # noqa: S101 - as above
            tags = data.tags
            return events.Tagged(added=tags.added, removed=tags.removed, listed=tags.all, **head)
        case "care.conversation.merged":
            return _merged(data, head, stated=False)
        case "care.conversation.turn_inherited":
            return _inherited(data, head)
        case "care.conversation.survey_requested":
            return contacts.surveyed(data, head)
        case "care.conversation.rated":
            return contacts.rated(data, head)
        case "care.call.phase":
            return contacts.call_phase(data, head)
        case "care.interaction.summary":
            return contacts.summarised(data, head)
        case _:
            return contacts.stated(data, head)


def _merged(data: Data, head: Mapping[str, Any], *, stated: bool) -> events.Merged:
    assert data.lifecycle is not None  # noqa: S101 - decode_envelope has checked it
    parent = data.lifecycle.merged_into
    return events.Merged(into=parent, itself=parent == data.conversation_key, stated=stated, **head)


def _inherited(data: Data, head: Mapping[str, Any]) -> events.Inherited:
    inherited = data.inherited
    assert inherited is not None  # noqa: S101 - as above
    since = None if inherited.started_at is None else parse_time(inherited.started_at)
    return events.Inherited(
        child=inherited.from_conversation,
        merge=inherited.merge or head["id"],
        revision=inherited.revision,
        started_at=None if since is None else min(since, head["at"]),  # never negative (R3)
        hops=inherited.hops,
        **head,
    )


def _message(data: Data, head: Mapping[str, Any]) -> events.Message:
    message, actor = data.message, data.actor
    assert message is not None  # noqa: S101 - decode_envelope has checked it
    direction = message.direction
    if direction is None:
        raise InvalidRecord("missing_section", "message.direction")
    if (actor.kind == "customer" and direction != "inbound") or (
        actor.kind in ("agent", "bot") and direction == "inbound"
    ):
        raise InvalidRecord("contradiction")
    automated = message.automated is True
    never_asks = message.kind in ("reaction", "system") or (automated and direction == "inbound")
    author = _author(data, direction, automated=automated)
    return events.Message(
        key=message.key,
        author=author,
        direction=direction,
        asks=message.needs_reply,
        never_asks=never_asks,
        agent=actor.key if author in (Author.PERSON, Author.NOTE, Author.BOT) else None,
        reply_to=message.in_reply_to,
        form=_form(data, author),
        language=message.lang if author is Author.CUSTOMER else None,
        fallback=message.fallback if author is Author.BOT else None,
        **head,
    )


def _form(data: Data, author: Author) -> Literal["choice", "template"] | None:
    """A click on what was offered, whatever the provider calls the message, or a template."""
    kind = data.message.kind if data.message is not None else None
    if author is Author.CUSTOMER and (kind == "choice" or data.choice is not None):
        return "choice"
    return "template" if kind == "template" else None


def _annotated(data: Data, head: Mapping[str, Any]) -> Event | None:
    """What is said of an earlier message; kinds of annotation that nothing uses are left out."""
    message = data.message
    assert message is not None  # noqa: S101 - decode_envelope has checked it
    notes = contacts.notes(data)
    if message.needs_reply is None and not notes:
        return contacts.stated(data, head)
    return events.Annotated(key=message.key, asks=message.needs_reply, notes=notes, **head)


def _author(data: Data, direction: str, *, automated: bool) -> Author:
    """Who wrote (role at the time of the event); an echo of the native app is a person's."""
    kind = data.actor.kind
    echo = data.message is not None and data.message.is_echo is True
    if direction == "internal":
        return Author.NOTE
    if direction == "inbound":
        return Author.CUSTOMER if kind in ("customer", "unknown") else Author.SYSTEM
    if kind == "bot":
        return Author.BOT
    if automated:
        return Author.AUTO if kind == "agent" else Author.SYSTEM
    if kind == "agent" or (echo and kind == "unknown"):
        return Author.PERSON
    return Author.SYSTEM


def _assigned(data: Data, head: Mapping[str, Any]) -> events.Assigned | events.Stated:
    """A missing key leaves the value, null clears it, `to: null` clears the agent (R10)."""
    assert data.assignment is not None  # noqa: S101 - decode_envelope has checked it
    to = data.assignment.to
    if to is msgspec.UNSET:
        return events.Stated(**head)
    if to is None:
        return events.Assigned(sets=("agent",), **head)
    sides: dict[Literal["agent", "team", "queue"], str | None] = {}
    for side in _SIDES:
        value = getattr(to, side)
        if value is not msgspec.UNSET:
            sides[side] = value
    return events.Assigned(
        sets=tuple(sides),
        agent=sides.get("agent"),
        team=sides.get("team"),
        queue=sides.get("queue"),
        **head,
    )
