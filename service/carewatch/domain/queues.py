"""Queue stays: explicit where queue events tell, implicit where somebody waits (Q1-Q6)."""

from typing import Final

from msgspec.structs import replace

from carewatch.domain import obligations, service_level
from carewatch.domain.conversation import Stay, Step
from carewatch.domain.events import QueueOutcome
from carewatch.domain.facts import NONE, Tally

_OFFERED: Final = "queue_offered"
"""The name under which the count of a stay that is discarded can be taken back."""
_RATE: Final = "abandonment_rate"
"""The same of its place in the rate, which a short abandonment loses, too."""


def _begin(step: Step, stay: Stay) -> None:
    step.state.stay = stay
    labels = step.labels(queue=stay.queue)
    step.say(Tally(labels, "queue_offered", stay.started_at), keep=_OFFERED)
    step.say(Tally(labels, _RATE, stay.started_at, amount=0, of=1), keep=_RATE)
    service_level.begin(step, stay)


def _discard(step: Step) -> None:
    """What the conversation waited in was no queue after all."""
    step.state.stay = None
    step.state.suspended = None
    step.take_back(_OFFERED)
    step.take_back(_RATE)
    service_level.discard(step)


def _end(step: Step, stay: Stay, outcome: QueueOutcome, agent: str | None = None) -> None:
    step.sample("queue_wait_time", stay.started_at, outcome=outcome, queue=stay.queue, agent=agent)
    abandoned = outcome == "abandoned"
    short = abandoned and step.at - stay.started_at <= step.profile.short_abandon_ms
    if abandoned:
        labels = step.labels(queue=stay.queue)
        step.say(Tally(labels, "queue_abandoned", step.at))
        if short:
            step.say(Tally(labels, "short_abandons", step.at))
            step.take_back(_RATE)
        else:
            step.say(Tally(labels, _RATE, step.at, amount=1, of=0))
    step.forget(_OFFERED)
    step.forget(_RATE)
    service_level.end(step, stay, answered=outcome == "answered", gave_up=abandoned and not short)
    if not stay.implicit:
        obligations.stay_ended(step, outcome, agent)


def enter(step: Step, queue: str) -> None:
    """`queue.entered`: another queue's stay is transferred, an implicit one discarded (Q1, Q5)."""
    state = step.state
    session = state.session
    if session is not None:
        session.queue_events = True
    stay = state.stay
    if stay is None or stay.implicit:
        _discard(step)
    elif stay.queue == queue:
        return
    else:
        _end(step, stay, "transferred")
    state.queue = queue
    _begin(step, Stay(queue, step.at, implicit=False))
    obligations.stay_began(step)


def leave(step: Step, queue: str, outcome: QueueOutcome) -> None:
    """`queue.left`: ends the stay in that queue; without one it is ignored and counted (Q1)."""
    stay = step.state.stay
    if stay is None or stay.implicit or stay.queue != queue:
        step.count_event("ignored_events")
        return
    step.state.stay = None
    _end(step, stay, outcome)


def wait(step: Step, *, by_handoff: bool = False) -> None:
    """An implicit stay begins when somebody waits and nobody is there (Q2)."""
    state = step.state
    session = state.session
    if (
        session is None
        or session.queue_events
        or state.stay is not None
        or state.agent is not None
        or state.bot_has
        or not step.profile.implicit_queue
    ):
        return
    _begin(step, Stay(state.queue, step.at, implicit=True, by_handoff=by_handoff))


def wait_since_handoff(step: Step) -> None:
    """A hand-off to people begins a stay and discards what the bot suspended (Q2 b, Q3)."""
    if step.state.suspended is not None:
        _discard(step)
    wait(step, by_handoff=True)


def suspend(step: Step) -> None:
    """The bot took over: an implicit stay leaves the queue for now (Q3)."""
    stay = step.state.stay
    if stay is not None and stay.implicit:
        step.state.stay = None
        step.state.suspended = replace(stay, suspended_at=step.at)


def answered(step: Step, agent: str | None) -> None:
    """An agent took the conversation: the stay ends, a suspended one counts after all (Q1-Q3)."""
    state = step.state
    stay = state.stay or state.suspended
    state.stay = None
    state.suspended = None
    if stay is not None:
        _end(step, stay, "answered", agent)


def rerouted(step: Step) -> None:
    """The assignment named a queue, or cleared it, while an implicit stay is open (Q4)."""
    stay, queue = step.state.stay, step.state.queue
    if stay is None or not stay.implicit or stay.queue == queue:
        return
    began = step.at
    if stay.queue == NONE:
        began = stay.started_at
        _discard(step)
    else:
        _end(step, stay, "transferred")
    _begin(step, Stay(queue, began, implicit=True, by_handoff=stay.by_handoff))


def end_with_turn(step: Step) -> None:
    """The customer took the only message back: who waits no longer has left (Q6).

    A stay that the bot suspended is discarded, as at the end of a session (Q3).
    """
    stay = step.state.stay
    if stay is None:
        _discard(step)
        return
    step.state.stay = None
    _end(step, stay, "abandoned")


def end_with_session(step: Step, *, abandoned: bool) -> None:
    """A stay open at the session's end was abandoned by the customer, or flows out (Q6)."""
    stay = step.state.stay
    if stay is None:
        _discard(step)
        return
    step.state.stay = None
    _end(step, stay, "abandoned" if abandoned else "flow_out")
