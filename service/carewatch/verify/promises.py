"""The SLA transitions of a conversation: every obligation, held against every promise."""

from collections.abc import Sequence
from typing import Any

from carewatch.verify.instance import Instance, Record, instants_of_change
from carewatch.verify.instants import HOUR, length
from carewatch.verify.obligations import (
    CASE_TARGETS,
    STARTS,
    TARGETS,
    Obligation,
    Stop,
    obligations,
)
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Moment

REPLIES = ("first_reply", "next_reply", "assignee_reply")
UPDATES = ("periodic_update", "pausable_update")
WITHIN = 72 * HOUR


class Promises:
    """Tells every instance; `records` holds the contents of all transitions.

    `owed`: a promise was made that goes on, whether or not a policy still holds for it.
    """

    def __init__(self, moments: Sequence[Moment], clock: int, rulebooks: Rulebooks) -> None:
        self._moments, self._clock, self._books = moments, clock, rulebooks
        self.records: list[dict[str, Any]] = []
        self.owed = False
        for target in TARGETS:
            for start in STARTS if target == "first_reply" else (None,):
                self._tell(target, start)

    def _tell(self, target: str, start: str | None) -> None:
        cycle = 0
        for one in obligations(target, start or "", self._moments):
            again: Obligation | None = one
            while again is not None:
                cycle = cycle + 1 if start is None else self._first_turns(again)
                again = self._run(again, cycle, start)

    def _first_turns(self, owed: Obligation) -> int:
        """The cycle of a first reply: what is owed is the answer to a first turn, the how manieth,
        from wherever its clock runs."""
        before = self._moments[: owed.begin]
        opened = sum("turn" in one.marks and (one.turn or (0, False))[1] for one in before)
        now = self._moments[owed.begin]
        goes_on = now.turn is not None and now.turn[1] and "turn" not in now.marks
        return opened if goes_on else opened + 1

    def _run(self, owed: Obligation, cycle: int, start: str | None) -> Obligation | None:
        """Tells one obligation to its end; gives the next cycle that its end makes (S13)."""
        records: list[Record] = []
        instance = Instance(self._books, owed.target, cycle, owed.start, records, start)
        number, stop = owed.begin, owed.stop
        reason, following = owed.reason, None
        while number < len(self._moments):
            moment = self._moments[number]
            self._policies(instance, moment.at)
            instance.fire_until(moment.at)
            early = self._early(instance, owed, moment) if number > owed.begin else None
            if stop is not None and number == stop.moment:
                if owed.target in CASE_TARGETS:
                    resumed, following = self._case(instance, owed, stop)
                    if resumed is None:
                        break
                    number, stop = resumed
                    continue
                if self._over(instance, stop, moment):
                    break
                stop = self._kept(number)
            elif early:
                instance.end(moment, moment.at, met=True, reason="reply")
                if owed.target in UPDATES:
                    following = Obligation(owed.target, moment.at, number, "started", stop)
                break
            else:
                moved = moment.turn[0] if self._inherits(owed, moment) and moment.turn else None
                instance.meet(moment, moment.at, reason, start=moved)
            reason = "matched"
            number += 1
        else:
            self._policies(instance, self._clock)
            instance.fire_until(self._clock)
            self.owed = self.owed or bool(records)
        self.records += records
        return following

    def _policies(self, instance: Instance, until: int) -> None:
        """Policies that change by themselves before an instant, each at its own (R7, S10)."""
        moment = instance.moment
        if moment is None:
            return
        for at in instants_of_change(self._books, moment.at, until):
            instance.fire_until(at)
            instance.meet(moment, at, "matched", by_event=False)

    def _inherits(self, owed: Obligation, moment: Moment) -> bool:
        turns = owed.target in ("first_reply", "next_reply")
        return turns and "inherited" in moment.marks

    def _early(self, instance: Instance, owed: Obligation, moment: Moment) -> bool:
        """`counts`: a bot's message, or a note, that the policy takes for a reply."""
        if instance.term is None:
            return False
        if owed.target in ("first_reply", "next_reply"):
            return "bot" in moment.marks and "bot" in instance.term.option("counts", "reply_by", [])
        if owed.target in UPDATES:
            noted = instance.term.option("counts", "note_counts_for", [])
            return "note" in moment.marks and owed.target in noted
        return False

    def _over(self, instance: Instance, stop: Stop, moment: Moment) -> bool:
        """The obligation ends here; False if the policy lets it run on (`close: keep`)."""
        closes = "cancel"
        if instance.term is not None and instance.target in REPLIES:
            closes = instance.term.option("close", "unanswered", "cancel")
        closed = {"end:resolved", "end:closed"} & set(moment.marks)
        resolved = bool(closed) and stop.reason == "closed_unanswered"
        if resolved and closes == "keep":
            return False
        if resolved and closes == "fulfil":
            instance.end(moment, moment.at, met=True, reason="closed")
        else:
            instance.end(moment, moment.at, met=stop.how == "met", reason=stop.reason)
        return True

    def _kept(self, number: int) -> Stop | None:
        """Where a kept clock ends: at the next public message of a person; spam and a merge, after
        which nothing is owed here, give it up."""
        for later in range(number + 1, len(self._moments)):
            marks = self._moments[later].marks
            if {"person", "after_word"} & set(marks):
                return Stop(later, "met", "reply")
            for mark in ("spam", "merged"):
                if mark in marks:
                    return Stop(later, "given up", mark)
        return None

    def _case(
        self, instance: Instance, owed: Obligation, stop: Stop
    ) -> tuple[tuple[int, Stop | None] | None, Obligation | None]:
        """A session of a case ends: for good, until it is reopened, or with a new cycle.

        Gives where to go on and the stop after that, or None; and the next cycle, or None.
        """
        moment = self._moments[stop.moment]
        if stop.reason != "resolved":
            instance.end(moment, moment.at, met=False, reason=stop.reason)
            return None, None
        again = self._reopening(stop.moment)
        term = instance.term
        first = owed.target == "resolution" and _first(instance)
        if again is not None and not first:
            later = self._moments[again]
            within = WITHIN if term is None else length(term.option("reopen", "within", "72h"))
            goes_on = term is None or term.option("reopen", "mode", "continue") == "continue"
            ends = self._end_after(again)
            if goes_on and later.at - moment.at <= within:
                instance.suspend(moment, moment.at)
                instance.reopen(later, later.at)
                return (again + 1, ends), None
            instance.end(moment, moment.at, met=True, reason="resolved")
            return None, Obligation(owed.target, later.at, again, "started", ends)
        instance.end(moment, moment.at, met=True, reason="resolved")
        return None, None

    def _reopening(self, number: int) -> int | None:
        for later in range(number + 1, len(self._moments)):
            marks = self._moments[later].marks
            if "reopened" in marks:
                return later
            if "opened" in marks:
                return None
        return None

    def _end_after(self, number: int) -> Stop | None:
        for later in range(number + 1, len(self._moments)):
            for mark in self._moments[later].marks:
                if mark.startswith("end:"):
                    return Stop(later, "end", mark.removeprefix("end:"))
        return None


def _first(instance: Instance) -> bool:
    """`mode: first`: the first resolution, for good."""
    if instance.term is None:
        return False
    rule = instance.term.policy.body["targets"]["resolution"]
    return bool(rule.get("mode", "total") == "first")
