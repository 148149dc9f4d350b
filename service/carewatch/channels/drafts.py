"""Drafts: what a channel understood, before the gateway gives it pseudonyms, an id and an envelope.

Identifiers of people, conversations and messages stand in typed wrappers whose `repr` is masked.
The sections without identifiers are those of the envelope (`wire.envelope`) themselves.
"""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from carewatch.wire import envelope as wire


@dataclass(frozen=True, slots=True)
class ProviderId:
    """An identifier as the provider writes it, and the family within which it is unique.

    `shared` families mean the same thing in every account of a tenant (a WhatsApp user, a wamid);
    all others are bound to the account by the gateway. One that is `ours` is a key that carewatch
    gave away itself (in `care.text`) and gets back: a pseudonym already, kept as it is.
    """

    family: str
    value: str = field(repr=False)
    shared: bool = False
    ours: bool = False

    def __post_init__(self) -> None:
        if not self.value:
            raise ValueError(f"an empty identifier of family {self.family}")


class CustomerId(ProviderId):
    """A customer."""

    __slots__ = ()


class AgentId(ProviderId):
    """A person or bot on the answering side."""

    __slots__ = ()


class ConversationId(ProviderId):
    """A conversation, thread or call."""

    __slots__ = ()


class MessageId(ProviderId):
    """A message."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a message, for the restricted topic `care.text` alone, and only if it is on."""

    value: str = field(repr=False)


Quality = Literal["ms", "s", "min", "arrival"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurred:
    """When something happened: ms UTC, how fine the source was, and a refused original."""

    at: int
    quality: Quality
    original: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorDraft:
    """Who did it; `id` is missing when the source does not say which person."""

    kind: wire.ActorKind
    id: CustomerId | AgentId | None = None
    confidence: Literal["stated", "derived"] | None = "stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDraft:
    """A message without its text: what kind it is, how long, and what it answers."""

    id: MessageId
    direction: wire.Direction | None = None
    kind: wire.MessageKind | None = None
    has_text: bool | None = None
    chars: int | None = None
    lang: str | None = None
    media_count: int | None = None
    in_reply_to: MessageId | None = None
    is_echo: bool | None = None
    edited_no: int | None = None
    automated: bool | None = None
    needs_reply: bool | None = None
    fallback: bool | None = None
    text: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusDraft:
    """What became of a message; `up_to` is a watermark (ms UTC) instead of one message."""

    value: Literal["queued", "sent", "delivered", "read", "played", "failed"]
    message: MessageId | None = None
    up_to: int | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideDraft:
    """One side of an assignment: UNSET leaves the value, None clears it."""

    agent: AgentId | msgspec.UnsetType | None = msgspec.UNSET
    team: str | msgspec.UnsetType | None = msgspec.UNSET
    queue: str | msgspec.UnsetType | None = msgspec.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentDraft:
    """Who had it and who has it now; `to` None clears the agent."""

    to: SideDraft | None
    from_: SideDraft | None = None
    cause: Literal["manual", "rule", "transfer", "auto", "unknown"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsatDraft:
    """A survey; the scale is mandatory, since a bare 4 says nothing."""

    phase: Literal["requested", "answered", "expired"]
    instrument: Literal["csat", "ces", "nps", "thumb"]
    scale_min: int
    scale_max: int
    score: int | None = None
    survey: MessageId | None = None
    has_comment: bool | None = None
    rated_agent: AgentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDraft:
    """A phase of a call."""

    call: ConversationId
    phase: Literal[
        "started", "ivr", "queued", "ringing", "answered", "held", "resumed", "transferred",
        "ended", "wrapup", "completed", "abandoned", "missed", "voicemail",
    ]  # fmt: skip
    direction: Literal["inbound", "outbound"] | None = None
    leg: ConversationId | None = None
    disconnect_by: str | None = None
    outcome: str | None = None
    wrapup_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryDraft:
    """What a source says itself about an interaction, in ms; a later one of `replaces` wins."""

    replaces: ConversationId
    precision_ms: int
    queue_ms: int | None = None
    ring_ms: int | None = None
    talk_ms: int | None = None
    hold_ms: int | None = None
    acw_ms: int | None = None
    handle_ms: int | None = None
    holds: int | None = None
    transfers: int | None = None
    reopens: int | None = None
    first_response_ms: int | None = None
    resolution_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The same thing under another source's name, so that two sources can be joined later."""

    system: str
    kind: str
    id: MessageId | CustomerId | ConversationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One normalised happening.

    `key` is what the provider de-duplicates by, unique within the account: the event's id is
    derived from it, so it must be the same for every delivery of the same thing. It never holds
    text or a phone number. `about` replaces the conversation for events that belong to a person.
    `account_ref` and `source_role` are those of the source of which it speaks, where that is not
    the account which brings it (an annotator).
    """

    type: str
    key: str
    occurred: Occurred
    channel: wire.Channel
    actor: ActorDraft
    conversation: ConversationId | None = None
    about: CustomerId | AgentId | None = None
    conversation_ref: str | None = None
    interaction_no: int | None = None
    account_ref: str | None = None
    source_role: wire.SourceRole | None = None
    customer: CustomerId | None = None
    locale: str | None = None
    priority: wire.Priority | None = None
    message: MessageDraft | None = None
    choice: wire.Choice | None = None
    prompt: wire.Prompt | None = None
    status: StatusDraft | None = None
    lifecycle: wire.Lifecycle | None = None
    merged_into: ConversationId | None = None
    assignment: AssignmentDraft | None = None
    handoff: wire.Handoff | None = None
    queue: wire.Queue | None = None
    tags: wire.Tags | None = None
    csat: CsatDraft | None = None
    call: CallDraft | None = None
    summary: SummaryDraft | None = None
    annotations: tuple[wire.Annotation, ...] = ()
    provider_seq: str | None = None
    references: tuple[Reference, ...] = ()
    derived: bool | None = None
