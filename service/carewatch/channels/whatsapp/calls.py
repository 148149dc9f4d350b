"""Calls by WhatsApp: when they began, were answered and ended; no agent, hold or work after.

A call is a conversation of its own: its end must not end the chat's session.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from carewatch.channels.base import Skip
from carewatch.channels.drafts import (
    ActorDraft,
    CallDraft,
    ConversationId,
    CustomerId,
    Draft,
    Occurred,
    SummaryDraft,
)
from carewatch.channels.fields import Fields, get_int, get_text, need_id, need_text
from carewatch.channels.times import occurred

_Phase = Literal["started", "ringing", "answered", "ended", "completed", "missed"]

_STATUSES: Final[dict[str, _Phase]] = {
    "RINGING": "ringing",
    "ACCEPTED": "answered",
    "REJECTED": "ended",
}
"""What became of a call that the business made."""

_PEOPLE: Final = ActorDraft(kind="agent")
"""Somebody of the business, whom WhatsApp does not name."""
_SYSTEM: Final = ActorDraft(kind="system")


def call(
    fields: Fields, path: str, customer: CustomerId, received_at: int
) -> Iterator[Draft | Skip]:
    """An item of `calls[]`: `connect` when it begins, `terminate` with all that is known of it."""
    outbound = is_outbound(fields)
    when = occurred(fields.get("timestamp"), "s_or_ms", received_at)
    caller = _PEOPLE if outbound else ActorDraft(kind="customer", id=customer)
    match need_text(fields, "event"):
        case "connect":
            yield _phase(fields, "started", when, customer, caller)
        case "terminate":
            yield from _ended(fields, when, customer, received_at)
        case _:
            yield Skip(reason="unmapped", path=path)


def status(
    fields: Fields, path: str, customer: CustomerId, received_at: int
) -> Iterator[Draft | Skip]:
    """A status of type `call`: the customer's phone rings, is picked up, or the call rejected."""
    phase = _STATUSES.get(need_text(fields, "status"))
    if phase is None:
        yield Skip(reason="unmapped", path=path)
        return
    when = occurred(fields.get("timestamp"), "s_or_ms", received_at)
    outcome = "rejected" if phase == "ended" else None
    outbound = fields | {"direction": "BUSINESS_INITIATED"}
    actor = _PEOPLE if phase == "answered" else _SYSTEM
    yield _phase(outbound, phase, when, customer, actor, outcome)


def is_outbound(fields: Fields) -> bool:
    return get_text(fields, "direction") == "BUSINESS_INITIATED"


def _ended(
    fields: Fields, when: Occurred, customer: CustomerId, received_at: int
) -> Iterator[Draft]:
    """A duration says that somebody answered, whatever the status says of how it ended."""
    seconds = get_int(fields, "duration") or 0
    if seconds <= 0:
        # Nobody is told apart who hung up; an agent whom the customer did not answer missed none.
        phase: _Phase = "ended" if is_outbound(fields) else "missed"
        yield _phase(fields, phase, when, customer, _SYSTEM, "unanswered")
        return
    if fields.get("start_time") is not None:
        answered = occurred(fields["start_time"], "s_or_ms", received_at)
        yield _phase(fields, "answered", answered, customer, _PEOPLE)
    yield _phase(fields, "completed", when, customer, _SYSTEM)
    summary = _phase(fields, "completed", when, customer, _SYSTEM)
    conversation = _conversation(fields)
    yield replace(
        summary,
        type="care.interaction.summary",
        key=f"{conversation.value}|summary",
        call=None,
        summary=SummaryDraft(replaces=conversation, precision_ms=1000, talk_ms=seconds * 1000),
    )


def _conversation(fields: Fields) -> ConversationId:
    return ConversationId("whatsapp", f"call:{need_id(fields, 'id')}")


def _phase(
    fields: Fields,
    phase: _Phase,
    when: Occurred,
    customer: CustomerId,
    actor: ActorDraft,
    outcome: str | None = None,
) -> Draft:
    conversation = _conversation(fields)
    return Draft(
        type="care.call.phase",
        key=f"{need_id(fields, 'id')}|call|{phase}",
        occurred=when,
        channel="whatsapp",
        conversation=conversation,
        customer=customer,
        actor=actor,
        call=CallDraft(
            call=conversation,
            phase=phase,
            direction="outbound" if is_outbound(fields) else "inbound",
            outcome=outcome,
        ),
    )
