"""What becomes of SLA clocks: begin, warn, breach at the deadline, stop, retarget (S1-S18).

`domain.obligations` notes during an event what begins and ends; `settle` tells it when the event
is folded: one record per clock, with the state after everything that the event did to it. Every
record is stamped with the instant at which it became true, never with that of detection (S3).
"""

from typing import Final, NamedTuple

from carewatch.domain import clocks
from carewatch.domain.conversation import Conversation, Ending, Instance, Obligation, Step
from carewatch.domain.facts import SlaState, SlaTransition
from carewatch.domain.policy import Promise
from carewatch.domain.rulebook import TARGETS

REOPENABLE: Final = ("requester_wait", "agent_work", "resolution")
"""Targets whose stop a reopening takes back (S13)."""
PAUSABLE: Final = (*REOPENABLE, "pausable_update")


class _Told(NamedTuple):
    """A record of this step, and the obligation that it is about."""

    owed: Obligation
    record: SlaTransition


def kept_as(target: str) -> str:
    """The name under which the record of a stop can be taken back."""
    return f"sla:{target}"


def settle(step: Step, *, changed: bool) -> None:
    """Tells what this step means for every clock; `changed`: labels or rules may differ now."""
    state = step.state
    if not state.obligations:
        return
    told: list[_Told] = []
    ended = False
    for owed in state.obligations:
        record: _Told | None = None
        if owed.ending is not None:
            ended = True
            if owed.instance is not None:
                record = _end(step, owed, owed.instance, owed.ending)
        elif owed.instance is None:
            if changed or owed.because:
                record = _take_up(step, owed)
            elif owed.target in PAUSABLE:
                # Nearly always: of a case three are owed, of which few policies promise any.
                clocks.note_state(step, owed)
        elif owed.instance.state == "breached":
            record = _go_on_late(step, owed, owed.instance)
        else:
            record = _go_on(step, owed, owed.instance, changed=changed)
        if record is not None:
            told.append(record)
    if ended:
        over = [owed for owed in state.obligations if owed.ending is not None]
        state.stopped += [owed for owed in over if _may_reopen(owed)]
        state.obligations = [owed for owed in state.obligations if owed.ending is None]
    if told:
        _say(step, told)


def fire(step: Step) -> None:
    """Every clock that fires at this very instant: breached, or at risk (S3, S18)."""
    told: list[_Told] = []
    for owed in step.state.obligations:
        instance = owed.instance
        if instance is None or instance.fires_at != step.at:
            continue
        was, warns = instance.state, instance.promise.warns
        if instance.warned < len(warns):
            threshold = warns[instance.warned].name
            instance.warned += 1
            instance.state = "at_risk"
            clocks.foresee(step, owed, instance)
            told.append(_told(step, owed, instance, was, "threshold", threshold=threshold))
        else:
            _breach(step, owed, instance)
            told.append(_told(step, owed, instance, was, "due"))
    _say(step, told)


def next_at(state: Conversation) -> int | None:
    """The next instant at which a clock fires by itself: a warning or a deadline."""
    least: int | None = None
    for owed in state.obligations:
        at = owed.instance.fires_at if owed.instance is not None else None
        if at is not None and (least is None or at < least):
            least = at
    return least


def _end(step: Step, owed: Obligation, instance: Instance, ending: Ending) -> _Told:
    """Met up to and including the deadline, else met late (S2); or given up (S12)."""
    to: SlaState = "met_late" if instance.state == "breached" else "met"
    if ending.cancelled:
        to = "cancelled"
    return _told(step, owed, instance, instance.state, ending.reason, to=to, agent=ending.agent)


def _may_reopen(owed: Obligation) -> bool:
    return owed.ending is not None and not owed.ending.cancelled and owed.target in REOPENABLE


def _take_up(step: Step, owed: Obligation) -> _Told | None:
    """Nothing was promised so far; perhaps something is now (S11)."""
    because, owed.because = owed.because, None
    promise = step.promise(owed.target)
    started_at = owed.started_at
    if promise is not None and owed.starts is not None:
        at: int | None = getattr(owed.starts, promise.starts)
        started_at, promise = (started_at, None) if at is None else (at, promise)
    if promise is None:
        if owed.target in PAUSABLE:
            clocks.note_state(step, owed)
        return None
    owed.started_at, owed.starts = started_at, None
    count(step, owed)
    clocks.take_up(step, owed, promise)
    owed.instance = instance = Instance(promise, step.at)
    begins = because == "merged" or (because == "started" and started_at == step.at)
    reason = because if begins and because else "matched"
    return _judged(step, owed, instance, None, reason)


def _go_on_late(step: Step, owed: Obligation, instance: Instance) -> _Told | None:
    """A breach is final until the end; only pauses still stop its clock (S9)."""
    because, owed.because = owed.because, None
    was, now = owed.spans[-1].paused, clocks.is_paused(step.state, instance.promise)
    if was == now and not because:
        return None
    clocks.go_on(step, owed, owed.spans[-1].clock, paused=now)
    reason = because or ("paused" if now else "resumed")
    return _told(step, owed, instance, "breached", reason)


