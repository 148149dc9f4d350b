"""What is true of one conversation: the state that the fold carries from event to event.

Plain mutable structs, array-like, because the changelog holds them. The rules live beside:
`sessions` (R12-R17), `turns` (R18, R20), `queues` (Q1-Q6), `sla` (S1-S18); `fold` drives them.
"""

from collections.abc import Callable

import msgspec

from carewatch.domain.asked import Asked
from carewatch.domain.calendar import Calendar
from carewatch.domain.episodes import Call, Mood, Survey
from carewatch.domain.events import Order
from carewatch.domain.facts import NONE, Labels, Result, Sample, SlaState, Tally
from carewatch.domain.matching import Subject
from carewatch.domain.policy import Book, Books, Promise
from carewatch.domain.profiles import ProfileRules
from carewatch.domain.rulebook import Target


class Turn(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The oldest unanswered customer message; `first` when it is a new contact's first turn."""

    started_at: int
    first: bool
    asked: tuple[Asked, ...] = ()  # its messages, up to `asked.KEPT`
    more: int = 0  # what else keeps it open: messages beyond those, a hand-off, an inherited turn
    hops: int = 0  # how often merges handed its start over


class Stay(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stay in a queue; implicit when no queue event says so, but the conversation waits."""

    queue: str
    started_at: int
    implicit: bool
    by_handoff: bool = False
    suspended_at: int | None = None  # since when the bot has the conversation


class Spent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Time of several spans added up by both clocks; each span by the schedule at its own end."""

    calendar_ms: int = 0
    business_ms: int | None = 0  # None as soon as one span had no schedule

    def __add__(self, other: "Spent") -> "Spent":
        """Both together."""
        business: int | None = None
        if self.business_ms is not None and other.business_ms is not None:
            business = self.business_ms + other.business_ms
        return Spent(self.calendar_ms + other.calendar_ms, business)


class Session(msgspec.Struct, array_like=True):
    """The open session."""

    opened_at: int
    new_contact: bool
    initiated_by: str | None = None
    person_wrote: bool = False
    handed_to_people: bool = False
    any_response_done: bool = False
    queue_events: bool = False
    handed_at: int | None = None  # first hand-off to people in the session
    unanswered_handoff_at: int | None = None
    last_handoff_at: int | None = None
    had_agent: bool = False  # an agent was assigned at the opening or since
    waited: Spent = Spent()
    waits: int = 0
    spent: dict[str, Spent] = {}  # by lifecycle state
    state_since: int = 0
    bot_wrote: bool = False
    people: tuple[str, ...] = ()  # who did something in it, up to `handling.PEOPLE_KEPT`
    active: Spent = Spent()  # what their messages and notes account for
    acted_at: int | None = None  # the last of these
    actor: str | None = None
    until_pending: Spent | None = None  # from the opening to the first time pending
    summed_up: bool = False  # a call, or somebody else, says what was spent on it
    moods: tuple[Mood, ...] = ()  # the one that came last at the end
    opened_as: Labels | None = None  # the labels of the opening; None when it was a reopening
    messages: int = 0  # public ones
    replies: int = 0  # of these, by persons
    transfers: int = 0
    visited: tuple[str, ...] = ()  # queues and teams that it has left
    promised: bool = False  # an SLA clock was told in it
    breached: bool = False
    passed_on: bool = False  # it went to another team
    people_since: int = 0  # when the bot last gave it back to people


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From `since` on an SLA clock ran by the schedule `clock`, or stood still.

    Without a clock nothing was promised; then the lifecycle state is kept (`stated`, `spoken` as
    in `Conversation`), so that a later promise can count the time by its own terms.
    """

    since: int
    clock: str | None
    paused: bool
    stated: str | None = None
    spoken: bool = False

    def same_terms(self, other: "Span") -> bool:
        """Whether the clock goes on as before."""
        return self == other.beginning_at(self.since)

    def beginning_at(self, since: int) -> "Span":
        """The same from another instant on."""
        return Span(since, self.clock, self.paused, self.stated, self.spoken)


class Starts(msgspec.Struct, array_like=True):
    """The instants at which a first reply may begin to be owed, by the names of policies."""

    created: int | None = None
    first_customer_message: int | None = None
    handoff: int | None = None
    assignment: int | None = None


class Ending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was owed is done, or (`cancelled`) given up."""

    reason: str
    cancelled: bool = False
    agent: str | None = None


class Instance(msgspec.Struct, array_like=True):
    """A running SLA clock: the promise it is measured by, since when, and how far it has come.

    `due_at` is the last deadline known (None until it ran), `fires_at` the next warning or the
    deadline (None while paused and after a breach), `warned` the number of warnings passed,
    `breached_ms` the time on the clock at the breach.
    """

    promise: Promise
    since: int
    state: SlaState = "pending"
    due_at: int | None = None
    fires_at: int | None = None
    warned: int = 0
    breached_ms: int = 0


class Obligation(msgspec.Struct, array_like=True):
    """Something that is owed, whether or not a policy promises it (then `instance` is None).

    `starts` while the policy may still decide where it starts; `cycle` is 0 until it is counted.
    `spans` are the newest of its time, `spent_ms` and `paused_ms` the sums of what is older.
    `because` and `ending` are what the event being folded means for it; `sla.settle` tells it.
    `kept` is a reply that is owed beyond the end of its session.
    """

    target: Target
    cycle: int
    started_at: int
    instance: Instance | None = None
    starts: Starts | None = None
    spans: tuple[Span, ...] = ()
    spent_ms: int = 0
    paused_ms: int = 0
    kept: bool = False
    because: str | None = None
    ending: Ending | None = None


class Withdrawable(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A result that an event in order may still take back (a resolution that is reopened)."""

    result: Result
    cause: str


class Conversation(msgspec.Struct, array_like=True):
    """The state of one conversation after everything folded so far."""

    channel: str = "other"
    account: str = ""
    role: str | None = None
    queue: str = NONE
    team: str = NONE
    priority: str = "normal"
    agent: str | None = None
    customer: str | None = None
    tags: tuple[str, ...] = ()
    status: str | None = None
    sessions: int = 0
    session: Session | None = None
    case_opened_at: int | None = None
    person_in_case: bool = False
    ended_at: int | None = None
    ended_by: str | None = None
    initiated_by: str | None = None  # of the last session that ended
    assigned_since_end: bool = False
    assigned_at: int | None = None  # the agent has not written since the assignment
    resolutions_in_case: int = 0
    has_lifecycle: bool = False
    bot_has: bool = False
    bot_owes: bool = False
    last_public_at: int | None = None
    turn: Turn | None = None
    stay: Stay | None = None
    suspended: Stay | None = None
    topics: tuple[str, ...] = ()  # of the case
    language: str | None = None  # of the customer
    last_replier: str | None = None
    surveys: tuple[Survey, ...] = ()
    calls: tuple[Call, ...] = ()
    after_hours: tuple[Tally, ...] = ()  # what came outside of the hours, and nobody answered yet
    withdrawable: dict[str, Withdrawable] = {}
    obligations: list[Obligation] = []
    stopped: list[Obligation] = []  # by the last resolution; a reopening may go on with them
    stated: str | None = None  # the lifecycle state last stated in the session
    spoken: bool = False  # a customer wrote, and needs a reply, since it was stated
    cycles: dict[str, int] = {}
    snoozed_until: int | None = None  # when it is meant to come back, if it is snoozed
    last_order: Order | None = None
    last_timer_at: int | None = None
    unacted: tuple[Asked, ...] = ()  # what customers wrote since anybody did something about it
    burst: tuple[str, int] | None = None  # the author and beginning of the last burst of replies
    resolved_on: int | None = None  # the day on which it was last resolved, by its start
    wrote_on: tuple[int, str, str] | None = None  # the day its customer last wrote, whom, where
    contact_of: str | None = None  # the customer of the newest session when it opened

    @property
    def begun_by(self) -> str | None:
        """Who began the session; what is owed beyond its end is still owed for it."""
        return self.initiated_by if self.session is None else self.session.initiated_by


class Said(msgspec.Struct, frozen=True, gc=False):
    """A result and its natural cause: the id of the event, or `timer@<ms>`.

    With `takes_back` the result is withdrawn; it names the natural cause of the original.
    """

    result: Result
    cause: str
    takes_back: str | None = None


class Step:
    """One event or timer being folded: the state, the rules in force, and what is said.

    The rules of the neighbouring modules are functions of a Step.
    """

    __slots__ = ("_spent", "_subject", "at", "book", "books", "cause", "state", "tell", "tenant")

    def __init__(
        self,
        tenant: str,
        state: Conversation,
        books: Books,
        at: int,
        cause: str,
        tell: Callable[[Said], None],
    ) -> None:
        self.tenant = tenant
        self.state = state
        self.books = books
        self.at = at
        self.book: Book = books.at(at)
        self.cause = cause
        self.tell = tell
        self._subject: Subject | None = None
        self._spent: tuple[int, str, int | None] | None = None

    @property
    def profile(self) -> ProfileRules:
        """How the conversation's account behaves."""
        return self.book.profile(self.state.channel, self.state.account)

    def labels(self, *, queue: str | None = None, agent: str | None = None) -> Labels:
        """The labels now; a stay carries its own queue, a reply its own author."""
        state = self.state
        return Labels(
            state.channel,
            state.account,
            state.queue if queue is None else queue,
            state.team,
            state.priority,
            state.agent if agent is None else agent,
            state.customer,
            state.sessions,
        )

    def calendar(self, schedule: str | None) -> Calendar:
        """The calendar that a clock goes by, also when the rulebook no longer has its schedule."""
        return self.books.calendar(self.at, schedule)

    def promise(self, target: Target, running: Promise | None = None) -> Promise | None:
        """What the policies owe this conversation for a target now (see `Book.promise`).

        Asked when clocks are settled: by then nothing that policies look at changes any more.
        """
        if self._subject is None:
            state = self.state
            self._subject = Subject(
                self.tenant,
                state.channel,
                state.account,
                state.queue,
                state.team,
                state.priority,
                state.tags,
                state.begun_by,
                state.topics,
                state.language,
            )
        return self.book.promise(self.at, target, self._subject, running)

    def say(self, result: Result, *, keep: str | None = None) -> None:
        """Tells a result of this step; with `keep` under a name by which it can be taken back."""
        self.tell(Said(result, self.cause))
        if keep is not None:
            kept = Withdrawable(result, self.cause)
            self.state.withdrawable = {**self.state.withdrawable, keep: kept}

    def take_back(self, name: str) -> Result | None:
        """Withdraws what was kept under a name, since it is no longer true; None: nothing was."""
        kept = self.state.withdrawable.get(name)
        if kept is not None:
            self.forget(name)
            self.tell(Said(kept.result, self.cause, kept.cause))
        return kept.result if kept is not None else None

    def uncount(self, tally: Tally) -> None:
        """Takes back a count that was said earlier; it is known by what it says alone."""
        self.tell(Said(tally, self.cause, self.cause))

    def forget(self, name: str) -> None:
        """What was kept under a name is final from now on."""
        if name in self.state.withdrawable:
            rest = {key: one for key, one in self.state.withdrawable.items() if key != name}
            self.state.withdrawable = rest

    def sample(
        self,
        metric: str,
        started_at: int,
        *,
        outcome: str | None = None,
        queue: str | None = None,
        agent: str | None = None,
        spent: Spent | None = None,
        keep: str | None = None,
    ) -> None:
        """Tells a duration that ends now; `spent` where only part of the span counts."""
        labels = self.labels(queue=queue, agent=agent)
        business = self._business_ms(started_at, labels.queue)
        spent_ms: int | None = None
        if spent is not None:
            spent_ms = spent.calendar_ms
            business = None if business is None else spent.business_ms
        sample = Sample(labels, metric, started_at, self.at, outcome, business, spent_ms)
        self.say(sample, keep=keep)

    def spent_since(self, since: int) -> Spent:
        """A span that ends now, by both clocks."""
        return Spent(self.at - since, self._business_ms(since, self.state.queue))

    def spent_between(self, since: int, until: int) -> Spent:
        """A span that ended before, by both clocks."""
        calendar = self.book.business(self.tenant, self.state.queue)
        business = None if calendar is None else calendar.open_ms(since, until)
        return Spent(until - since, business)

    def _business_ms(self, since: int, queue: str) -> int | None:
        """Business time up to now, by the schedule in force now (C5, R6b); None without one."""
        last = self._spent
        if last is not None and last[0] == since and last[1] == queue:
            return last[2]  # a reply asks three times: of the turn, the first reply, any reply
        calendar = self.book.business(self.tenant, queue)
        business = None if calendar is None else calendar.open_ms(since, self.at)
        self._spent = since, queue, business
        return business

    def measure(self, metric: str, since: int, *extra: str, agent: str | None = None) -> None:
        """Tells a duration that ends now by both clocks, as a value that is no fact of its own."""
        spent, labels = self.spent_since(since), self.labels(agent=agent)
        calendar, business = spent.calendar_ms, spent.business_ms
        self.say(Tally(labels, metric, self.at, extra, amount=calendar, business_ms=business))

    def count(self, metric: str, *extra: str) -> None:
        """Tells one more of a count, now."""
        self.say(Tally(self.labels(), metric, self.at, extra))

    def count_event(self, metric: str) -> None:
        """Tells one more of a count about events themselves: by tenant and channel alone."""
        state = self.state
        labels = Labels(state.channel, state.account, NONE, NONE, "normal", None, None, 0)
        self.say(Tally(labels, metric, self.at))
