"""What happened in a conversation, as the fold sees it: one small frozen struct per kind.

They are also what a conversation remembers of its last two days, so they are array-like (the
changelog holds them) and carry only what the rules read. Times are integer milliseconds UTC.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Literal

import msgspec

Priority = Literal["urgent", "high", "normal", "low"]
QueueOutcome = Literal["answered", "abandoned", "transferred", "callback", "flow_out"]


class Author(StrEnum):
    """Who wrote a message, as the rules tell them apart (role at the time of the event)."""

    CUSTOMER = "customer"  # every end user
    PERSON = "person"  # an agent's public message, or an echo of the native app
    NOTE = "note"  # an internal message: nobody outside sees it
    BOT = "bot"
    AUTO = "auto"  # automated, in the name of an agent
    SYSTEM = "system"  # campaigns, automation rules, everything else


class _Event(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """What every event carries.

    `at` is the effective time (R3), `recorded` the arrival at the gateway. `priority` is stated
    by an event or None; `customer` is the customer's pseudonym or None.
    """

    at: int
    id: str
    recorded: int
    channel: str
    account: str
    seq: str | None = None
    role: str | None = None
    customer: str | None = None
    priority: Priority | None = None


class Message(_Event, frozen=True, tag=1, kw_only=True):
    """A message was written.

    `never_asks` is true of a reaction, of what a system writes and of an automatic answer: nobody
    can say later that one of these needs a reply.
    `stamped` is its own time where `at` was moved to that of the message it answers (R3).
    `asks` is what the event says about needing a reply, None if it says nothing (then the
    profile decides, R8). `form` tells a click on what a bot offered (`choice`) and a prepared
    answer (`template`) from what was written; `fallback` is whether a bot says that it did not
    understand, None if it says nothing.
    """

    key: str
    author: Author
    direction: Literal["inbound", "outbound", "internal"]
    asks: bool | None = None
    agent: str | None = None
    reply_to: str | None = None
    stamped: int | None = None
    deleted: bool = False
    never_asks: bool = False
    form: Literal["choice", "template"] | None = None
    language: str | None = None
    fallback: bool | None = None


class Opened(_Event, frozen=True, tag=2, kw_only=True):
    """The source says that a conversation was opened, and in which state, if it says that."""

    to: str | None = None


class StatusChanged(_Event, frozen=True, tag=3, kw_only=True):
    """The lifecycle state changed to `to`; `by_customer`, `by_bot` when one of them did it.

    `agent` is the agent who did it (R11), None when it was nobody of the staff; `from_bot` whether
    the source says that the bot had it before, None if it says nothing (then what is known counts).
    `until` is when a snoozed one is meant to come back.
    """

    to: str
    reason: str | None = None
    by_customer: bool = False
    from_bot: bool | None = None
    agent: str | None = None
    until: int | None = None
    by_bot: bool = False


class Assigned(_Event, frozen=True, tag=4, kw_only=True):
    """The responsible agent, team or queue changed; only the named sides (`sets`) apply (R10)."""

    sets: tuple[Literal["agent", "team", "queue"], ...]
    agent: str | None = None
    team: str | None = None
    queue: str | None = None


class HandedOff(_Event, frozen=True, tag=5, kw_only=True):
    """A bot gave the conversation to people, or people gave it to a bot."""

    to_people: bool


class QueueEntered(_Event, frozen=True, tag=6, kw_only=True):
    """The conversation entered a queue."""

    queue: str


class QueueLeft(_Event, frozen=True, tag=7, kw_only=True):
    """The conversation left a queue."""

    queue: str
    outcome: QueueOutcome


class Tagged(_Event, frozen=True, tag=8, kw_only=True):
    """Tags were added or removed; `listed` are all there were then, if told."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    listed: tuple[str, ...] | None = None

    def after(self, before: Iterable[str]) -> tuple[str, ...]:
        """The tags after the event, sorted."""
        known = before if self.listed is None else self.listed
        return tuple(sorted({*known, *self.added}.difference(self.removed)))


class Deleted(_Event, frozen=True, tag=10, kw_only=True):
    """The message of that key was deleted."""

    key: str


