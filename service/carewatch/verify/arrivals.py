"""Which events are accepted, and in which order a conversation is told (R2-R6a)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carewatch.verify.admission import Event
from carewatch.verify.instants import DAY, MINUTE
from carewatch.verify.sayings import author, has_effect
from carewatch.verify.state import Told

AHEAD = 5 * MINUTE
LATEST = DAY
KEPT = 2 * DAY
CHANGES = ("care.message.deleted", "care.message.annotated", "care.message.updated")
MOST = 512

_RANKS = {
    "care.conversation.opened": 1,
    "care.conversation.tagged": 2,
    "care.queue.left": 4,
    "care.conversation.handoff": 5,
    "care.queue.entered": 6,
    "care.conversation.assigned": 7,
    "care.message.created": 8,
    "care.conversation.merged": 11,
    "care.conversation.turn_inherited": 11,
    "care.message.updated": 12,
    "care.message.deleted": 12,
    "care.message.annotated": 12,
}
_RANKS_OF_STATUS = {
    **dict.fromkeys(("new", "bot", "queued", "open"), 1),
    **dict.fromkeys(("pending", "snoozed"), 10),
    **dict.fromkeys(("resolved", "closed", "deleted"), 11),
}


def rank(event: Event) -> int:
    """The rank of R5."""
    if event.type == "care.conversation.status_changed":
        return _RANKS_OF_STATUS.get(event.section("lifecycle")["to"], 9)
    if event.type == "care.message.created" and author(event) == "customer":
        return 3
    return _RANKS.get(event.type, 9)


def stamped(event: Event) -> int:
    """The event's own time, or its arrival if it is stamped more than 5 min after it (R3)."""
    return event.recorded if event.time - event.recorded > AHEAD else event.time


def sorted_story(events: Sequence[Event]) -> list[Told]:
    """The events in the order R5, at their effective times (R3)."""
    questions: dict[str, int] = {}
    for one in events:
        if one.type == "care.message.created" and author(one) == "customer":
            questions.setdefault(one.section("message")["key"], stamped(one))
    return sorted((_told(one, questions) for one in events), key=_order)


def _told(event: Event, questions: dict[str, int]) -> Told:
    at = stamped(event)
    named = event.section("message").get("in_reply_to")
    reply = event.type == "care.message.created" and author(event) != "customer"
    if reply and questions.get(named or "", at) > at:
        return Told(questions[named or ""], event, clamped=True)
    return Told(at, event)


def _order(told: Told) -> tuple[int, int, int, str, int, str]:
    sequence = told.data.get("provider_seq")
    absent = sequence is None
    text = sequence or ""
    return told.at, int(not absent), len(text), text, rank(told.event), told.event.id


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted event, the newest tick before it, and the clock with it."""

    event: Event
    tick: int
    clock: int
    number: int = 0
    """Its place in the order in which everything arrived."""


@dataclass(slots=True)
class Arrivals:
    """The accepted events of one conversation, in order of arrival, and its clock (R7).

    What was refused moves no clock: it has "no effect at all" (R4), and the next tick is at most a
    second away.
    """

    steps: list[Step] = field(default_factory=list)
    clock: int = 0
    late_changes: list[Event] = field(default_factory=list)
    """Deletions and annotations of messages that are final (R6a): they change nothing."""

    without_effect: list[Event] = field(default_factory=list)
    """Those of them that are not remembered either."""

    @property
    def events(self) -> list[Event]:
        """The accepted events."""
        return [one.event for one in self.steps]

    def take(
        self, event: Event, tick: int, number: int = 0, *, since: int | None = None
    ) -> str | None:
        """Accepts an event, or says why not; `tick` is the newest tick of its partition.

        What came before number `since` is forgotten.
        """
        clock = max(self.clock, tick, event.recorded)
        # What can change nothing is not kept: receipts push no message out of the history.
        heard = (one for one in self.steps if since is None or one.number >= since)
        known = [one.event for one in heard if has_effect(one.event)]
        told = sorted_story([*known, event])
        mine = next(one for one in told if one.event is event)
        if clock - mine.at > LATEST:
            return "too_late"
        if has_effect(event):
            if len(told) > MOST and told.index(mine) < len(told) - MOST:
                return "history_full"
            if event.type in CHANGES and self._is_final(event, told, clock):
                self.late_changes.append(event)
                self.without_effect.append(event)
                return None
            if event.type in CHANGES and self._is_unknown(event, known):
                self.late_changes.append(event)  # and is remembered: the message may still come
        self.clock = clock
        self.steps.append(Step(event, tick, clock, number))
        return None

    def _is_final(self, change: Event, told: Sequence[Told], clock: int) -> bool:
        """R6a: the message that is deleted or annotated is older than what history keeps."""
        return any(clock - one.at > KEPT for one in told if _is_message(one, change))

    def _is_unknown(self, change: Event, events: Sequence[Event]) -> bool:
        """Nobody knows the message, and something was older than what history keeps already."""
        told = sorted_story(events)
        known = any(_is_message(one, change) for one in told)
        return not known and any(self.clock - one.at > KEPT for one in told)


def _is_message(told: Told, change: Event) -> bool:
    """Whether this is the message that is deleted or annotated."""
    written = told.event.type == "care.message.created"
    return written and told.data["message"]["key"] == change.section("message").get("key")
