"""The rulebook made ready for the fold: which promise holds for a conversation at an instant.

A `Book` is one published rulebook, compiled; `Books` are all of them in order of taking effect.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from carewatch.domain.calendar import ALWAYS, ALWAYS_NAME, Calendar, compile_calendars
from carewatch.domain.durations import parse_duration
from carewatch.domain.matching import Subject, matches
from carewatch.domain.profiles import MAX_LATENESS_MS, ProfileRules, profile_for
from carewatch.domain.rulebook import Document, Policy, Target, TargetRule, Tenant, Threshold
from carewatch.domain.times import parse_time

PRIORITIES: Final = ("urgent", "high", "normal", "low")
BEGINNING: Final = -(2**62)
"""Before every instant: what holds from the beginning of time."""


_SHIPPED: Final = Tenant()


class Warn(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """A warning: after `after_ms` of the target's clock, shown as `name`."""

    after_ms: int
    name: str


class Promise(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """What a policy owes for one target and priority: `limit_ms` of `clock`, and its terms.

    A running instance carries the promise that it is measured by, so that what was agreed
    when it was breached or stopped holds whatever becomes of the rulebook (S9).
    """

    policy: str
    version: int
    target: Target
    priority: str
    limit_ms: int
    clock: str  # the name of a schedule
    warns: tuple[Warn, ...] = ()
    pauses: tuple[str, ...] = ()  # lifecycle states in which the clock stands still (S7)
    resumes_by_message: bool = True
    starts: str = "first_customer_message"
    bot_counts: bool = False
    notes_count: bool = False
    unanswered: Literal["cancel", "fulfil", "keep"] = "cancel"
    for_good: bool = False  # a stop is never taken back
    reopens_within_ms: int | None = None  # None: a reopening starts a new cycle (S13)

    def same_terms(self, other: "Promise") -> bool:
        """Whether nothing changed that a record would tell (S8)."""
        return (self.policy, self.version, self.limit_ms, self.clock) == (
            other.policy,
            other.version,
            other.limit_ms,
            other.clock,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    policy: Policy
    since: int
    promises: dict[tuple[Target, str], Promise]


_MATCHES_KEPT: Final = 4096
"""So many subjects are remembered with the policy that they match; conversations are alike."""


@dataclass(slots=True)
class Book:
    """One rulebook, in force from `effective_at` until the next one."""

    number: int
    hash: str
    effective_at: int
    document: Document
    _policies: tuple[_Compiled, ...] = ()
    _versions: dict[tuple[str, int], _Compiled] = field(default_factory=dict)
    _profiles: dict[tuple[str, str], ProfileRules] = field(default_factory=dict)
    _calendars: dict[str, Calendar] = field(default_factory=dict, compare=False)
    changes: tuple[int, ...] = ()
    duplicates_within_ms: int = 0
    _eras: list[int] = field(default_factory=list, compare=False)
    _in_force: list[tuple[_Compiled, ...]] = field(default_factory=list, compare=False)
    _matched: dict[tuple[int, Subject], _Compiled | None] = field(
        default_factory=dict, compare=False
    )
    _within: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.duplicates_within_ms = parse_duration(self.document.duplicates_within)
        self._calendars = compile_calendars(self.document.schedules)
        self._policies = tuple(_compile(policy) for policy in self.document.policies)
        self._versions = {(c.policy.policy, c.policy.version): c for c in self._policies}
        self.changes = tuple(
            sorted({c.since for c in self._policies if c.since > self.effective_at})
        )
        self._eras = sorted({c.since for c in self._policies})
        self._in_force = [_newest(self._policies, since) for since in self._eras]

    def profile(self, channel: str, account: str) -> ProfileRules:
        """How an account behaves."""
        key = (channel, account)
        rules = self._profiles.get(key)
        if rules is None:
            rules = self._profiles[key] = profile_for(self.document.channels, channel, account)
        return rules

    def within(self, tenant: str, waits_for: str) -> dict[str, int]:
        """The times within which customers should get what they wait for, in ms by their text.

        Those of the tenant, else the shipped ones (C5).
        """
        rules = self.document.tenants.get(tenant, _SHIPPED).within
        key = (tenant if tenant in self.document.tenants else "", waits_for)
        times = self._within.get(key)
        if times is None:
            texts = rules.get(waits_for, _SHIPPED.within.get(waits_for, []))
            times = self._within[key] = {text: parse_duration(text) for text in texts}
        return times

    def calendar(self, name: str) -> Calendar:
        """The calendar of a schedule that the rulebook has, or of `24x7`."""
        return self._calendars[name]

    def has_calendar(self, name: str) -> bool:
        """Whether the rulebook has that schedule."""
        return name in self._calendars

    def business(self, tenant: str, queue: str) -> Calendar | None:
        """The calendar of a queue's facts: its own schedule, else the tenant's, else none (C5)."""
        rules = self.document.tenants.get(tenant)
        if rules is None:
            return None
        of_queue = rules.queues.get(queue)
        name = of_queue.schedule if of_queue is not None else None
        name = rules.schedule if name is None else name
        return None if name is None else self._calendars[name]

    def promise(
        self, at: int, target: Target, subject: Subject, running: Promise | None = None
    ) -> Promise | None:
        """The promise of the first policy, by order, that is in force and matches.

        There is no fall-through: a matching policy without that target or priority owes nothing.
        A `running` promise of the same policy goes on where that policy says that a new version
        or priority does not concern what is open (`retarget`).
        """
        found = self._first_match(at, subject)
        if found is None:
            return None
        priority = subject.priority
        if running is not None and running.policy == found.policy.policy:
            options = found.policy.retarget
            if running.version != found.policy.version and options.version == "new_instances":
                version = (running.policy, running.version)
                found = self._versions.get(version)
                if found is None:
                    return running
            if options.priority == "ignore":
                priority = running.priority
        return found.promises.get((target, priority))

    def in_force(self, at: int) -> Iterator[tuple[Policy, Mapping[tuple[Target, str], Promise]]]:
        """Every policy in force, by order, with its promises by target and priority."""
        era = bisect_right(self._eras, at) - 1
        for compiled in self._in_force[era] if era >= 0 else ():
            yield compiled.policy, compiled.promises

    def _first_match(self, at: int, subject: Subject) -> _Compiled | None:
        era = bisect_right(self._eras, at) - 1
        if era < 0:
            return None
        question = (era, subject)
        try:
            return self._matched[question]
        except KeyError:
            pass
        found = next((c for c in self._in_force[era] if matches(c.policy.match, subject)), None)
        if len(self._matched) >= _MATCHES_KEPT:
            self._matched.clear()
        self._matched[question] = found
        return found


class Books:
    """Every rulebook known, in order of `effective_at`; before the first there is none (R6b).

    `newest` is the greatest number among them, 0 without one: two with the same are the same.
    """

    def __init__(self, books: Sequence[Book] = ()) -> None:
        self._books = sorted(books, key=lambda book: book.effective_at)
        self._since = [book.effective_at for book in self._books]
        self._last = self._books[-1] if self._books else NO_BOOK
        self.newest = max((book.number for book in self._books), default=0)
        self.changes = sorted(
            {
                change
                for book in self._books
                for change in (book.effective_at, *book.changes)
                if change > BEGINNING
            }
        )
        lateness = [MAX_LATENESS_MS]
        for book in self._books:
            lateness.extend(
                parse_duration(written.window_lateness)
                for written in book.document.channels.profiles.values()
                if written.window_lateness is not None
            )
        self.max_lateness_ms = max(lateness)

    def at(self, instant: int) -> Book:
        """The rulebook in force at an instant; an empty one before the first."""
        if instant >= self._last.effective_at:
            return self._last  # nearly always
        place = bisect_right(self._since, instant)
        return self._books[place - 1] if place else NO_BOOK

    def calendar(self, instant: int, schedule: str | None) -> Calendar:
        """A schedule's calendar by the newest rulebook up to an instant that has the schedule.

        What runs by a schedule that was taken away goes on by its last hours; without any name
        or rulebook it is all of the time.
        """
        for place in range(bisect_right(self._since, instant), 0, -1):
            book = self._books[place - 1]
            if schedule is not None and book.has_calendar(schedule):
                return book.calendar(schedule)
        return ALWAYS

    def with_book(self, book: Book) -> "Books":
        """These and one more; a number that is not above the newest changes nothing."""
        if self._books and book.number <= self.newest:
            return self
        return Books([*self._books, book])

    def next_change(self, after: int) -> int | None:
        """The first instant above `after` at which a rulebook or policy version takes effect."""
        place = bisect_right(self.changes, after)
        return self.changes[place] if place < len(self.changes) else None

    def changed_at(self, instant: int) -> bool:
        """Whether a rulebook or a policy version takes effect at this very instant."""
        place = bisect_right(self.changes, instant)
        return place > 0 and self.changes[place - 1] == instant

    def __iter__(self) -> Iterator[Book]:
        return iter(self._books)

    def __len__(self) -> int:
        return len(self._books)


def _newest(policies: Iterable[_Compiled], at: int) -> tuple[_Compiled, ...]:
    """The newest version of every policy that is in force at an instant, in the policies' order."""
    newest: dict[str, _Compiled] = {}
    for compiled in policies:
        if compiled.since > at:
            continue
        known = newest.get(compiled.policy.policy)
        if known is None or _age(known) <= _age(compiled):
            newest[compiled.policy.policy] = compiled
    return tuple(sorted(newest.values(), key=lambda c: c.policy.order))


def _age(compiled: _Compiled) -> tuple[int, int]:
    return compiled.since, compiled.policy.version


def _compile(policy: Policy) -> _Compiled:
    promises: dict[tuple[Target, str], Promise] = {}
    for target, rule in policy.targets.items():
        for priority in PRIORITIES:
            written = _duration_for(rule, priority)
            if written is None:
                continue
            promises[target, priority] = _promise(policy, target, rule, priority, written)
    return _Compiled(policy=policy, since=parse_time(policy.effective_from), promises=promises)


def _promise(
    policy: Policy, target: Target, rule: TargetRule, priority: str, written: str
) -> Promise:
    limit = parse_duration(written)
    reopened = policy.reopen
    return Promise(
        policy=policy.policy,
        version=policy.version,
        target=target,
        priority=priority,
        limit_ms=limit,
        clock=_clock(policy, rule),
        warns=_warns(policy.at_risk, limit),
        pauses=_pauses(policy, target),
        resumes_by_message=policy.pause.resume_on == "customer_message",
        starts=policy.start.first_reply,
        bot_counts="bot" in policy.counts.reply_by,
        notes_count=target in policy.counts.note_counts_for,
        unanswered=policy.close.unanswered,
        for_good=rule.mode == "first",
        reopens_within_ms=(
            parse_duration(reopened.within) if reopened.mode == "continue" else None
        ),
    )


def _clock(policy: Policy, rule: TargetRule) -> str:
    """Business hours where a schedule is named, unless the target says otherwise (8.1)."""
    return ALWAYS_NAME if rule.hours == "calendar" else rule.schedule or policy.schedule


def _pauses(policy: Policy, target: Target) -> tuple[str, ...]:
    """The lifecycle states in which the clock of a target stands still (S7)."""
    match target:
        case "requester_wait":
            return ("pending",)
        case "agent_work":
            return ("pending", "snoozed", "bot")
        case "resolution" | "pausable_update":
            snoozed = ("snoozed",) if policy.pause.snoozed else ()
            return (*policy.pause.statuses, *snoozed)
        case _:
            return ()


def _duration_for(rule: TargetRule, priority: str) -> str | None:
    own: str | None = getattr(rule, priority)
    return own if own is not None else rule.all


def _warns(thresholds: Sequence[Threshold], limit: int) -> tuple[Warn, ...]:
    """Warnings in order; one at or after the deadline, or at or before the start, never fires."""
    warns = []
    for threshold in thresholds:
        if threshold.at is not None:
            percent = int(threshold.at.removesuffix("%"))
            after, name = -(-limit * percent // 100), threshold.at
        else:
            before = threshold.before or "0s"
            after, name = limit - parse_duration(before), f"before {before}"
        if 0 < after < limit:
            warns.append(Warn(after_ms=after, name=name))
    return tuple(sorted(warns, key=lambda warn: warn.after_ms))


NO_BOOK: Final = Book(0, "", BEGINNING, Document())
"""What holds before the first rulebook: no policies, UTC, the shipped profiles."""
