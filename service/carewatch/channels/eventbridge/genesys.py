"""Genesys Cloud: analytics detail events, one topic per happening of a conversation.

The customer's session is the call; each session of an agent who talked is one, too, told when it is
over: then its durations say when it was answered. Until then the assignment ends the wait.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from carewatch.channels.base import Account, Skip
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    AssignmentDraft,
    CallDraft,
    ConversationId,
    CustomerId,
    Draft,
    SideDraft,
)
from carewatch.channels.fields import (
    Fields,
    get_id,
    get_int,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.times import occurred
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, Queue, QueueOutcome

TOPIC: Final = "v2.detail.events.conversation.{id}."

_IGNORED: Final = (
    "attributes", "contact", "flow.end", "flow.outcome", "outbound", "voicemail.start", "wrapup",
)  # fmt: skip
"""Known, and told by another topic, or nothing that metrics look at."""

_MEDIA: Final[dict[str, Channel]] = {
    "VOICE": "voice",
    "CALLBACK": "voice",
    "CHAT": "web",
    "EMAIL": "email",
}
_MESSENGERS: Final[dict[str, Channel]] = {
    "FACEBOOK": "messenger",
    "INSTAGRAM": "instagram",
    "LINE": "line",
    "SMS": "sms",
    "TWITTER": "x",
    "WEBMESSAGING": "web",
    "WHATSAPP": "whatsapp",
}
_OUTCOMES: Final[dict[str, QueueOutcome]] = {
    "ANSWERED": "answered",
    "ABANDON": "abandoned",
    "ABANDONED": "abandoned",
    "CALLBACK": "callback",
    "FLOW_OUT": "flow_out",
    "FLOWOUT": "flow_out",
    "TRANSFER": "transferred",
    "TRANSFERRED": "transferred",
}
_ENDED_BY: Final = {"CLIENT": "customer", "ENDPOINT": "customer", "PEER": "agent"}
"""Of the customer's own session: he hung up, or closed the window; PEER is the other side."""

_Phase = Literal[
    "started", "ivr", "queued", "ringing", "answered", "ended", "wrapup", "completed", "missed",
    "voicemail",
]  # fmt: skip


