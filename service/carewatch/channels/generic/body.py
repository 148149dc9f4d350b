"""What a sender writes in `data`: the envelope's own sections, with the sender's identifiers."""

import msgspec

from carewatch.wire import envelope as wire


class Message(msgspec.Struct, kw_only=True):
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


class Data(msgspec.Struct, kw_only=True):
    """`data` as a sender writes it. Tenant, adapter and account are the URL's, never the body's."""

    actor: wire.Actor
    conversation_key: str | None = None
    customer_key: str | None = None
    account_ref: str | None = None
    source_role: wire.SourceRole | None = None
    interaction_no: int | None = None
    provider_seq: str | None = None
    external_refs: tuple[wire.ExternalRef, ...] = ()
    channel: wire.Channel | None = None
    locale: str | None = None
    priority: wire.Priority | None = None
    message: Message | None = None
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
    summary: wire.Summary | None = None
    annotations: tuple[wire.Annotation, ...] = ()
    derived: bool | None = None
