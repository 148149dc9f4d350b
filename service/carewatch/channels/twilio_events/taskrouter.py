"""TaskRouter: tasks in queues, offered to workers as reservations."""

import re
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
    Draft,
    Occurred,
    SideDraft,
)
from carewatch.channels.fields import Fields, get_id, get_text, need_id
from carewatch.channels.times import occurred
from carewatch.channels.twilio_events.sides import (
    agent,
    channel_of,
    conversation,
    customer_at,
    identity_of,
    nested,
    when,
)
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Channel, Queue, QueueOutcome

_IGNORED: Final = (
    "reservation.canceled", "reservation.rescinded", "task-queue.created", "task-queue.deleted",
    "task-queue.expression.updated", "task-queue.timeout", "task.transfer-attempt-failed",
    "task.transfer-canceled", "task.transfer-failed", "task.transfer-initiated", "task.updated",
)  # fmt: skip
"""Known, and no happening of a contact: an offer taken back is nobody's fault."""
_OF_OTHERS: Final = ("activity", "worker", "workflow", "workspace")

_Phase = Literal[
    "started", "queued", "ringing", "answered", "ended", "wrapup", "completed", "abandoned",
    "missed", "transferred",
]  # fmt: skip
_TASK_PHASES: Final[dict[str, _Phase]] = {
    "task.wrapup": "ended",
    "task.completed": "completed",
    "task.deleted": "ended",
    "task.system-deleted": "ended",
    "task.transfer-completed": "transferred",
}
_HUNG_UP: Final = "hangup"
_SID: Final = re.compile(r"(?:CH|CA)[0-9a-f]{32}")


