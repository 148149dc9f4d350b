"""What is owed to the customer, whether or not a policy promises it: when it begins and ends (8.2).

The rules of sessions, turns and queues call these while an event is folded; what follows for the
clocks is told by `sla.settle` at the event's end.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from carewatch.domain import clocks, sla
from carewatch.domain.conversation import Ending, Obligation, Span, Starts, Step
from carewatch.domain.rulebook import Target

REPLIES: Final[tuple[Target, ...]] = ("first_reply", "next_reply", "assignee_reply")
UPDATES: Final[tuple[Target, ...]] = ("periodic_update", "pausable_update")
CASE: Final[tuple[Target, ...]] = ("requester_wait", "agent_work", "resolution")

REOPENS_WITHIN_MS: Final = 72 * 3_600_000
"""What is not promised goes on with a reopening as a policy's default would have it."""

Given = Literal[
    "closed_unanswered", "contained", "no_reply_needed", "deleted", "merged", "idle", "spam"
]
"""How a turn or a session may end without a reply (R20)."""


def session_opened(step: Step, *, reopened: bool, by_agent: bool) -> None:
    """A session opened: a case begins, or goes on where it stopped (S13)."""
    state = step.state
    state.stated, state.spoken = None, False
    if reopened:
        _reopen(step)
    else:
        for target in CASE:
            step.forget(sla.kept_as(target))
            _begin(step, target)
    state.stopped = []
    if state.session is not None and state.session.new_contact and not by_agent:
        _begin(step, "first_reply").starts = Starts(created=step.at)


def session_ended(step: Step, ending: str, outcome: Given, resolver: str | None = None) -> None:
    """The open session ended: what else is open stops or is given up (S12)."""
    if ending in ("merged", "spam"):
        _cancel(_open(step), ending)
        return
    turn_dropped(step, "contained" if outcome == "idle" else outcome)
    _cancel(_open(step, UPDATES), ending)
    if ending == "resolved":
        _stop(_open(step, CASE), ending, resolver)
    else:
        _cancel(_open(step, CASE), ending)


def gone(step: Step, why: Literal["spam", "merged"]) -> None:
    """The conversation is spam (E20), or goes on in another (S15): nothing more is owed in it, also
    not what a policy keeps open beyond the end of the session (S12).
    """
    _cancel(_open(step), why)


def turn_opened(step: Step, *, first: bool, since: int | None = None) -> None:
    """A turn opened, or (with `since`) was inherited from a merged conversation (S5, S15)."""
    at, because = (step.at, "started") if since is None else (since, "merged")
    if not first:
        _begin(step, "next_reply", at, because)
        return
    waiting = [owed for owed in _open(step, ("first_reply",)) if not owed.kept]
    owed = waiting[0] if waiting else _begin(step, "first_reply", at, because)
    if not waiting:
        owed.starts = Starts(created=at)
    if owed.starts is not None:
        owed.starts.first_customer_message = owed.started_at = at
        if step.state.agent is not None and owed.starts.assignment is None:
            owed.starts.assignment = step.at
        owed.because = because
    sla.count(step, owed)


def turn_began_earlier(step: Step, since: int) -> None:
    """The open turn inherits the start of a merged conversation's (S15).

    A first reply that is owed from something else than the message, as a policy may have it,
    stays owed from then.
    """
    for owed in _open(step, ("first_reply", "next_reply")):
        instance = owed.instance
        if (owed.kept or since >= owed.started_at) or (
            instance is not None
            and owed.target == "first_reply"
            and instance.promise.starts != "first_customer_message"
        ):
            continue
        if owed.starts is not None:
            owed.starts.first_customer_message = since
        clocks.begin_earlier(step, owed, since)
        owed.because = "merged"


def turn_dropped(step: Step, outcome: Given) -> None:
    """Nobody replied, and nobody will; a policy may see it otherwise (`close.unanswered`)."""
    for owed in _open(step, REPLIES):
        if owed.kept:
            continue
        promise = owed.instance.promise if owed.instance is not None else None
        wanted = promise.unanswered if promise and outcome == "closed_unanswered" else "cancel"
        if wanted == "keep":
            owed.kept = True
        elif wanted == "fulfil":
            _stop([owed], "closed")
        else:
            _cancel([owed], outcome)


