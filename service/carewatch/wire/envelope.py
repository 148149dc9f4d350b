"""A normalised event as it stands in `care.events`: CloudEvents 1.0, structured JSON.

One description serves both directions: the gateway encodes it, track decodes it. The JSON Schema
in schemas/ says the same, and a test compares the two. Decoding is open (unknown fields are
ignored, so that an older reader takes a newer event) but strict about what it knows: a value
outside its list or of another type is an error.
"""

from typing import Final, Literal

import msgspec
import orjson

from carewatch.domain.errors import InvalidRecord

SPECVERSION: Final = "1.0"
DATASCHEMA: Final = "care-event/1.0"
_READ_HERE: Final = "care-event/1."
"""Every later version of 1 only adds fields, which are ignored; of 2 nothing is known."""

CONTENT_TYPE: Final = ("content-type", b"application/cloudevents+json")

Channel = Literal[
    "whatsapp", "messenger", "instagram", "x", "wechat", "telegram", "line", "viber", "slack",
    "sms", "email", "web", "voice", "other",
]  # fmt: skip
SourceRole = Literal["channel", "helpdesk", "contact_center", "survey", "generic"]
ActorKind = Literal["customer", "agent", "bot", "system", "unknown"]
Direction = Literal["inbound", "outbound", "internal"]
MessageKind = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "contact", "choice",
    "prompt", "template", "form", "reaction", "email", "system", "unsupported",
]  # fmt: skip
LifecycleState = Literal[
    "new", "bot", "queued", "open", "pending", "snoozed", "resolved", "closed", "deleted", "merged"
]
QueueOutcome = Literal["answered", "abandoned", "transferred", "callback", "flow_out"]
Priority = Literal["urgent", "high", "normal", "low"]


