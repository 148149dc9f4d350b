"""What is owed, whether or not a policy promises it (8.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carewatch.verify.state import Moment

TARGETS = (
    *("first_reply", "next_reply", "periodic_update", "pausable_update", "assignee_reply"),
    *("requester_wait", "agent_work", "resolution", "queue_answer"),
)
"""In the order in which records of one instant stand (8.3)."""

STARTS = ("first_customer_message", "created", "handoff", "assignment")
"""From where `first_reply` may run; each is followed by itself."""

TURNS = ("first_reply", "next_reply")
CASE_TARGETS = ("requester_wait", "agent_work", "resolution")


@dataclass(frozen=True, slots=True)
class Stop:
    """Where an obligation ends: the moment's number, how, and the reason in the policy's words."""

    moment: int
    how: str
    reason: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """One thing owed: since when, in which moment it began, and where it ends."""

    target: str
    start: int
    begin: int
    reason: str
    stop: Stop | None


def obligations(target: str, start: str, moments: Sequence[Moment]) -> Iterator[Obligation]:
    """The obligations of a target in order of their beginning; those of cases are told apart by
    the policy that holds when they are resolved, so `promises` finds the later ones."""
    over = -1
    for number, moment in enumerate(moments):
        if number < over or not _begins(target, start, moment):
            continue
        since, reason = moment.at, "started"
        if moment.turn is not None and "turn" in moment.marks and target in TURNS:
            since = moment.turn[0]
            reason = "merged" if "inherited" in moment.marks else reason
        stop = _stop(target, moments, number)
        if target in ("first_reply", "assignee_reply"):
            over = len(moments) if stop is None else stop.moment
        yield Obligation(target, since, number, reason, stop)


def _begins(target: str, start: str, moment: Moment) -> bool:
    marks, turn = moment.marks, moment.turn
    match target:
        case "first_reply" if start == "created":
            return bool({"opened", "reopened"} & set(marks)) and moment.awaits_first
        case "first_reply" if start == "handoff":
            # Before anybody asks, too: the first answer of a new contact is owed from then on.
            return "handoff" in marks and (turn[1] if turn is not None else moment.awaits_first)
        case "first_reply" if start == "assignment":
            # Likewise. Who was assigned before the contact owes it from the question on.
            owed = turn[1] if turn is not None else moment.awaits_first
            asked = "turn" in marks and moment.labels.agent is not None
            return ("assigned" in marks or asked) and owed
        case "first_reply" | "next_reply":
            first = target == "first_reply"
            return "turn" in marks and turn is not None and turn[1] is first
        case "periodic_update" | "pausable_update":
            return "person" in marks
        case "assignee_reply":
            return "to_agent" in marks and moment.turn is not None
        case "queue_answer":
            return "stay" in marks
        case _:
            return "opened" in marks


def _stop(target: str, moments: Sequence[Moment], begin: int) -> Stop | None:
    for number in range(begin + 1, len(moments)):
        for mark in moments[number].marks:
            found = _stops(target, mark)
            if found is not None:
                return Stop(number, *found)
    return None


def _stops(target: str, mark: str) -> tuple[str, str] | None:
    """How a mark ends an obligation, and why; None if it does not."""
    kind, _, said = mark.partition(":")
    match target:
        case "first_reply" | "next_reply":
            if mark in ("answered", "person"):  # a person may write without a turn to answer
                return "met", "reply"
            return ("over", said) if kind in ("turn_over", "over") else None
        case "periodic_update" | "pausable_update":
            if mark == "person":
                return "met", "reply"
            return ("over", said) if kind == "end" else None
        case "assignee_reply":
            if mark == "answered":
                return "met", "reply"
            if mark in ("assigned", "unassigned"):
                return "over", "reassigned"
            return ("over", said) if kind == "turn_over" else None
        case "queue_answer":
            if kind != "left":
                return None
            return ("met", said) if said == "answered" else ("over", said)
        case _:
            return ("end", said) if kind == "end" else None
