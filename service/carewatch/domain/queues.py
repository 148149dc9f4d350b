"""Queue stays: explicit where queue events tell, implicit where somebody waits (Q1-Q6)."""

from carewatch.domain.conversation import Stay, Step
from carewatch.domain.events import QueueOutcome


def _end(step: Step, stay: Stay, outcome: QueueOutcome, agent: str | None = None) -> None:
    step.sample("queue_wait_time", stay.started_at, outcome=outcome, queue=stay.queue, agent=agent)


def enter(step: Step, queue: str) -> None:
    """`queue.entered`: another queue's stay is transferred, an implicit one discarded (Q1, Q5)."""
    state = step.state
    session = state.session
    if session is not None:
        session.queue_events = True
    state.suspended = None
    stay = state.stay
    if stay is not None and not stay.implicit:
        if stay.queue == queue:
            return
        _end(step, stay, "transferred")
    state.queue = queue
    state.stay = Stay(queue, step.at, implicit=False)


def leave(step: Step, queue: str, outcome: QueueOutcome) -> None:
    """`queue.left`: ends the stay in that queue; without one it says nothing (Q1)."""
    stay = step.state.stay
    if stay is not None and not stay.implicit and stay.queue == queue:
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
    state.stay = Stay(state.queue, step.at, implicit=True, by_handoff=by_handoff)


def wait_since_handoff(step: Step) -> None:
    """A hand-off to people begins a stay and discards what the bot suspended (Q2 b, Q3)."""
    step.state.suspended = None
    wait(step, by_handoff=True)


def suspend(step: Step) -> None:
    """The bot took over: an implicit stay leaves the queue for now (Q3)."""
    stay = step.state.stay
    if stay is not None and stay.implicit:
        step.state.stay = None
        step.state.suspended = stay


def answered(step: Step, agent: str | None) -> None:
    """An agent took the conversation: the stay ends, a suspended one counts after all (Q1-Q3)."""
    state = step.state
    stay = state.stay or state.suspended
    state.stay = None
    state.suspended = None
    if stay is not None:
        _end(step, stay, "answered", agent)


def rerouted(step: Step, queue: str) -> None:
    """The assignment names another queue while an implicit stay is open (Q4)."""
    stay = step.state.stay
    if stay is None or not stay.implicit or stay.queue == queue:
        return
    if stay.queue == "none":
        step.state.stay = Stay(queue, stay.started_at, implicit=True, by_handoff=stay.by_handoff)
        return
    _end(step, stay, "transferred")
    step.state.stay = Stay(queue, step.at, implicit=True, by_handoff=stay.by_handoff)


def end_with_turn(step: Step) -> None:
    """The customer took the only message back: who waits no longer has left (Q6)."""
    stay = step.state.stay
    if stay is not None:
        step.state.stay = None
        _end(step, stay, "abandoned")


def end_with_session(step: Step, *, abandoned: bool) -> None:
    """A stay open at the session's end was abandoned by the customer, or flows out (Q6)."""
    state = step.state
    stay = state.stay
    state.stay = None
    state.suspended = None
    if stay is not None:
        _end(step, stay, "abandoned" if abandoned else "flow_out")