def event(
    kind: str, fields: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    """One event, its fields under their names in Event Streams."""
    if kind in _IGNORED or kind.partition(".")[0] in _OF_OTHERS:
        yield Skip(reason="ignored", path=path)
        return
    told = _Told(kind, fields, account, received_at)
    if kind in _TASK_PHASES:
        yield told.of_task(_TASK_PHASES[kind])
        return
    match kind:
        case "task.created":
            yield told.created()
        case "task.canceled":
            yield from told.canceled()
        case "task-queue.entered":
            yield told.of_task("queued")
            yield told.queue("care.queue.entered", None)
        case "task-queue.moved":
            yield told.queue("care.queue.entered", None)
        case "reservation.created":
            yield told.of_task("ringing", told.by_worker(), leg=told.reservation())
        case "reservation.rejected" | "reservation.timeout":
            yield told.of_task("missed", told.by_worker(), leg=told.reservation())
        case "reservation.accepted":
            yield from told.accepted()
        case "reservation.wrapup":
            yield told.of_worker("ended")
            yield told.of_worker("wrapup")
        case "reservation.completed":
            yield told.of_worker("completed")
        case _:
            yield Skip(reason="unmapped", path=path)


class _Told:
    """One event: its task, with what is read again and again."""

    def __init__(self, kind: str, fields: Fields, account: Account, received_at: int) -> None:
        self.fields = fields
        self.account = account
        self.key = f"taskrouter|{need_id(fields, 'sid')}|{kind}"
        self.task = need_id(fields, "task_sid")
        self.attributes = nested(fields, "task_attributes")
        self.at = _at(fields, received_at)
        by_voice = get_text(fields, "task_channel_unique_name") == "voice"
        self.channel: Channel = "voice" if by_voice else channel_of(account)
        outbound = self._attribute("direction") == "outbound"
        self.direction: Literal["inbound", "outbound"] = "outbound" if outbound else "inbound"

    def draft(self, event_type: str, suffix: str, actor: ActorDraft) -> Draft:
        """What all drafts of this task share; the caller adds the section."""
        theirs = self._attribute("outbound_to" if self.direction == "outbound" else "from")
        first = self._thread()
        return Draft(
            type=event_type,
            key=f"{self.key}|{suffix}",
            occurred=self.at,
            channel=self.channel,
            actor=actor,
            conversation=conversation(first),
            conversation_ref=first,
            customer=customer_at(theirs or self._attribute("caller"), self.channel),
        )

    def of_task(
        self,
        phase: _Phase,
        actor: ActorDraft | None = None,
        leg: ConversationId | None = None,
        disconnect_by: str | None = None,
    ) -> Draft:
        """A phase of the whole contact."""
        return replace(
            self.draft("care.call.phase", phase, actor or ActorDraft(kind="system")),
            call=CallDraft(
                call=conversation(self.task),
                phase=phase,
                direction=self.direction,
                leg=leg,
                disconnect_by=disconnect_by,
            ),
        )

    def of_worker(self, phase: _Phase) -> Draft:
        """A phase of what one worker has of it."""
        return replace(
            self.draft("care.call.phase", phase, self.by_worker()),
            call=CallDraft(call=self.reservation(), phase=phase, direction=self.direction),
        )

    def created(self) -> Draft:
        draft = self.of_task("started")
        if self.direction == "outbound":
            return draft
        return replace(draft, actor=ActorDraft(kind="customer", id=draft.customer))

    def accepted(self) -> Iterator[Draft]:
        """The assignment ends the wait in the queue, in the worker's name."""
        yield replace(
            self.draft("care.conversation.assigned", "assigned", ActorDraft(kind="system")),
            assignment=AssignmentDraft(to=SideDraft(agent=self._worker()), cause="auto"),
        )
        yield self.of_worker("answered")

    def canceled(self) -> Iterator[Draft]:
        """Nobody took it: the customer hung up, or the task was given up."""
        hung_up = (get_text(self.fields, "task_canceled_reason") or "").lower() == _HUNG_UP
        if get_id(self.fields, "task_queue_sid") is not None:
            yield self.queue("care.queue.left", "abandoned" if hung_up else "flow_out")
        yield self.of_task(
            "abandoned" if hung_up else "ended", disconnect_by="customer" if hung_up else "system"
        )

    def queue(self, event_type: str, outcome: QueueOutcome | None) -> Draft:
        sid, name = get_id(self.fields, "task_queue_sid"), get_text(self.fields, "task_queue_name")
        known = self.account.options.get(f"queue.{sid}") or name or sid
        if known is None:
            raise InvalidRecord("schema", "task_queue_sid")
        return replace(
            self.draft(event_type, "queue", ActorDraft(kind="system")),
            queue=Queue(name=known, outcome=outcome),
        )

    def reservation(self) -> ConversationId:
        return conversation(need_id(self.fields, "reservation_sid"))

    def by_worker(self) -> ActorDraft:
        return ActorDraft(kind="agent", id=self._worker())

    def _worker(self) -> AgentId:
        uri = nested(self.fields, "worker_attributes").get("contact_uri")
        identity = identity_of(uri) if isinstance(uri, str) else None
        return agent(identity or need_id(self.fields, "worker_sid"))

    def _thread(self) -> str:
        """The conversation or call that the task is about; attributes may hold any text at all."""
        for name in ("conversationSid", "conversation_sid", "channelSid", "call_sid"):
            sid = self._attribute(name)
            if sid is not None and _SID.fullmatch(sid):
                return sid
        return self.task

    def _attribute(self, name: str) -> str | None:
        """A text among the attributes, which anybody may have filled in any way."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) and value else None


def _at(fields: Fields, received_at: int) -> Occurred:
    """ISO in Event Streams; whole seconds and milliseconds in a callback."""
    if fields.get("timestamp_ms"):
        return occurred(fields["timestamp_ms"], "ms", received_at, "ms")
    stated = fields.get("timestamp")
    if isinstance(stated, int) or (isinstance(stated, str) and stated.isdigit()):
        return occurred(stated, "s", received_at)
    return when(stated, received_at)
