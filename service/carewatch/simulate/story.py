"""One conversation as a script: what happens when, and beside it what must be counted.

A story is told forwards. Each verb puts a step at the present instant and returns that instant, so
that the script itself can say which durations follow: `first_response(asked, answered)`.
"""

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from carewatch.simulate.request import Door
from carewatch.simulate.tally import Series, Tally

Author = Literal["customer", "agent", "bot", "system"]
Channel = Literal["web", "whatsapp", "email"]
Person = Literal["customer", "agent", "bot"]

QUESTION_GAP_MAX_MS: Final = 300_000
"""A customer's next question comes within 5 minutes: a web chat ends after 15 idle ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The service level that the gateway's configuration promises, by calendar hours."""

    policy: str
    first_reply_ms: int
    next_reply_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message. `note` is private; `together` means: in one delivery with the one before."""

    at_ms: int
    author: Author
    text: str
    note: bool = False
    needs_reply: bool = True
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The conversation went to a person, to a team, or to both."""

    at_ms: int
    agent: int | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOff:
    """The bot gave the conversation to people."""

    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The customer entered a queue, or left it with an outcome."""

    at_ms: int
    queue: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Somebody declared the matter done."""

    at_ms: int
    by: Person


Step = Said | Assigned | HandedOff | Queued | Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a story plays: account, channel, and how finely its provider stamps time."""

    door: Door
    channel: Channel
    resolution_ms: int


class Story:
    """A conversation being told. `dice` decides lengths and texts, never what must be counted."""

    def __init__(
        self, setting: Setting, *, number: int, start_ms: int, dice: Random, promise: Promise
    ) -> None:
        self.setting = setting
        self.number = number
        self.dice = dice
        self.promise = promise
        self.steps: list[Step] = []
        self.tally = Tally()
        self.last_deadline_ms = 0
        self._now = self._whole(start_ms)

    # --- time ---

    def breathe(self) -> None:
        """The least pause after which the order of two events is certain at this resolution."""
        least = self.setting.resolution_ms + 1000
        self._pass(least, least + 800)

    def in_time(self) -> None:
        """Less than the promise: a quarter to three fifths of it."""
        promised = self.promise.first_reply_ms
        self._pass(promised // 4, promised * 3 // 5)

    def too_long(self) -> None:
        """More than the promise: up to twice of it."""
        promised = max(self.promise.first_reply_ms, self.promise.next_reply_ms)
        self._pass(promised * 13 // 10, promised * 2)

    def later(self) -> None:
        """Until the customer has another question."""
        promised = self.promise.first_reply_ms
        self._pass(promised // 2, min(promised, QUESTION_GAP_MAX_MS))

    # --- what happens ---

    def customer(self, *, needs_reply: bool = True, together: bool = False) -> int:
        """The customer writes."""
        text = self.dice.choice(QUESTIONS if needs_reply else THANKS)
        return self._say("customer", text, needs_reply=needs_reply, together=together)

    def agent(self) -> int:
        """A person replies in public."""
        return self._say("agent", self.dice.choice(ANSWERS))

    def note(self) -> int:
        """A person leaves a private note: it answers nobody."""
        return self._say("agent", "Checked the last order, see the delivery log.", note=True)

    def bot(self) -> int:
        """The bot replies."""
        return self._say("bot", "I can help with orders and returns. What is it about?")

    def acknowledgement(self) -> int:
        """An automation rule confirms the receipt: it answers nobody."""
        return self._say("system", "We have received your message and will be right with you.")

    def assigned(self, *, agent: int | None = None, team: str | None = None) -> int:
        """Somebody, or a team, takes the conversation."""
        self.steps.append(Assigned(at_ms=self._now, agent=agent, team=team))
        return self._now

    def handed_off(self) -> int:
        """The bot gives the conversation to people."""
        self.steps.append(HandedOff(at_ms=self._now))
        return self._now

    def enters(self, queue: str) -> int:
        """The customer enters a queue."""
        self.steps.append(Queued(at_ms=self._now, queue=queue))
        return self._now

    def leaves(self, queue: str, outcome: str) -> int:
        """The customer leaves a queue."""
        self.steps.append(Queued(at_ms=self._now, queue=queue, outcome=outcome))
        return self._now

    def resolved(self, by: Person = "agent") -> int:
        """The matter is done; counts the transition, which always follows."""
        self.steps.append(Resolved(at_ms=self._now, by=by))
        self.session("resolved")
        return self._now

    # --- what must be counted ---

    def session(self, transition: Literal["opened", "reopened", "resolved"]) -> None:
        """A session changed."""
        self._count("conversations", transition=transition)

    def first_response(self, asked: int, answered: int, *, bot_at: int | None = None) -> None:
        """A new customer's wait for a person, and for anybody: the bot, if it was there before."""
        self._sample("first_response_time", answered - asked)
        self._sample("first_response_time_any", (bot_at or answered) - asked)
        self._sample("reply_time", answered - asked)
        self._evaluated("first_reply", asked, answered)

    def only_the_bot_responded(self, asked: int, bot_at: int) -> None:
        """The bot answered a new customer, and no person did."""
        self._sample("first_response_time_any", bot_at - asked)

    def next_reply(self, asked: int, answered: int) -> None:
        """A wait that is not the first of its contact."""
        self._sample("reply_time", answered - asked)
        self._evaluated("next_reply", asked, answered)

    def waited(self, entered: int, left: int, outcome: str = "answered") -> None:
        """One stay in a queue."""
        self._sample("queue_wait_time", left - entered, outcome=outcome)

    def never_answered(self, target: Literal["first_reply", "next_reply"], asked: int) -> None:
        """Nobody answers: the promise is broken at its deadline."""
        self._evaluated(target, asked, None)

    def given_up(self, asked: int, ended: int) -> None:
        """The session ended without an answer: only a deadline that came before counts."""
        deadline = asked + self.promise.first_reply_ms
        if ended > deadline:
            self._evaluated("first_reply", asked, None)

    def repeated(self) -> None:
        """A delivery that holds one event came once more."""
        self._count("duplicate_events")

    # --- inside ---

    def _say(self, author: Author, text: str, *, note: bool = False, needs_reply: bool = True,
             together: bool = False) -> int:  # fmt: skip
        self.steps.append(
            Said(
                at_ms=self._now,
                author=author,
                text=text,
                note=note,
                needs_reply=needs_reply,
                together=together,
            )
        )
        direction = "internal" if note else "inbound" if author == "customer" else "outbound"
        self._count("messages", author=author, direction=direction)
        return self._now

    def _evaluated(
        self, target: Literal["first_reply", "next_reply"], asked: int, answered: int | None
    ) -> None:
        """A promise is judged once: kept up to and including its deadline, else broken."""
        promise = self.promise
        promised = promise.first_reply_ms if target == "first_reply" else promise.next_reply_ms
        deadline = asked + promised
        self.last_deadline_ms = max(self.last_deadline_ms, deadline)
        self._count("sla_evaluations", policy=promise.policy, target=target)
        if answered is None or answered > deadline:
            self._count("sla_breaches", policy=promise.policy, target=target)

    def _count(self, metric: str, **labels: str) -> None:
        self.tally.add(self._series(metric, labels))

    def _sample(self, metric: str, duration_ms: int, **labels: str) -> None:
        self.tally.add(self._series(metric, labels), 1, duration_ms)

    def _series(self, metric: str, labels: dict[str, str]) -> Series:
        return Series(
            self.setting.door.tenant, self.setting.channel, metric, tuple(sorted(labels.items()))
        )

    def _pass(self, low_ms: int, high_ms: int) -> None:
        least = self.setting.resolution_ms + 1000
        low = max(low_ms, least)
        self._now = self._whole(self._now + self.dice.randint(low, max(low, high_ms)))

    def _whole(self, at_ms: int) -> int:
        """The first instant from `at_ms` on that the provider can write down."""
        resolution = self.setting.resolution_ms
        return -(-at_ms // resolution) * resolution


QUESTIONS: Final = (
    "Where is my order?",
    "The parcel arrived damaged, what now?",
    "Can I change the delivery address?",
    "My invoice shows the wrong amount.",
    "How do I send this back?",
    "Größe M passt nicht, kann ich tauschen? 🙂",
    "Is anybody there?",
    "The voucher code does not work.",
)
ANSWERS: Final = (
    "Thanks for waiting, I am looking into it now.",
    "I have sent you a new label by mail.",
    "That is changed for you.",
    "The refund is on its way and takes three days.",
)
THANKS: Final = ("Thanks!", "Great, thank you 🙏", "👍")