def person_replied(step: Step, agent: str) -> None:
    """A person's public message answers all that waits for one (S6), in a session or after."""
    _stop(_open(step, REPLIES), "reply", agent)


def person_updated(step: Step, agent: str) -> None:
    """A person's public message in an open session is an update, and the next is owed (S14)."""
    _stop(_open(step, UPDATES), "reply", agent)
    for target in UPDATES:
        _begin(step, target)


def note_written(step: Step, agent: str | None) -> None:
    """A private note is an update where the policy says so (`counts.note_counts_for`)."""
    for owed in list(_open(step, UPDATES)):
        if owed.instance is not None and owed.instance.promise.notes_count:
            _stop([owed], "reply", agent)
            _begin(step, owed.target)


def bot_replied(step: Step, agent: str | None) -> None:
    """A bot's message is the reply where the policy says so (`counts.reply_by`)."""
    for owed in _open(step, ("first_reply", "next_reply")):
        if owed.instance is not None and owed.instance.promise.bot_counts:
            _stop([owed], "reply", agent)


def handed_off(step: Step) -> None:
    """People have the conversation: a first reply may be owed from here on (S5)."""
    for owed in _open(step, ("first_reply",)):
        if owed.starts is not None and owed.starts.handoff is None:
            owed.starts.handoff, owed.because = step.at, "started"


def assigned(step: Step, agent: str | None, had: str | None) -> None:
    """The assignee owes a reply to an open turn; another one begins anew (E16)."""
    if agent != had:
        _cancel(_open(step, ("assignee_reply",)), "reassigned")
    if agent is None:
        return
    for owed in _open(step, ("first_reply",)):
        if owed.starts is not None and owed.starts.assignment is None:
            owed.starts.assignment, owed.because = step.at, "started"
    if step.state.turn is not None and not any(_open(step, ("assignee_reply",))):
        _begin(step, "assignee_reply")


def stay_began(step: Step) -> None:
    """An explicit stay in a queue began."""
    _begin(step, "queue_answer")


def stay_ended(step: Step, outcome: str, agent: str | None) -> None:
    """An explicit stay ended: answered, or given up with its outcome as reason."""
    if outcome == "answered":
        _stop(_open(step, ("queue_answer",)), "answered", agent)
    else:
        _cancel(_open(step, ("queue_answer",)), outcome)


def state_changed(step: Step, to: str) -> None:
    """The lifecycle state was stated; clocks may pause or resume (S7)."""
    step.state.stated, step.state.spoken = to, False


def customer_asked(step: Step) -> None:
    """A customer message that needs a reply ends pauses (S7)."""
    step.state.spoken = True


def _begin(
    step: Step, target: Target, at: int | None = None, because: str = "started"
) -> Obligation:
    owed = Obligation(target, 0, step.at if at is None else at, because=because)
    step.state.obligations = [*step.state.obligations, owed]
    if target != "first_reply":
        sla.count(step, owed)
    return owed


def _open(step: Step, targets: Iterable[Target] | None = None) -> Iterator[Obligation]:
    for owed in step.state.obligations:
        if owed.ending is None and (targets is None or owed.target in targets):
            yield owed


def _stop(owing: Iterable[Obligation], reason: str, agent: str | None = None) -> None:
    for owed in owing:
        owed.ending = Ending(reason, agent=agent)


def _cancel(owing: Iterable[Obligation], reason: str) -> None:
    for owed in owing:
        owed.ending = Ending(reason, cancelled=True)


def _reopen(step: Step) -> None:
    """The case goes on: a clock is resumed where it stopped, or begins a new cycle (S13)."""
    ended_at = step.state.ended_at or step.at
    for owed in step.state.stopped:
        promise = owed.instance.promise if owed.instance is not None else None
        within = promise.reopens_within_ms if promise is not None else REOPENS_WITHIN_MS
        if promise is not None and promise.for_good:
            continue
        if within is None or step.at - ended_at > within:
            step.forget(sla.kept_as(owed.target))
            _begin(step, owed.target)
            continue
        step.take_back(sla.kept_as(owed.target))
        owed.ending, owed.because = None, "reopened"
        clock = promise.clock if promise is not None else None
        owed.spans = (*owed.spans, Span(ended_at, clock, paused=True))
        step.state.obligations = [*step.state.obligations, owed]
