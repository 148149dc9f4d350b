"""SLA clocks: how much of a promised time has passed, and when the next thing is due (S1, S7, S8).

A clock is kept as spans: from when on it ran by which schedule, or stood still. Every instant is
counted once, by the schedule in force at it. Nothing is added up while time goes by; sums follow
from the spans, so that an edited schedule counts anew what is still open (C3).
"""

from typing import Final

from carewatch.domain.conversation import Conversation, Instance, Obligation, Span, Step
from carewatch.domain.policy import Promise

SPANS_KEPT: Final = 32
"""Older spans are added up for good, so that endless pausing keeps a small row."""


def is_paused(state: Conversation, promise: Promise) -> bool:
    """Whether the lifecycle state stops this clock (S7).

    A customer who writes ends the pause, but not the time that the bot has the conversation.
    """
    if state.stated not in promise.pauses:
        return False
    return not (state.spoken and promise.resumes_by_message) or state.stated == "bot"


def spent(step: Step, owed: Obligation, at: int) -> tuple[int, int]:
    """Time on the clock from the start to `at`: running, and inside pauses (ms)."""
    running, paused = owed.spent_ms, owed.paused_ms
    for place, span in enumerate(owed.spans):
        if span.since >= at:
            break
        following = owed.spans[place + 1].since if place + 1 < len(owed.spans) else at
        passed = _open_ms(step, span, min(following, at))
        if span.paused:
            paused += passed
        else:
            running += passed
    return running, paused


def go_on(step: Step, owed: Obligation, clock: str | None, *, paused: bool) -> None:
    """From now on the clock runs by this schedule, or stands still."""
    _append(step, owed, Span(step.at, clock, paused))


def begin_earlier(step: Step, owed: Obligation, since: int) -> None:
    """The obligation began at `since` already; what is added counts by the first clock it had.

    A breach stays the same breach, so how late the clock is does not grow by it (S9).
    """
    before, _ = spent(step, owed, step.at)
    if owed.spans and owed.spans[0].since == owed.started_at:
        owed.spans = (owed.spans[0].beginning_at(since), *owed.spans[1:])
    elif owed.spans:
        added = owed.spans[0].beginning_at(since)
        owed.spent_ms += _open_ms(step, added, owed.started_at)
    owed.started_at = since
    if owed.instance is not None and owed.instance.state == "breached":
        owed.instance.breached_ms += spent(step, owed, step.at)[0] - before


def note_state(step: Step, owed: Obligation) -> None:
    """From now on nothing is promised; the lifecycle state is noted in case something will be.

    A promise that applies later counts the time by its own terms (S11).
    """
    state = step.state
    last = owed.spans[-1] if owed.spans else None
    if (
        last is None
        or (last.stated, last.spoken) != (state.stated, state.spoken)
        or last.clock is not None
        or last.paused
    ):
        _append(step, owed, Span(step.at, None, False, state.stated, state.spoken))


def take_up(step: Step, owed: Obligation, promise: Promise) -> None:
    """A promise applies: the time since the start that no clock has counted goes by its terms."""
    owed.spans = tuple(
        span if span.clock is not None else _counted(span, promise) for span in owed.spans
    )
    if not owed.spans:
        owed.spans = (Span(owed.started_at, promise.clock, paused=False),)
    go_on(step, owed, promise.clock, paused=is_paused(step.state, promise))


def is_past(step: Step, owed: Obligation, promise: Promise, at: int) -> bool:
    """Whether the promised time had passed before `at` (S1: exactly then, it is due then)."""
    return spent(step, owed, at - 1)[0] >= promise.limit_ms


def foresee(step: Step, owed: Obligation, instance: Instance) -> None:
    """Works out the deadline and the next warning, if nothing more happens (S1, S18)."""
    instance.fires_at = None
    if instance.state == "breached" or owed.spans[-1].paused:
        return
    promise = instance.promise
    last = owed.spans[-1]
    calendar = step.calendar(last.clock)
    done, _ = spent(step, owed, last.since)
    left = max(0, promise.limit_ms - done)
    instance.due_at = max(calendar.after(last.since, left), step.at)
    instance.fires_at = instance.due_at
    if instance.warned < len(promise.warns):
        ahead = max(0, promise.warns[instance.warned].after_ms - done)
        instance.fires_at = max(calendar.after(last.since, ahead), step.at)


def _open_ms(step: Step, span: Span, until: int) -> int:
    return step.calendar(span.clock).open_ms(span.since, until)


def _counted(span: Span, promise: Promise) -> Span:
    """A span of which nothing was promised, by the terms of a promise that applies to it now."""
    stated = span.stated in promise.pauses and not (
        span.spoken and promise.resumes_by_message and span.stated != "bot"
    )
    return Span(span.since, promise.clock, span.paused or stated)


def _append(step: Step, owed: Obligation, span: Span) -> None:
    spans = owed.spans
    while spans and spans[-1].since >= span.since:
        spans = spans[:-1]
    if spans and spans[-1].same_terms(span):
        owed.spans = spans
        return
    spans = (*spans, span)
    if len(spans) > SPANS_KEPT:
        oldest, spans = spans[0], spans[1:]
        if oldest.clock is None:
            # Nothing can count it yet: the next one takes its time over.
            spans = (spans[0].beginning_at(oldest.since), *spans[1:])
        elif oldest.paused:
            owed.paused_ms += _open_ms(step, oldest, spans[0].since)
        else:
            owed.spent_ms += _open_ms(step, oldest, spans[0].since)
    owed.spans = spans
