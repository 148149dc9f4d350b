"""What a story remembers while it is told, and what it writes down."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from carewatch.verify.admission import Event


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its place in the story (R3, R5)."""

    at: int
    event: Event
    clamped: bool = False
    """Stamped before the message it answers, and taken at its instant (R3)."""

    @property
    def data(self) -> dict[str, Any]:
        """The event's `data`."""
        return self.event.data


@dataclass(frozen=True, slots=True)
class Labels:
    """What is true of the conversation as of an instant (R9, R10)."""

    tenant: str
    conversation: str
    channel: str
    account: str
    queue: str = "none"
    team: str = "none"
    priority: str = "normal"
    agent: str | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A sample or session fact; `content` is `data` without sign, corrects and cause."""

    at: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Count:
    """Something that is counted or measured (section 5), for a metric at an instant."""

    metric: str
    at: int
    labels: Labels
    further: tuple[tuple[str, str], ...] = ()
    plain: bool = False
    """Counted per tenant and channel only."""
    n: int = 1
    """How much: of a count or ratio; of a distribution the value."""
    d: int = 0
    """Of a ratio: of how many."""
    business: int | None = None
    """Of a duration: its length in open hours, None without a schedule."""
    told: int | None = None
    """When it became so; None: at its instant."""
    sign: int = 1
    """-1: what had been counted turned out to be none."""
    agent: str | None = None
    tags: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    """By whom, and under which tags and topics its sisters count it."""


@dataclass(slots=True)
class Turn:
    """From the oldest unanswered message, or a hand-off, to the reply of a person (R18)."""

    start: int
    first: bool
    waiting: dict[str, "Count | None"] = field(default_factory=dict)
    """Unanswered messages by key, as they count once answered; None for what is no message of this
    conversation: a hand-off, or what a merged conversation brought."""
    hops: int = 0
    counted: Count | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """An open turn that moves to the conversation `into` at a merge (E14)."""

    event: Event
    into: str
    at: int
    start: int
    hops: int


@dataclass(slots=True)
class Stay:
    """A stay in a queue (Q1-Q6)."""

    start: int
    queue: str
    explicit: bool
    counted: Count | None = None
    ended: int | None = None
    outcome: str | None = None
    began: int = 0
    """When it was known: a stay that only got its name began before."""
    suspended_at: int | None = None
    """Since when the bot has it (Q3)."""
    short: bool = False
    """Given up at once: a wrong call (Q6)."""
    left: Labels | None = None
    """The labels when it ended."""

    @property
    def suspended(self) -> bool:
        """The bot has it: nobody waits in the queue."""
        return self.suspended_at is not None

    def labels_of(self, labels: Labels) -> Labels:
        """The labels of an instant, with the queue of the stay (R10)."""
        return replace(labels, queue=self.queue)


@dataclass(slots=True)
class Call:
    """A phone call: over once, whatever is said of it afterwards."""

    answered_at: int | None = None
    ended_at: int | None = None
    over: bool = False


@dataclass(slots=True)
class Session:
    """What is remembered of the open session."""

    number: int
    opened_at: int
    new_contact: bool
    initiated_by: str | None = None
    person_wrote: bool = False
    handed_off_at: int | None = None
    last_handoff_at: int | None = None
    pending_handoff: int | None = None
    assigned_at_opening: bool = False
    assigned: bool = False
    any_answered: bool = False
    queue_event: bool = False
    waits: list["Span"] = field(default_factory=list)
    spans: dict[str, list["Span"]] = field(default_factory=dict)
    status_since: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A part of what is added up, with its open hours by the queue's schedule at its end; None
    without one."""

    start: int
    end: int
    business: int | None

    @property
    def calendar(self) -> int:
        """How long it is."""
        return self.end - self.start


def in_hours(spans: Iterable[Span]) -> int | None:
    """The open hours of all spans; None where one had no schedule."""
    parts = [one.business for one in spans]
    return None if None in parts else sum(part or 0 for part in parts)


@dataclass(slots=True)
class Case:
    """A session and those that reopened it."""

    opened_at: int
    person_wrote: bool = False
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """What stood after an event, or after a timer (no event); promises are judged by these."""

    at: int
    event: Event | None
    marks: tuple[str, ...]
    """What happened, in words of the story."""
    labels: Labels
    agent: str | None
    """Whom the moment is credited to (R11): who wrote or resolved, else the assignee."""
    session: int
    awaits_first: bool
    """A new contact to which no person has written yet, nor began it."""
    stated: str | None
    """The status as last stated; None without a session. What a message did to it is not in it."""
    written_since: bool
    """A customer message that needs a reply came since the status was stated."""
    tags: frozenset[str]
    topics: frozenset[str]
    language: str | None
    initiated_by: str | None
    """Who began the open session, or the last one."""
    turn: tuple[int, bool] | None
    """Start of the open turn, and whether it is a first one."""
    status: str | None
    """The status of the open session, whatever a message did to it; None without one."""
    bot_has: bool
    opened_at: int
    """When the open session began, or the last one had."""
    heard: bool
    """Whether the event counts (E20)."""
    notes: tuple[dict[str, Any], ...] = ()
    """What models say in this moment that no later word takes back (R8)."""
    note_of: str | None = None
    """Who wrote the message that they speak of."""
