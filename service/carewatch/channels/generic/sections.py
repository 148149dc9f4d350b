"""The sections of a sender's `data` as drafts: whoever is named in them is wrapped."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    AssignmentDraft,
    CallDraft,
    ConversationId,
    CsatDraft,
    CustomerId,
    MessageDraft,
    MessageId,
    Reference,
    SideDraft,
    StatusDraft,
    SummaryDraft,
    Text,
)
from carewatch.channels.generic.body import Data, Message
from carewatch.channels.times import to_ms
from carewatch.domain.errors import InvalidRecord
from carewatch.wire import envelope as wire

FAMILY: Final = "generic"

_KINDS: Final[dict[str, type[MessageId | CustomerId]]] = {
    "message": MessageId,
    "customer": CustomerId,
}
_SEQUENCE: Final = re.compile(r"[0-9A-Za-z.:_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Names:
    """Whose identifiers a sender uses: its own, or (`ours`) the keys it read in `care.text`."""

    ours: bool = False

    def conversation(self, key: str | None) -> ConversationId | None:
        return ConversationId(FAMILY, key, ours=self.ours) if key else None

    def message(self, key: str | None) -> MessageId | None:
        return MessageId(FAMILY, key, ours=self.ours) if key else None

    def call(self, key: str) -> ConversationId:
        """A call, a leg of one, or whatever else a summary is about."""
        if not key:
            raise InvalidRecord("schema", "an empty key")
        return ConversationId(FAMILY, key)


def sequence_of(text: str | None) -> str | None:
    """What the sender counts its events by; nothing but a number or the like may stand there."""
    if text is not None and not _SEQUENCE.fullmatch(text):
        raise InvalidRecord("schema", "provider_seq")
    return text


def customer_of(body: Data) -> CustomerId | None:
    """The customer, also where only the actor says so."""
    if body.customer_key:
        return CustomerId(FAMILY, body.customer_key)
    if body.actor.kind == "customer" and body.actor.key:
        return CustomerId(FAMILY, body.actor.key)
    return None


def agent_of(key: str | None) -> AgentId | None:
    return AgentId(FAMILY, key) if key else None


def actor_of(actor: wire.Actor, customer: CustomerId | None) -> ActorDraft:
    if actor.kind == "customer":
        return ActorDraft(kind="customer", id=customer, confidence=actor.confidence)
    return ActorDraft(kind=actor.kind, id=agent_of(actor.key), confidence=actor.confidence)


def message_of(message: Message | None, names: Names) -> MessageDraft | None:
    """A text that is given is counted; what is said of one that is not, is believed."""
    if message is None:
        return None
    identifier = names.message(message.key)
    if identifier is None:
        raise InvalidRecord("schema", "message.key")
    text = message.text
    return MessageDraft(
        id=identifier,
        direction=message.direction,
        kind=message.kind,
        has_text=message.has_text if text is None else bool(text),
        chars=message.chars if text is None else len(text),
        lang=message.lang,
        media_count=message.media_count,
        in_reply_to=names.message(message.in_reply_to),
        is_echo=message.is_echo,
        edited_no=message.edited_no,
        automated=message.automated,
        needs_reply=message.needs_reply,
        fallback=message.fallback,
        text=Text(text) if text else None,
    )


def status_of(status: wire.Status | None, names: Names) -> StatusDraft | None:
    if status is None:
        return None
    return StatusDraft(
        value=status.value,
        message=names.message(status.message_key),
        up_to=to_ms(status.up_to_time, "iso") if status.up_to_time else None,
        error_code=status.error_code,
    )


def assignment_of(assignment: wire.Assignment | None) -> AssignmentDraft | None:
    """A `to` of null clears, a missing one leaves everything as it is."""
    if assignment is None:
        return None
    to = assignment.to
    return AssignmentDraft(
        to=SideDraft() if isinstance(to, msgspec.UnsetType) else None if to is None else _side(to),
        from_=_side(assignment.from_) if assignment.from_ else None,
        cause=assignment.cause,
    )


def _side(side: wire.Side) -> SideDraft:
    agent = side.agent
    return SideDraft(
        agent=agent if isinstance(agent, msgspec.UnsetType) else agent_of(agent),
        team=side.team,
        queue=side.queue,
    )


def csat_of(csat: wire.Csat | None, names: Names) -> CsatDraft | None:
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
        survey=names.message(csat.survey_key),
        has_comment=csat.has_comment,
        rated_agent=agent_of(csat.rated_agent),
    )


def call_of(call: wire.Call | None, names: Names) -> CallDraft | None:
    if call is None:
        return None
    return CallDraft(
        call=names.call(call.call_key),
        phase=call.phase,
        direction=call.direction,
        leg=names.call(call.leg_key) if call.leg_key else None,
        disconnect_by=call.disconnect_by,
        outcome=call.outcome,
        wrapup_code=call.wrapup_code,
    )


def summary_of(summary: wire.Summary | None, names: Names) -> SummaryDraft | None:
    """What a contact took; `replaces_key` names its call, so that phases are not added to it."""
    if summary is None:
        return None
    return SummaryDraft(
        replaces=names.call(summary.replaces_key),
        precision_ms=summary.precision_ms,
        queue_ms=summary.queue_ms,
        ring_ms=summary.ring_ms,
        talk_ms=summary.talk_ms,
        hold_ms=summary.hold_ms,
        acw_ms=summary.acw_ms,
        handle_ms=summary.handle_ms,
        holds=summary.holds,
        transfers=summary.transfers,
        reopens=summary.reopens,
        first_response_ms=summary.first_response_ms,
        resolution_ms=summary.resolution_ms,
    )


def reference_of(ref: wire.ExternalRef) -> Reference:
    """The same thing in another system: its key there, as that system's own channel hides it.

    With `system: generic` it is another identifier of this very sender.
    """
    if not ref.key:
        raise InvalidRecord("schema", "external_refs")
    shared = ref.system != FAMILY
    wrap = _KINDS.get(ref.kind, ConversationId)
    return Reference(system=ref.system, kind=ref.kind, id=wrap(ref.system, ref.key, shared))
