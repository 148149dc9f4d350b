"""Voice: the status callbacks of a call, and of the calls it is dialled on to."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import parse_qsl

from carewatch.channels.base import Account, Skip
from carewatch.channels.drafts import ActorDraft, CallDraft, Draft, Occurred
from carewatch.channels.fields import Fields, get_id, get_object, get_text, need_id, need_text
from carewatch.channels.times import occurred
from carewatch.channels.twilio_events.sides import (
    agent,
    conversation,
    customer_at,
    from_form,
    identity_of,
    plain_names,
    when,
)
from carewatch.domain.errors import InvalidRecord

_BEGINNING: Final = ("queued", "initiated", "ringing")
_NOT_REACHED: Final = ("busy", "no-answer", "failed", "canceled")
_NOT_TAKEN: Final = ("busy", "no-answer")
"""Of a call that was dialled on: it rang, and nobody took it."""

_MOST_FIELDS: Final = 1000

_Phase = Literal["started", "ivr", "ringing", "answered", "ended", "abandoned", "missed"]


def parameters(data: Fields) -> Fields:
    """The fields of the callback that an event of Event Streams repeats, and its instant."""
    request = get_object(data, "request")
    held = request.get("parameters")
    if isinstance(held, str):
        try:
            pairs = parse_qsl(held, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise InvalidRecord("schema", "parameters") from error
        fields = from_form(pairs)
    else:
        fields = plain_names(get_object(request, "parameters"))
    return {"call_sid": data.get("sid"), "told_at": data.get("timestamp")} | fields


def event(fields: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    """One status of one call."""
    status = need_text(fields, "call_status")
    if status not in (*_BEGINNING, *_NOT_REACHED, "in-progress", "completed"):
        yield Skip(reason="unmapped", path=path)
        return
    call = _Call(fields, status, account, received_at)
    draft = call.of_whole() if call.parent is None else call.of_leg()
    yield draft or Skip(reason="ignored", path=path)


class _Call:
    """A call in one of its states; `parent` is the call that was dialled on to it."""

    def __init__(self, fields: Fields, status: str, account: Account, received_at: int) -> None:
        self.fields = fields
        self.status = status
        self.account = account
        self.sid = need_id(fields, "call_sid")
        self.parent = get_id(fields, "parent_call_sid")
        self.outbound = (get_text(fields, "direction") or "inbound").startswith("outbound")
        self.at = _at(fields, received_at)

    def of_whole(self) -> Draft | None:
        """A call of a customer, or to one. That it was answered says only that a program did."""
        if self.status in _BEGINNING:
            return self._phase("started")
        if self.status == "in-progress":
            return None if self.outbound else self._phase("ivr")
        gave_up = self.status == "canceled" and not self.outbound
        return self._phase(
            "abandoned" if gave_up else "ended", disconnect_by="customer" if gave_up else None
        )

    def of_leg(self) -> Draft | None:
        """A call that was dialled on: of an agent, where no TaskRouter says who has it."""
        if self.status in _BEGINNING:
            return self._phase("ringing", leg=True)
        if self.account.options.get("voice") != "alone":
            return None
        if self.status == "in-progress":
            return self._phase("answered", own=True)
        if self.status == "completed":
            return self._phase("ended", own=True)
        return self._phase("missed", leg=True) if self.status in _NOT_TAKEN else None

    def _phase(
        self,
        phase: _Phase,
        *,
        own: bool = False,
        leg: bool = False,
        disconnect_by: str | None = None,
    ) -> Draft:
        """A phase of the whole call, of it by a leg, or of the leg as a call of its own."""
        first = self.parent or self.sid
        draft = Draft(
            type="care.call.phase",
            key=f"{self.sid}|{get_id(self.fields, 'sequence_number') or self.status}|{phase}",
            occurred=self.at,
            channel="voice",
            conversation=conversation(first),
            conversation_ref=first,
            actor=ActorDraft(kind="system"),
            call=CallDraft(
                call=conversation(self.sid if own else first),
                phase=phase,
                direction=self._direction(),
                leg=conversation(self.sid) if leg else None,
                disconnect_by=disconnect_by,
                outcome=self.status if self.status in _NOT_REACHED else None,
            ),
        )
        if self.parent is not None:
            identity = identity_of(get_text(self.fields, "to"))
            return replace(
                draft, actor=ActorDraft(kind="agent", id=agent(identity) if identity else None)
            )
        theirs = get_text(self.fields, "to" if self.outbound else "from")
        draft = replace(draft, customer=customer_at(theirs, "voice"))
        if phase != "started" or self.outbound:
            return draft
        return replace(draft, actor=ActorDraft(kind="customer", id=draft.customer))

    def _direction(self) -> Literal["inbound", "outbound"] | None:
        """That of the whole call; a leg always goes out."""
        if self.parent is not None:
            return None
        return "outbound" if self.outbound else "inbound"


def _at(fields: Fields, received_at: int) -> Occurred:
    """RFC 2822 in a callback, ISO in Event Streams."""
    stated = fields.get("timestamp")
    if stated is None or stated == "":
        return when(fields.get("told_at"), received_at)
    at = occurred(stated, "rfc2822", received_at)
    return when(stated, received_at) if at.quality == "arrival" and at.original is None else at