def _go_on(step: Step, owed: Obligation, instance: Instance, *, changed: bool) -> _Told | None:
    """Retargeted, no longer promised, paused, resumed or reopened: one record (S7, S8, S11)."""
    because, owed.because = owed.because, None
    promise: Promise | None = instance.promise
    if changed or because:
        promise = step.promise(owed.target, instance.promise)
    if promise is None:
        record = _told(step, owed, instance, instance.state, "unmatched", to="cancelled")
        owed.instance = None
        clocks.note_state(step, owed)
        return record
    same = promise is instance.promise or promise.same_terms(instance.promise)
    was, now = owed.spans[-1].paused, clocks.is_paused(step.state, promise)
    instance.promise = promise
    if same and was == now and not because:
        if changed and _foreseen_anew(step, owed, instance):
            return _judged(step, owed, instance, instance.state, "retarget")
        return None
    clocks.go_on(step, owed, promise.clock, paused=now)
    if because is None and not same:
        because = "retarget"
    reason = because or ("paused" if now else "resumed")
    return _judged(step, owed, instance, instance.state, reason)


def _foreseen_anew(step: Step, owed: Obligation, instance: Instance) -> bool:
    """Whether an edited schedule moves the deadline of an open clock (C3)."""
    was = instance.due_at
    clocks.foresee(step, owed, instance)
    return instance.due_at != was


MOVING: Final = ("started", "matched", "merged", "retarget")
"""Reasons that may leave less than nothing of a deadline."""


def _judged(
    step: Step, owed: Obligation, instance: Instance, from_: SlaState | None, reason: str
) -> _Told:
    """One record with the state after the change: breached if nothing is left, else as warned.

    A deadline that is already past is due now: nobody could have met it earlier (S8). While
    paused no warning fires; what was passed shows at the resume (S18).
    """
    promise = instance.promise
    if reason in MOVING and clocks.is_past(step, owed, promise, step.at):
        _breach(step, owed, instance)
        return _told(step, owed, instance, from_, reason)
    elapsed, _ = clocks.spent(step, owed, step.at)
    passed = sum(warn.after_ms <= elapsed for warn in promise.warns)
    before = 0 if reason in MOVING else instance.warned
    instance.warned = min(instance.warned, passed) if owed.spans[-1].paused else passed
    instance.state = "at_risk" if instance.warned else "pending"
    threshold = promise.warns[instance.warned - 1].name if instance.warned > before else None
    clocks.foresee(step, owed, instance)
    return _told(step, owed, instance, from_, reason, threshold=threshold)


def _breach(step: Step, owed: Obligation, instance: Instance) -> None:
    instance.state, instance.due_at, instance.fires_at = "breached", step.at, None
    instance.breached_ms, _ = clocks.spent(step, owed, step.at)


def count(step: Step, owed: Obligation) -> None:
    """Gives an obligation its cycle: they are counted per target, promised or not."""
    if owed.cycle == 0:
        cycles = step.state.cycles
        owed.cycle = cycles.get(owed.target, 0) + 1
        step.state.cycles = {**cycles, owed.target: owed.cycle}


def _told(
    step: Step,
    owed: Obligation,
    instance: Instance,
    from_: SlaState | None,
    reason: str,
    *,
    to: SlaState | None = None,
    threshold: str | None = None,
    agent: str | None = None,
) -> _Told:
    elapsed, paused_ms = clocks.spent(step, owed, step.at)
    ended = to is not None
    breached = instance.state == "breached"
    paused = owed.spans[-1].paused and not ended
    record = SlaTransition(
        labels=step.labels(agent=agent),
        policy=instance.promise.policy,
        policy_version=instance.promise.version,
        target=owed.target,
        cycle=owed.cycle,
        from_=from_,
        to=to or instance.state,
        at=step.at,
        due_at=None if paused and not breached else instance.due_at,
        started_at=owed.started_at,
        elapsed_ms=elapsed,
        reason=reason,
        paused=paused,
        paused_ms=paused_ms,
        overrun_ms=elapsed - instance.breached_ms if breached else 0,
        threshold=threshold,
    )
    return _Told(owed, record)


def _say(step: Step, told: list[_Told]) -> None:
    session = step.state.session
    for owed, record in sorted(told, key=_place):
        if session is not None:
            session.promised = True
            session.breached |= record.to == "breached" != record.from_
        may_reopen = record.to != "cancelled" and _may_reopen(owed)
        step.say(record, keep=kept_as(owed.target) if may_reopen else None)


def _place(told: _Told) -> tuple[int, int, int]:
    """Among records of one instant: ends, changes, what fired, starts; then by target, cycle."""
    record = told.record
    if record.to in ("cancelled", "met", "met_late"):
        group = 0
    elif record.from_ is None:
        group = 3
    else:
        group = 2 if record.reason in ("threshold", "due") else 1
    return group, TARGETS.index(told.owed.target), record.cycle
