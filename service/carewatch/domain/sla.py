"""SLA clocks: begin, warn, breach at the deadline, stop, retarget, cancel (S1-S18).

An obligation exists whether or not a policy promises anything; its instance is the clock of the
promise in force. Every record is stamped with the instant at which it became true.
"""

from typing import Literal

from carewatch.domain.conversation import Conversation, Instance, Obligation, Step
from carewatch.domain.facts import SlaState, SlaTransition
from carewatch.domain.policy import Promise
from carewatch.domain.rulebook import Target

Cancelled = Literal[
    "closed_unanswered", "contained", "no_reply_needed", "deleted", "merged", "idle", "unmatched"
]


def begin(step: Step, target: Target) -> None:
    """An obligation begins now; with a promise in force its clock starts (S5, S6)."""
    state = step.state
    cycle = state.cycles.get(target, 0) + 1
    state.cycles = {**state.cycles, target: cycle}
    owed = Obligation(target, cycle, step.at)
    state.obligations = [*state.obligations, owed]
    promise = step.promise(target)
    if promise is not None:
        _start(step, owed, promise, "started")


def stop(step: Step, target: Target, *, agent: str | None = None) -> None:
    """What was owed is done: met up to and including the deadline, else met late (S2)."""
    owed = _take(step, target)
    if owed is None or owed.instance is None:
        return
    instance = owed.instance
    to: SlaState = "met_late" if instance.state == "breached" else "met"
    overrun = step.at - instance.due_at if to == "met_late" else 0
    _tell(step, owed, instance, to, "reply", overrun_ms=overrun, agent=agent)


def cancel(step: Step, target: Target, reason: Cancelled) -> None:
    """What was owed is given up, breached or not; nothing fires afterwards (S12)."""
    owed = _take(step, target)
    if owed is not None and owed.instance is not None:
        _tell(step, owed, owed.instance, "cancelled", reason)


def rejudge(step: Step) -> None:
    """Labels or rules may have changed: retarget, drop or take up the open clocks (S8-S11)."""
    for owed in step.state.obligations:
        instance = owed.instance
        if instance is not None and instance.state == "breached":
            continue  # frozen until its end (S9)
        promise = step.promise(owed.target)
        if instance is None:
            if promise is not None:
                _start(step, owed, promise, "matched")
        elif promise is None:
            _tell(step, owed, instance, "cancelled", "unmatched")
            owed.instance = None
        elif (promise.policy, promise.version, promise.limit_ms) != (
            instance.policy,
            instance.version,
            instance.limit_ms,
        ):
            _retarget(step, owed, instance, promise)


def next_at(state: Conversation) -> int | None:
    """The next instant at which a clock fires by itself: a warning or a deadline."""
    least: int | None = None
    for owed in state.obligations:
        at = _fires_at(owed)
        if at is not None and (least is None or at < least):
            least = at
    return least


def fire(step: Step) -> None:
    """Every clock that fires at this very instant: breached, or at risk (S3, S18)."""
    for owed in step.state.obligations:
        instance = owed.instance
        if instance is None or _fires_at(owed) != step.at:
            continue
        if step.at == instance.due_at:
            _tell(step, owed, instance, "breached", "due")
            continue
        threshold = instance.warns[0][1]
        instance.warns = instance.warns[1:]
        _tell(step, owed, instance, "at_risk", "threshold", threshold=threshold)


def _start(step: Step, owed: Obligation, promise: Promise, reason: str) -> None:
    due = owed.started_at + promise.limit_ms
    owed.instance = Instance(promise.policy, promise.version, promise.limit_ms, due, "pending")
    _settle(step, owed, owed.instance, promise, reason, from_=None)


def _retarget(step: Step, owed: Obligation, instance: Instance, promise: Promise) -> None:
    """The start is kept; the deadline follows from the promise now in force (S8)."""
    instance.policy, instance.version = promise.policy, promise.version
    instance.limit_ms = promise.limit_ms
    instance.due_at = owed.started_at + promise.limit_ms
    _settle(step, owed, instance, promise, "retarget", from_=instance.state)


def _settle(
    step: Step,
    owed: Obligation,
    instance: Instance,
    promise: Promise,
    reason: str,
    *,
    from_: SlaState | None,
) -> None:
    """One record with the state after the change: breached if nothing is left, else as warned.

    A deadline that is already past is due now: nobody could have met it earlier (S8).
    """
    elapsed = step.at - owed.started_at
    passed = [warn for warn in promise.warns if warn.after_ms <= elapsed]
    instance.warns = tuple((w.after_ms, w.name) for w in promise.warns if w.after_ms > elapsed)
    threshold: str | None = None
    to: SlaState = "pending"
    if instance.due_at < step.at:
        instance.due_at = step.at
        to = "breached"
    elif passed:
        to, threshold = "at_risk", passed[-1].name
    instance.state = to
    _tell(step, owed, instance, to, reason, threshold=threshold, from_=from_, moved=True)


def _fires_at(owed: Obligation) -> int | None:
    instance = owed.instance
    if instance is None or instance.state == "breached":
        return None
    return owed.started_at + instance.warns[0][0] if instance.warns else instance.due_at


def _take(step: Step, target: Target) -> Obligation | None:
    """The open obligation of a target, no longer open."""
    for owed in step.state.obligations:
        if owed.target == target:
            step.state.obligations = [o for o in step.state.obligations if o is not owed]
            return owed
    return None


def _tell(
    step: Step,
    owed: Obligation,
    instance: Instance,
    to: SlaState,
    reason: str,
    *,
    overrun_ms: int = 0,
    threshold: str | None = None,
    agent: str | None = None,
    from_: SlaState | None = None,
    moved: bool = False,
) -> None:
    step.say(
        SlaTransition(
            labels=step.labels(agent=agent),
            policy=instance.policy,
            policy_version=instance.version,
            target=owed.target,
            cycle=owed.cycle,
            from_=from_ if moved else instance.state,
            to=to,
            at=step.at,
            due_at=instance.due_at,
            started_at=owed.started_at,
            elapsed_ms=step.at - owed.started_at,
            reason=reason,
            overrun_ms=overrun_ms,
            threshold=threshold,
        )
    )
    instance.state = to
