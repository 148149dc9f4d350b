"""Amazon Connect: contact events (what happens to a contact) and contact records (what it took)."""

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
    Occurred,
    Quality,
    SideDraft,
    SummaryDraft,
)
from carewatch.channels.fields import (
    Fields,
    get_id,
    get_int,
    get_object,
    get_text,
    need_id,
    need_text,
)
from carewatch.channels.times import occurred
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, Queue

CONTACT_EVENT: Final = "Amazon Connect Contact Event"

_CHANNELS: Final[dict[str, Channel]] = {
    "VOICE": "voice",
    "CHAT": "web",
    "EMAIL": "email",
}
_OUTBOUND: Final = ("OUTBOUND", "EXTERNAL_OUTBOUND", "AGENT_REPLY", "CAMPAIGN_PREVIEW")
_INBOUND: Final = ("INBOUND", "WEBRTC_API", "MESSAGING_PLATFORM")
"""How a contact was initiated. A transfer goes on with another contact's direction, and a callback
is dialled because the customer asked for it: neither states one."""

_DISCONNECTED_BY: Final = {"CUSTOMER_DISCONNECT": "customer", "AGENT_DISCONNECT": "agent"}
_SECOND_MS: Final = 1000


def instance(item: Fields) -> str | None:
    """The id of the Connect instance that is named, by its ARN."""
    arn = get_text(item, "instanceArn") or get_text(item, "InstanceARN")
    return None if arn is None else _last(arn)


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def event(
    item: Fields, detail: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    """One contact event."""
    contact = _Contact(item, detail, account, received_at)
    match need_text(detail, "eventType"):
        case "INITIATED":
            yield contact.initiated()
        case "CONNECTED_TO_SYSTEM":
            yield contact.phase("ivr", contact.at("connectedToSystemTimestamp"))
        case "QUEUED":
            yield from contact.queued()
        case "CONNECTED_TO_AGENT":
            yield from contact.answered()
        case "DISCONNECTED":
            yield contact.disconnected()
        case "COMPLETED":
            yield from contact.completed()
        case "CONTACT_DATA_UPDATED" | "AMD_DISABLED":
            yield Skip(reason="ignored", path=path)
        case _:
            yield Skip(reason="unmapped", path=path)


_Phase = Literal[
    "started", "ivr", "queued", "answered", "ended", "abandoned", "wrapup", "completed"
]  # fmt: skip


class _Contact:
    """A contact as one of its events tells it."""

    def __init__(self, item: Fields, detail: Fields, account: Account, received_at: int) -> None:
        self.detail = detail
        self.account = account
        self.received_at = received_at
        self.number = need_id(detail, "contactId")
        self.first = get_id(detail, "initialContactId") or self.number
        moment = get_text(detail, "eventTimestamp") or get_text(item, "time")
        self.key = (
            f"{self.number}|{need_text(detail, 'eventType')}|{moment or get_id(item, 'id') or ''}"
        )
        self.told_at = _when(moment, received_at)
        self.queue = get_object(detail, "queueInfo")
        self.agent_fields = get_object(detail, "agentInfo")
        self.agent = _agent(get_text(self.agent_fields, "agentArn"))
        self.direction = _direction(detail, "initiationMethod", "channel")

    def at(self, name: str, parent: Fields | None = None) -> Occurred:
        """The instant that a field states, else that of the event."""
        stated = _when((parent or self.detail).get(name), self.received_at)
        return self.told_at if stated.quality == "arrival" else stated

    def draft(self, event_type: str, suffix: str, at: Occurred, actor: ActorDraft) -> Draft:
        """What all drafts of this contact share; the caller adds the section."""
        return Draft(
            type=event_type,
            key=f"{self.key}|{suffix}",
            occurred=at,
            channel=_channel(self.detail, "channel"),
            actor=actor,
            conversation=contact_id(self.first),
            conversation_ref=self.first,
            customer=_customer(get_object(self.detail, "customerEndpoint"), "type", "address"),
        )

    def phase(
        self,
        phase: _Phase,
        at: Occurred,
        actor: ActorDraft | None = None,
        disconnect_by: str | None = None,
    ) -> Draft:
        return replace(
            self.draft("care.call.phase", phase, at, actor or ActorDraft(kind="system")),
            call=CallDraft(
                call=contact_id(self.number),
                phase=phase,
                direction=self.direction,
                disconnect_by=disconnect_by,
            ),
        )

    def by_agent(self) -> ActorDraft:
        return ActorDraft(kind="agent", id=self.agent) if self.agent else ActorDraft(kind="system")

    def initiated(self) -> Draft:
        draft = self.phase("started", self.at("initiationTimestamp"))
        if self.direction != "inbound":
            return draft
        return replace(draft, actor=ActorDraft(kind="customer", id=draft.customer))

    def queued(self) -> Iterator[Draft]:
        at = self.at("enqueueTimestamp", self.queue)
        yield self.phase("queued", at)
        yield replace(
            self.draft("care.queue.entered", "entered", at, ActorDraft(kind="system")),
            queue=Queue(name=_queue(get_text(self.queue, "queueArn"), self.account)),
        )

    def answered(self) -> Iterator[Draft]:
        """The assignment ends the wait in the queue, in the agent's name."""
        at = self.at("connectedToAgentTimestamp", self.agent_fields)
        if self.agent is not None:
            yield replace(
                self.draft("care.conversation.assigned", "assigned", at, ActorDraft(kind="system")),
                assignment=AssignmentDraft(to=SideDraft(agent=self.agent), cause="auto"),
            )
        yield self.phase("answered", at, self.by_agent())

    def disconnected(self) -> Draft:
        """The end; a contact that waited and reached nobody is abandoned, unless we ended it."""
        at = self.at("disconnectTimestamp")
        reason = get_text(self.detail, "disconnectReason")
        by = None if reason is None else _DISCONNECTED_BY.get(reason, "system")
        reached = "connectedToAgentTimestamp" in self.agent_fields
        gave_up = bool(self.queue) and not reached and by in (None, "customer")
        return self.phase("abandoned" if gave_up else "ended", at, disconnect_by=by)

    def completed(self) -> Iterator[Draft]:
        """The work after the contact is done, where there was any."""
        if "afterContactWorkStartTimestamp" in self.agent_fields:
            began = self.at("afterContactWorkStartTimestamp", self.agent_fields)
            yield self.phase("wrapup", began, self.by_agent())
        done = self.at("afterContactWorkEndTimestamp", self.agent_fields)
        yield self.phase("completed", done, self.by_agent())


def record(item: Fields, received_at: int) -> Iterator[Draft | Skip]:
    """A contact record: written at the end of the contact, and again whenever it changes."""
    number = need_id(item, "ContactId")
    first = get_id(item, "InitialContactId") or number
    agent = get_object(item, "Agent")
    updated = need_text(item, "LastUpdateTimestamp")
    who = _agent(get_text(agent, "ARN"))
    yield Draft(
        type="care.interaction.summary",
        key=f"{number}|record|{updated}",
        occurred=_when(updated, received_at),
        channel=_channel(item, "Channel"),
        actor=ActorDraft(kind="agent", id=who) if who else ActorDraft(kind="system"),
        conversation=contact_id(first),
        conversation_ref=first,
        customer=_customer(get_object(item, "CustomerEndpoint"), "Type", "Address"),
        summary=SummaryDraft(
            replaces=contact_id(number),
            precision_ms=_SECOND_MS,
            queue_ms=_seconds(get_object(item, "Queue"), "Duration"),
            talk_ms=_seconds(agent, "AgentInteractionDuration"),
            hold_ms=_seconds(agent, "CustomerHoldDuration"),
            acw_ms=_seconds(agent, "AfterContactWorkDuration"),
            holds=_count(agent, "NumberOfHolds"),
        ),
    )


def contact_id(number: str) -> ConversationId:
    return ConversationId("connect", number)


def _count(parent: Fields, name: str) -> int | None:
    value = get_int(parent, name)
    if value is not None and value < 0:
        raise InvalidRecord("schema", name)
    return value


def _seconds(parent: Fields, name: str) -> int | None:
    value = _count(parent, name)
    return None if value is None else value * _SECOND_MS


def _when(stated: object, received_at: int) -> Occurred:
    quality: Quality = "ms" if isinstance(stated, str) and "." in stated else "s"
    return occurred(stated, "iso", received_at, quality)


def _channel(parent: Fields, name: str) -> Channel:
    return _CHANNELS.get((get_text(parent, name) or "").upper(), "other")


def _direction(detail: Fields, method: str, channel: str) -> Literal["inbound", "outbound"] | None:
    stated = get_text(detail, method)
    if stated in _OUTBOUND:
        return "outbound"
    if stated in _INBOUND:
        return "inbound"
    if stated == "API":
        # Our own program dials; a chat that it starts was begun by the customer.
        return "outbound" if _channel(detail, channel) == "voice" else "inbound"
    return None


def _agent(arn: str | None) -> AgentId | None:
    return None if arn is None else AgentId("connect", _last(arn) or arn)


def _customer(endpoint: Fields, kind: str, address: str) -> CustomerId | None:
    """A caller, by his number: the same customer in every account of the tenant."""
    number = get_text(endpoint, address)
    if number is None or get_text(endpoint, kind) != "TELEPHONE_NUMBER":
        return None
    return CustomerId("voice", number.removeprefix("+") or number, shared=True)


def _queue(arn: str | None, account: Account) -> str:
    """The name of a queue; an agent's own is named after nobody."""
    if arn is None:
        raise InvalidRecord("schema", "queueArn")
    if "/queue/agent/" in arn:
        return "agent"
    number = _last(arn) or arn
    return account.options.get(f"queue.{number}", number)