class Actor(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    kind: ActorKind
    key: str | None = None
    team_key: str | None = None
    confidence: Literal["stated", "derived"] | None = None


class Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    key: str
    direction: Direction | None = None
    kind: MessageKind | None = None
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


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    kind: Literal["button", "list", "quick_reply", "postback", "menu", "form"]
    id: str
    title: str | None = None


class Prompt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    kind: str
    option_ids: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    value: Literal["queued", "sent", "delivered", "read", "played", "failed"]
    message_key: str | None = None
    up_to_time: str | None = None
    error_code: str | None = None


class Lifecycle(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    to: LifecycleState
    from_: LifecycleState | None = msgspec.field(default=None, name="from")
    reason: str | None = None
    until: str | None = None
    merged_into: str | None = None


class Side(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One side of an assignment: a missing key leaves the value, null clears it (R10)."""

    agent: str | None | msgspec.UnsetType = msgspec.UNSET
    team: str | None | msgspec.UnsetType = msgspec.UNSET
    queue: str | None | msgspec.UnsetType = msgspec.UNSET


class Assignment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    to: Side | None | msgspec.UnsetType = msgspec.UNSET
    from_: Side | None = msgspec.field(default=None, name="from")
    cause: Literal["manual", "rule", "transfer", "auto", "unknown"] | None = None


class Handoff(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    to: Literal["bot", "human", "queue"]
    from_: Literal["bot", "human"] | None = msgspec.field(default=None, name="from")
    cause: str | None = None


class Queue(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    name: str
    outcome: QueueOutcome | None = None


class Tags(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    all: tuple[str, ...] | None = None


class Csat(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    phase: Literal["requested", "answered", "expired"]
    instrument: Literal["csat", "ces", "nps", "thumb"]
    scale_min: int
    scale_max: int
    score: int | None = None
    score_norm: int | None = None
    survey_key: str | None = None
    has_comment: bool | None = None
    rated_agent: str | None = None


class Call(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    call_key: str
    phase: Literal[
        "started", "ivr", "queued", "ringing", "answered", "held", "resumed", "transferred",
        "ended", "wrapup", "completed", "abandoned", "missed", "voicemail",
    ]  # fmt: skip
    direction: Literal["inbound", "outbound"] | None = None
    leg_key: str | None = None
    disconnect_by: str | None = None
    outcome: str | None = None
    wrapup_code: str | None = None


class Summary(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    replaces_key: str
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


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    kind: Literal["sentiment", "topic", "intent", "language"]
    label: str
    score: int | None = None
    model: str | None = None
    model_version: str | None = None


class ExternalRef(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    system: str
    kind: str
    key: str


class Inherited(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a merged conversation hands to its parent (written by track, never by a channel)."""

    from_conversation: str
    started_at: str | None
    revision: int
    hops: int
    merge: str | None = None


class Data(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`data` of an event; which section a type needs: REQUIRED."""

    tenant: str
    channel: Channel
    adapter: str
    account_ref: str
    conversation_key: str
    actor: Actor
    adapter_version: str | None = None
    source_role: SourceRole | None = None
    time_quality: Literal["ms", "s", "min", "arrival"] | None = None
    time_original: str | None = None
    provider_seq: str | None = None
    conversation_ref: str | None = None
    interaction_no: int | None = None
    external_refs: tuple[ExternalRef, ...] = ()
    customer_key: str | None = None
    key_id: str | None = None
    locale: str | None = None
    priority: Priority | None = None
    message: Message | None = None
    choice: Choice | None = None
    prompt: Prompt | None = None
    status: Status | None = None
    lifecycle: Lifecycle | None = None
    assignment: Assignment | None = None
    handoff: Handoff | None = None
    queue: Queue | None = None
    tags: Tags | None = None
    csat: Csat | None = None
    call: Call | None = None
    summary: Summary | None = None
    annotations: tuple[Annotation, ...] = ()
    inherited: Inherited | None = None
    raw_ref: str | None = None
    derived: bool | None = None
    unmapped_fields: int | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a conversation, a customer or an agent."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    recordedtime: str
    partitionkey: str
    dataschema: str
    data: Data


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """`care.tick`: the clock of a partition, by its owner, each second and after what is due."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["care.tick"]
    time: str
    recordedtime: str
    dataschema: str


class RulebookPublished(msgspec.Struct, frozen=True, kw_only=True):
    """`care.rulebook.published`: one whole rulebook; in force from `effective_at` on.

    `document` holds the JSON of `domain.rulebook.Document` untouched, so that its hash stays
    what was published.
    """

    number: int
    hash: str
    effective_at: str
    document: msgspec.Raw


class RulebookEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["care.rulebook.published"]
    time: str
    recordedtime: str
    dataschema: str
    data: RulebookPublished


class VersionGate(msgspec.Struct, frozen=True, kw_only=True):
    """`care.version.gate`: from here on results are computed by at least this version."""

    minimum: str


class VersionGateEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["care.version.gate"]
    time: str
    recordedtime: str
    dataschema: str
    data: VersionGate


REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "care.message.created": ("message",),
    "care.message.updated": ("message",),
    "care.message.deleted": ("message",),
    "care.message.status": ("status",),
    "care.message.reacted": ("message",),
    "care.message.annotated": ("message",),
    "care.conversation.opened": (),
    "care.conversation.status_changed": ("lifecycle",),
    "care.conversation.assigned": ("assignment",),
    "care.conversation.handoff": ("handoff",),
    "care.conversation.tagged": ("tags",),
    "care.conversation.merged": ("lifecycle",),
    "care.conversation.rated": ("csat",),
    "care.conversation.survey_requested": ("csat",),
    "care.conversation.turn_inherited": ("inherited",),
    "care.queue.entered": ("queue",),
    "care.queue.left": ("queue",),
    "care.call.phase": ("call",),
    "care.interaction.summary": ("summary",),
    "care.customer.linked": (),
    "care.customer.erased": (),
    "care.agent.state_changed": (),
    "care.other": (),
}
"""Every event type, and the sections of `data` it cannot do without."""

CONTROL_TYPES: Final = ("care.tick", "care.rulebook.published", "care.version.gate")

_envelope = msgspec.json.Decoder(Envelope)


class _Versions(msgspec.Struct):
    """What says in which version a record is written, whatever else it holds."""

    specversion: str = SPECVERSION
    dataschema: str = DATASCHEMA


_versions = msgspec.json.Decoder(_Versions)


def refuse_unknown_version(value: bytes) -> None:
    """Raises InvalidRecord("version") for a record that names a version that nobody here reads.

    What has another shape may simply be of another version: whoever looks at the dead letter is
    told so.
    """
    try:
        told = _versions.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if told.specversion != SPECVERSION or not told.dataschema.startswith(_READ_HERE):
        raise InvalidRecord("version")


def encode_event(event: Envelope) -> bytes:
    """The JSON of an event; fields at their default are left out."""
    return msgspec.json.encode(event)


def encode_tick(*, partition: int, at: str) -> bytes:
    """A tick of `partition` at `at`, a whole second, which is its id: repeats are harmless."""
    return orjson.dumps(
        {
            "specversion": SPECVERSION,
            "id": f"tick-{partition}-{at}",
            "source": "/care/ticker",
            "type": "care.tick",
            "time": at,
            "recordedtime": at,
            "dataschema": DATASCHEMA,
        }
    )


def decode_envelope(value: bytes) -> Envelope:
    """One event; raises InvalidRecord with a closed reason, never quoting the payload."""
    try:
        event = _envelope.decode(value)
    except msgspec.ValidationError as error:
        refuse_unknown_version(value)
        raise InvalidRecord("schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecord("not_json") from error
    if not event.dataschema.startswith(_READ_HERE):
        raise InvalidRecord("version")
    required = REQUIRED.get(event.type)
    if required is None:
        raise InvalidRecord("unknown_type")
    for section in required:
        if getattr(event.data, section) is None:
            raise InvalidRecord("missing_section", section)
    return event