class Note(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a model says of a message: its mood, a topic of it, or its language."""

    kind: Literal["sentiment", "topic", "language"]
    label: str
    model: str


class Annotated(_Event, frozen=True, tag=11, kw_only=True):
    """Somebody says of an earlier message whether it needs a reply (R8), or what it is about.

    `of` is the author of that message, None while it is not known; `deleted` whether it was
    deleted. Of several annotations of one message the last one of each kind counts, so `notes`
    holds those that no later one replaces.
    """

    key: str
    asks: bool | None = None
    notes: tuple[Note, ...] = ()
    of: Author | None = None
    deleted: bool = False

    @property
    def kinds(self) -> frozenset[str]:
        """What the notes say something about."""
        return frozenset(note.kind for note in self.notes)


class Surveyed(_Event, frozen=True, tag=14, kw_only=True):
    """The customer was asked for a rating; `survey` is what the answer will name."""

    survey: str | None = None


class Rated(_Event, frozen=True, tag=15, kw_only=True):
    """The customer rated the contact.

    `score` is the place on the scale from 0 (worst) to 1000; `top` whether that lies in the top
    40 % of the scale. `agent` is whom the source names as rated.
    """

    score: int
    top: bool
    survey: str | None = None
    agent: str | None = None


class CallPhase(_Event, frozen=True, tag=16, kw_only=True):
    """A call reached a phase; a `leg` is the part of it that goes to one agent."""

    call: str
    phase: str
    leg: str | None = None
    outbound: bool = False
    by_customer: bool = False
    agent: str | None = None


class Summarised(_Event, frozen=True, tag=17, kw_only=True):
    """The contact centre summed up what people spent on the contact `contact`, in ms."""

    contact: str
    handle_ms: int
    agent: str | None = None


class Merged(_Event, frozen=True, tag=12, kw_only=True):
    """The conversation became part of another one, its parent `into` (None: nobody says which).

    `itself` when the source names the conversation as its own parent; `stated` when it came as a
    change of the lifecycle state.
    """

    into: str | None
    itself: bool = False
    stated: bool = False


class Inherited(_Event, frozen=True, tag=13, kw_only=True):
    """What the conversation `child` handed over when the event `merge` made this its parent (E14).

    Channel, account and customer are the child's. `started_at` is the start of the turn that goes
    on here, None when the child now knows that none does; `hops` says how often it was handed
    over, this time included. Of one merge the highest `revision` is the truth.
    """

    child: str
    merge: str
    revision: int
    started_at: int | None
    hops: int

    def replaces(self, other: "Event") -> bool:
        """Whether `other` told of the same merge, and is as old or older."""
        return (
            isinstance(other, Inherited)
            and (other.child, other.merge) == (self.child, self.merge)
            and other.revision <= self.revision
        )


class Stated(_Event, frozen=True, tag=9, kw_only=True):
    """An event without an effect of its own that states the priority."""


Event = (
    Message
    | Opened
    | StatusChanged
    | Assigned
    | HandedOff
    | QueueEntered
    | QueueLeft
    | Tagged
    | Deleted
    | Annotated
    | Surveyed
    | Rated
    | CallPhase
    | Summarised
    | Merged
    | Inherited
    | Stated
)

EXCLUDING: Final = frozenset({"spam", "blocked", "test"})
"""Tags that take a conversation out of everything, until they go (E20)."""

OPENING_STATES: Final = frozenset({"new", "bot", "queued", "open"})
"""Lifecycle states that open a session (R12)."""

ENDING_STATES: Final = frozenset({"resolved", "closed", "deleted"})
"""Lifecycle states that end one (R16); so does `merged`, which is an event of its own."""

Order = tuple[int, int, int, str, int, str]


def rank(event: Event) -> int:
    """The place among events of one instant (R5): many channels stamp whole seconds."""
    match event:
        case Message():
            return 3 if event.author is Author.CUSTOMER else 8
        case Opened():
            return 1
        case StatusChanged():
            if event.to in OPENING_STATES:
                return 1
            return 11 if event.to in ENDING_STATES else 10
        case Merged() | Inherited():
            return 11
        case Tagged():
            return 2
        case QueueLeft():
            return 4
        case HandedOff():
            return 5
        case QueueEntered():
            return 6
        case Assigned():
            return 7
        case Stated() | Surveyed() | Rated() | CallPhase() | Summarised():
            return 9
        case Deleted() | Annotated():
            return 12


def order(event: Event) -> Order:
    """The key that sorts the events of a conversation (R5), whatever order they arrived in."""
    seq = event.seq
    if seq is None:
        return (event.at, 0, 0, "", rank(event), event.id)
    return (event.at, 1, len(seq), seq, rank(event), event.id)
