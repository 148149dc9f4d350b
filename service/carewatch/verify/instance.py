"""One running clock (8.3, 8.4): told along the moments of its obligation, record by record."""

from dataclasses import dataclass, field
from typing import Any

from carewatch.verify.instants import BEGINNING, written
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Moment
from carewatch.verify.terms import Term, clock, policy_for, promise

Record = dict[str, Any]

CREDITED = ("reply", "resolved", "answered")
"""Ends whose record names who wrote, resolved or took over (R11); all others the assignee."""


@dataclass(slots=True)
class Piece:
    """A stretch of time on one clock, running or paused; no schedule while nothing is promised."""

    at: int
    schedule: str | None
    paused: bool
    moment: Moment
    between: bool = False
    """The time between a resolution and its reopening: a pause by S13, whatever the policy."""


@dataclass(slots=True)
class Instance:
    """The clock of one obligation; `state` is None while no policy promises anything."""

    books: Rulebooks
    target: str
    cycle: int
    started_at: int
    records: list[Record]
    begins: str | None = None
    """Of `first_reply`: only policies that let it run from here promise anything."""
    state: str | None = None
    term: Term | None = None
    paused: bool = False
    due: int | None = None
    last_due: int | None = None
    pieces: list[Piece] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    looked: int = BEGINNING
    """As of which instant the policies were looked at."""
    breached_with: int = 0
    moment: Moment | None = None

    def elapsed(self, now: int, *, paused: bool = False) -> int:
        """Time on the target's clock since the start, less pauses; or inside pauses."""
        total = 0
        ends = [one.at for one in self.pieces[1:]] + [now]
        for piece, end in zip(self.pieces, ends, strict=True):
            until = min(end, now)
            if piece.paused is paused and piece.schedule is not None and piece.at < until:
                total += clock(self.books, piece.schedule, now).elapsed(piece.at, until)
        return total

    # -- events and policies ---------------------------------------------------------------------

    def meet(
        self,
        moment: Moment,
        at: int,
        reason: str,
        *,
        start: int | None = None,
        by_event: bool = True,
    ) -> None:
        """What stands after an event, or a change of policies, changes or begins the clock.

        A version that takes effect at the instant of an event comes after it (R7), but what begins
        at that instant begins under it (R6b).
        """
        self.moment = moment
        moved = start is not None and start != self.started_at
        if start is not None and moved:
            self._move(start, at)
        if self.state == "breached":
            self._meet_breached(moment, at, moved=moved)
            return
        goes_on = by_event and bool(self.pieces)
        self.looked = max(self.looked, at - 1 if goes_on else at)
        wanted = self._wanted(moment, self.looked)
        if self.term is None or wanted is None:
            self._match(wanted, moment, at, reason)
            return
        changed = wanted.says != self.term.says
        paused = wanted.pauses(moment)
        if not changed and not moved and paused is self.paused:
            return
        said = "retarget" if changed else "merged" if moved else "paused" if paused else "resumed"
        self._go_on(wanted, moment, at, said, rearm=changed or moved)

    def _wanted(self, moment: Moment, at: int) -> Term | None:
        """The promise that holds now; the options of `retarget` may keep the one that stood."""
        policy, priority = policy_for(self.books, moment, at), moment.labels.priority
        held = self.term
        if policy is None:
            return None
        if held is not None and policy.name == held.policy.name:
            # The newest version says what becomes of the clocks that run already.
            newest = policy
            if newest.option("retarget", "version", "open_instances") == "new_instances":
                policy = held.policy
            if newest.option("retarget", "priority", "keep_elapsed") == "ignore":
                priority = held.priority
        wanted = promise(policy, self.target, priority)
        if self.begins is not None and wanted is not None:
            begins = wanted.option("start", "first_reply", "first_customer_message")
            wanted = wanted if begins == self.begins else None
        return wanted

    def _match(self, wanted: Term | None, moment: Moment, at: int, reason: str) -> None:
        """S11: no promise any more, or one where there was none."""
        if self.term is not None:
            self.paused = False
            self._record("cancelled", "unmatched", at, due=self.last_due)
            self.state, self.term, self.last_due = None, None, None
            self._piece(Piece(at, None, False, moment))
            return
        if wanted is None:
            self._piece(Piece(at, None, False, moment))
            return
        for piece in self.pieces:
            if piece.schedule is None:
                paused = piece.between or wanted.pauses(piece.moment)
                piece.schedule, piece.paused = wanted.schedule, paused
        self._go_on(wanted, moment, at, reason, rearm=True)

    def _go_on(self, wanted: Term, moment: Moment, at: int, reason: str, *, rearm: bool) -> None:
        """The clock goes on by `wanted`: pause, deadline and warnings follow from it."""
        self.term, self.paused = wanted, wanted.pauses(moment)
        self._piece(Piece(at, wanted.schedule, self.paused, moment))
        spent, before = self.elapsed(at), self.state
        if spent >= wanted.ms and not self._just_due(at, wanted.ms):
            self.due, self.breached_with = at, spent
            self._record("breached", reason, at)
            self.state = "breached"
            return
        self.due = None if self.paused else self._when(at, wanted.ms)
        state, threshold = before or "pending", None
        if rearm or not self.paused:
            over = [one for one in wanted.thresholds() if one.ms <= spent]
            new = [one.name for one in over if rearm or one.name not in self.passed]
            if rearm and not self.paused:
                state = "at_risk" if over else "pending"
            elif rearm:
                state = "pending"
            elif new:
                state = "at_risk"
            threshold = new[-1] if new and not self.paused else None
            self.passed = set() if rearm and self.paused else {one.name for one in over}
        self._record(state, reason, at, threshold=threshold)
        self.state = state

    def _meet_breached(self, moment: Moment, at: int, *, moved: bool) -> None:
        """S9: everything is frozen, but pauses still stop the clock, and a start may be earlier."""
        if self.term is None:
            return
        paused = self.term.pauses(moment)
        if paused is not self.paused:
            self.paused = paused
            self._piece(Piece(at, self.term.schedule, paused, moment))
            self._record("breached", "merged" if moved else "paused" if paused else "resumed", at)
        elif moved:
            self._record("breached", "merged", at)

    def _move(self, start: int, at: int) -> None:
        """S15: an earlier start was inherited; the time before counts by the clock in force. How
        late a breached clock is does not change by it."""
        self.started_at, spent = start, self.elapsed(at)
        if self.pieces:
            first = self.pieces[0]
            self.pieces.insert(0, Piece(start, first.schedule, False, first.moment))
            self.breached_with += self.elapsed(at) - spent

    # -- timers ----------------------------------------------------------------------------------

    def fire_until(self, limit: int) -> None:
        """Warnings and the deadline that lie before `limit`, each at its own instant (S3, S18)."""
        while self.state in ("pending", "at_risk") and not self.paused and self.term is not None:
            since = self.pieces[-1].at
            ahead = [one for one in self.term.thresholds() if one.name not in self.passed]
            if ahead and (at := self._when(since, ahead[0].ms)) is not None:
                if at >= limit:
                    return
                self.passed.add(ahead[0].name)
                self._record("at_risk", "threshold", at, threshold=ahead[0].name)
                self.state = "at_risk"
                continue
            if self.due is None or self.due >= limit:
                return
            self.breached_with = self.elapsed(self.due)
            self._record("breached", "due", self.due)
            self.state = "breached"

    def _when(self, now: int, ms: int) -> int | None:
        """The instant at which so much will have elapsed, if nothing more happens (S1)."""
        if self.term is None:
            return None
        hours = clock(self.books, self.term.schedule, now)
        return hours.after(now, ms - self.elapsed(now))

    def _just_due(self, at: int, ms: int) -> bool:
        """The target is used up at this very instant: that is in time still (S2)."""
        return self.elapsed(at) == ms and self.elapsed(at - 1) < ms

    # -- the end ---------------------------------------------------------------------------------

    def end(self, moment: Moment, at: int, *, met: bool, reason: str) -> None:
        """Stopped or given up, judged with what stood before the event (R9)."""
        self.moment = moment
        if self.state is None:
            return
        late, self.paused = self.state == "breached", False
        credited = moment.agent if met and reason in CREDITED else moment.labels.agent
        to = ("met_late" if late else "met") if met else "cancelled"
        self._record(to, reason, at, agent=credited, due=self.last_due)

    def suspend(self, moment: Moment, at: int) -> None:
        """S13: resolved, but reopened soon after: the time between counts as a pause."""
        self.moment = moment
        schedule = None if self.term is None else self.term.schedule
        self._piece(Piece(at, schedule, True, moment, between=True))

    def reopen(self, moment: Moment, at: int) -> None:
        """S13: the state before the stop, by what is promised now, and the clock runs again."""
        self.moment = moment
        self.looked = max(self.looked, at - 1)
        held, wanted = self.term, self._wanted(moment, self.looked)
        if self.state is None or held is None:
            self.meet(moment, at, "matched")
        elif self.state == "breached":
            self.paused = held.pauses(moment)
            self._piece(Piece(at, held.schedule, self.paused, moment))
            self._record("breached", "reopened", at)
        elif wanted is None:
            self._match(None, moment, at, "unmatched")
        else:
            self._go_on(wanted, moment, at, "reopened", rearm=wanted.says != held.says)

    def _piece(self, piece: Piece) -> None:
        if not self.pieces and piece.at > self.started_at:
            self.pieces.append(Piece(self.started_at, piece.schedule, False, piece.moment))
        self.pieces.append(piece)

    def _record(
        self,
        to: str,
        reason: str,
        at: int,
        *,
        threshold: str | None = None,
        agent: str | None = None,
        due: int | None = None,
    ) -> None:
        moment, term = self.moment, self.term
        if moment is None or term is None:
            return
        labels, spent = moment.labels, self.elapsed(at)
        late = to == "breached" or self.state == "breached"
        shown = self.due if late or not self.paused else None
        shown = shown if due is None else due
        self.last_due = self.last_due if shown is None else shown
        self.records.append(
            {
                "tenant": labels.tenant,
                "channel": labels.channel,
                "account_ref": labels.account,
                "queue": labels.queue,
                "team": labels.team,
                "priority": labels.priority,
                "agent_key": labels.agent if agent is None else agent,
                "customer_key": labels.customer,
                "conversation_key": labels.conversation,
                "session": moment.session,
                "policy": term.policy.name,
                "policy_version": term.policy.version,
                "target": self.target,
                "cycle": self.cycle,
                "from": self.state,
                "to": to,
                "paused": self.paused,
                "at": written(at),
                "due_at": None if shown is None else written(shown),
                "started_at": written(self.started_at),
                "elapsed_ms": spent,
                "paused_ms": self.elapsed(at, paused=True),
                "overrun_ms": spent - self.breached_with if self.state == "breached" else 0,
                "threshold": threshold,
                "reason": reason,
            }
        )


def instants_of_change(books: Rulebooks, since: int, until: int) -> list[int]:
    """When policies change by themselves (S10): a rulebook or a version takes effect."""
    found = {one.effective_at for one in books.books}
    found |= {one.effective_from for book in books.books for one in book.policies}
    return sorted(at for at in found if since <= at < until)