def event(
    topic: str, detail: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    """One detail event."""
    kind = topic.removeprefix(TOPIC)
    if kind in _IGNORED:
        yield Skip(reason="ignored", path=path)
        return
    told = _Told(kind, get_object(detail, "eventBody"), account, received_at)
    match kind:
        case "customer.start":
            yield told.started()
        case "customer.end":
            yield told.phase("ended", disconnect_by=told.ended_by())
        case "flow.start":
            yield told.phase("ivr")
        case "voicemail.end":
            yield told.phase("voicemail")
        case "acd.start":
            yield told.phase("queued")
            yield told.queue("care.queue.entered", None)
        case "acd.end":
            yield from told.left_queue()
        case "user.start":
            yield told.phase("ringing", actor=told.agent(), leg=told.session)
        case "user.end":
            yield from list(told.stay()) or (Skip(reason="ignored", path=path),)
        case "acw":
            yield from told.wrapped_up()
        case _:
            yield Skip(reason="unmapped", path=path)


class _Told:
    """One event: its body, with what is read again and again."""

    def __init__(self, kind: str, body: Fields, account: Account, received_at: int) -> None:
        self.body = body
        self.account = account
        self.number = need_id(body, "conversationId")
        self.session_id = need_id(body, "sessionId")
        self.session = ConversationId("genesys", f"{self.number}:{self.session_id}")
        stated = body.get("eventTime")
        self.at = occurred(stated, "iso" if _is_text(stated) else "ms", received_at, "ms")
        self.key = f"{self.number}|{kind}|{self.session_id}|{get_id(body, 'eventTime') or ''}"
        self.direction: Literal["inbound", "outbound"] | None = (
            "outbound" if get_text(body, "direction") == "OUTBOUND" else "inbound"
        )

    def draft(self, event_type: str, suffix: str, actor: ActorDraft) -> Draft:
        """What all drafts of this conversation share; the caller adds the section."""
        return Draft(
            type=event_type,
            key=f"{self.key}|{suffix}",
            occurred=self.at,
            channel=self._channel(),
            actor=actor,
            conversation=ConversationId("genesys", self.number),
            conversation_ref=self.number,
            customer=self._customer(),
        )

    def phase(
        self,
        phase: _Phase,
        *,
        actor: ActorDraft | None = None,
        call: ConversationId | None = None,
        leg: ConversationId | None = None,
        disconnect_by: str | None = None,
        before_ms: int = 0,
    ) -> Draft:
        """A phase of the customer's call, or of an agent's; `before_ms` before the event."""
        draft = self.draft("care.call.phase", phase, actor or ActorDraft(kind="system"))
        return replace(
            draft,
            occurred=replace(self.at, at=self.at.at - before_ms),
            call=CallDraft(
                call=call or ConversationId("genesys", self.number),
                phase=phase,
                direction=self.direction,
                leg=leg,
                disconnect_by=disconnect_by,
                wrapup_code=get_id(self.body, "wrapupCode") if phase == "completed" else None,
            ),
        )

    def started(self) -> Draft:
        draft = self.phase("started")
        if self.direction == "outbound":
            return draft
        return replace(draft, actor=ActorDraft(kind="customer", id=draft.customer))

    def ended_by(self) -> str:
        return _ENDED_BY.get(get_text(self.body, "disconnectType") or "", "system")

    def queue(self, event_type: str, outcome: QueueOutcome | None) -> Draft:
        number = need_id(self.body, "queueId")
        name = self.account.options.get(f"queue.{number}", number)
        return replace(
            self.draft(event_type, "queue", ActorDraft(kind="system")),
            queue=Queue(name=name, outcome=outcome),
        )

    def left_queue(self) -> Iterator[Draft]:
        """Whoever answers has it: the assignment ends the wait in the agent's name."""
        outcome = _OUTCOMES.get(get_text(self.body, "acdOutcome") or "", "flow_out")
        answered_by = get_id(self.body, "answeredUserId")
        if outcome != "answered" or answered_by is None:
            yield self.queue("care.queue.left", outcome)
            return
        yield replace(
            self.draft("care.conversation.assigned", "assigned", ActorDraft(kind="system")),
            assignment=AssignmentDraft(
                to=SideDraft(agent=AgentId("genesys", answered_by)), cause="auto"
            ),
        )

    def agent(self) -> ActorDraft:
        return ActorDraft(kind="agent", id=AgentId("genesys", need_id(self.body, "userId")))

    def stay(self) -> Iterator[Draft]:
        """An agent's session is over: he talked, or he was offered the contact and did not."""
        talked = self._ms("interactingDurationMs") + self._ms("heldDurationMs")
        if talked:
            yield self.phase("answered", actor=self.agent(), call=self.session, before_ms=talked)
            yield self.phase("ended", actor=self.agent(), call=self.session)
        elif self._ms("alertingDurationMs"):
            yield self.phase("missed", actor=self.agent(), leg=self.session)

    def wrapped_up(self) -> Iterator[Draft]:
        """The work after the contact; its own duration says when it began."""
        spent = self._ms("wrapupDurationMs")
        yield self.phase("wrapup", actor=self.agent(), call=self.session, before_ms=spent)
        yield self.phase("completed", actor=self.agent(), call=self.session)

    def _ms(self, name: str) -> int:
        value = get_int(self.body, name) or 0
        if not 0 <= value <= _LONGEST_MS:
            raise InvalidRecord("schema", name)
        return value

    def _channel(self) -> Channel:
        medium = get_text(self.body, "mediaType") or ""
        if medium == "MESSAGE":
            return _MESSENGERS.get(get_text(self.body, "messageType") or "", "other")
        return _MEDIA.get(medium, "other")

    def _customer(self) -> CustomerId | None:
        """Who calls or writes: by a phone number, the same customer in every account."""
        side = "dnis" if self.direction == "outbound" else "ani"
        number = (get_text(self.body, side) or "").removeprefix("tel:").removeprefix("+")
        if not (number.isascii() and number.isdigit()):
            return None
        channel = self._channel()
        by_phone = channel in ("voice", "sms", "whatsapp")
        return CustomerId(channel if by_phone else "genesys", number, shared=by_phone)


_LONGEST_MS: Final = 7 * 24 * 3_600_000
"""No stay of an agent is longer than a week: what claims to be is in another unit."""


def _is_text(stated: object) -> bool:
    return isinstance(stated, str) and not stated.isdigit()
