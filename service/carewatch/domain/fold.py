"""The fold: one event, or one timer, changes a conversation and says what became true.

Order is the caller's promise (`domain.events.order`); between two events the timers of the state
fire by themselves, each at its own instant (R7).
"""

from collections.abc import Callable
from typing import assert_never

from carewatch.domain import (
    actions,
    bots,
    calls,
    handling,
    matters,
    merges,
    messages,
    obligations,
    queues,
    ratings,
    service_level,
    sessions,
    sla,
    suspects,
    transfers,
    turns,
    within,
)
from carewatch.domain.conversation import Conversation, Said, Session, Step
from carewatch.domain.events import (
    EXCLUDING,
    OPENING_STATES,
    Annotated,
    Assigned,
    CallPhase,
    Deleted,
    Event,
    HandedOff,
    Inherited,
    Merged,
    Message,
    Opened,
    QueueEntered,
    QueueLeft,
    Rated,
    Stated,
    StatusChanged,
    Summarised,
    Surveyed,
    Tagged,
    order,
)
from carewatch.domain.facts import NONE
from carewatch.domain.policy import Books

Tell = Callable[[Said], None]


def fold_event(
    tenant: str,
    state: Conversation,
    event: Event,
    books: Books,
    tell: Tell,
    *,
    is_due: bool = True,
) -> None:
    """Fires every timer before the event's instant, then folds the event (R5, R7).

    Who knows that none `is_due` before it need not ask again.
    """
    if is_due:
        fire_timers(tenant, state, event.at, books, tell)
    step = Step(tenant, state, books, event.at, event.id, tell)
    before, pauses = _matched_by(state), suspects.suspects(state)
    if isinstance(event, Inherited) and event.started_at is None:
        pass  # it takes an earlier revision's place in the history, and says nothing itself
    elif _counts(state, event):
        _apply_labels(state, event)
        _apply(step, event)
    else:
        step.count_event("excluded_events")
        if isinstance(event, Tagged):
            state.tags = event.after(state.tags)  # which are left decides when it counts again
    state.last_order = order(event)
    sla.settle(step, changed=_matched_by(state) != before)
    suspects.tell(step, pauses)


def fire_timers(
    tenant: str, state: Conversation, until: int, books: Books, tell: Tell
) -> int | None:
    """Fires, in order, every timer whose instant is below `until`; returns the next one."""
    while (at := next_timer(tenant, state, books)) is not None and at < until:
        step = Step(tenant, state, books, at, f"timer@{at}", tell)
        pauses = suspects.suspects(state)
        if at != state.last_timer_at:
            within.reach(step)
            service_level.reach(step)
        idle = sessions.idle_at(state, step.profile.idle_gap_ms)
        if idle is not None and idle <= at:
            sessions.end_session(step, "idle")
        # What ends at an instant is told before what would be due at it.
        sla.settle(step, changed=books.changed_at(at))
        sla.fire(step)
        suspects.tell(step, pauses)
        state.last_timer_at = at
    return at


def next_timer(tenant: str, state: Conversation, books: Books) -> int | None:
    """The next instant at which something becomes true by itself; None when nothing will."""
    if state.session is None and not state.obligations:
        return None
    folded = state.last_order[0] if state.last_order is not None else 0
    fired = state.last_timer_at or 0
    # Asked for at each event: what cannot expect anything is not asked.
    expected: list[int | None] = []
    if state.obligations:
        # Events stamped exactly t come before timers of t: one of that instant leaves it due.
        expected += sla.next_at(state), books.next_change(max(folded - 1, fired))
    if state.turn is not None:
        expected += (within.next_at(tenant, state, books),)
    if state.stay is not None:
        expected += (service_level.next_at(tenant, state, books),)
    if sessions.may_idle(state):
        gap = books.at(max(folded, fired)).profile(state.channel, state.account).idle_gap_ms
        expected += (sessions.idle_at(state, gap),)
    due = [at for at in expected if at is not None]
    # Silence counts from the last message, but nothing ends before what let it end: a message
    # that was taken back, a bot that has everything answered, a rulebook that shortens the wait.
    return max(min(due), folded, fired) if due else None


def _matched_by(state: Conversation) -> tuple[object, ...]:
    """What a policy may look at: when it changes, open clocks are judged anew."""
    return (
        state.channel,
        state.account,
        state.queue,
        state.team,
        state.priority,
        state.tags,
        state.begun_by,
        state.topics,
        state.language,
    )


def _counts(state: Conversation, event: Event) -> bool:
    """Whether the conversation is not spam, blocked or a test, or ceases to be by this (E20)."""
    if EXCLUDING.isdisjoint(state.tags):
        return True
    return isinstance(event, Tagged) and EXCLUDING.isdisjoint(event.after(state.tags))


def _apply_labels(state: Conversation, event: Event) -> None:
    """The labels after an event (R9); a child's are taken only where nothing else is known."""
    if isinstance(event, Inherited) and state.account:
        return
    state.channel = event.channel
    state.account = event.account
    state.role = event.role
    if event.customer is not None:
        state.customer = event.customer
    if event.priority is not None:
        state.priority = event.priority


def _apply(step: Step, event: Event) -> None:
    match event:
        case Message():
            messages.write(step, event)
        case Opened():
            step.state.has_lifecycle = True
            if step.state.session is None and event.to in OPENING_STATES:
                _enter(step, event.to, agent=None, from_bot=False)
            sessions.open_session(step, by=None)
        case StatusChanged():
            _status(step, event)
        case Assigned():
            _assigned(step, event)
        case HandedOff():
            _handed_off(step, to_people=event.to_people)
        case QueueEntered():
            if step.state.session is None:
                step.state.queue = event.queue  # what the event opens carries the values after it
            sessions.open_session(step, by=None)
            had = step.state.queue
            queues.enter(step, event.queue)
            transfers.entered(step, had)
        case QueueLeft():
            queues.leave(step, event.queue, event.outcome)
        case Tagged():
            had_tags = step.state.tags
            matters.retag(step, event.after(had_tags))
            if not set(step.state.tags) <= set(had_tags):
                actions.act(step)
            if not EXCLUDING.isdisjoint(step.state.tags):
                sessions.end_session(step, "spam")
                obligations.gone(step, "spam")
        case Deleted():
            actions.delete(step, event.key)
            if turns.delete_message(step, event.key):
                queues.end_with_turn(step)
                turns.drop_turn(step, "deleted")
                step.state.bot_owes = False
        case Merged():
            merges.merge(step, event)
        case Inherited():
            merges.inherit(step, event)
        case Annotated():
            # What it says of needing a reply, the ledger has told the message itself.
            matters.annotated(step, event)
        case Surveyed():
            ratings.asked(step, event)
        case Rated():
            ratings.rated(step, event)
        case CallPhase():
            calls.reach(step, event)
        case Summarised():
            calls.sum_up(step, event)
        case Stated():
            pass  # its labels are all it says
        case _:
            assert_never(event)


def _status(step: Step, event: StatusChanged) -> None:
    state = step.state
    was, to = state.status, event.to
    state.has_lifecycle = True
    if state.session is not None:
        handling.acted(step, state.session, event.agent)
    if to in OPENING_STATES:
        from_bot = was == "bot" if event.from_bot is None else event.from_bot
        _enter(step, to, agent=event.agent, from_bot=from_bot)
    elif state.session is None:
        if not (to == "closed" and sessions.close_resolved(step, event.reason)):
            step.count_event("ignored_events")
    elif to in ("pending", "snoozed"):
        sessions.change_state(step, to)
        obligations.state_changed(step, to)
        state.snoozed_until = event.until
    elif to in ("resolved", "closed"):
        sessions.end_session(
            step,
            "resolved",
            reason=event.reason,
            by_customer=event.by_customer,
            by_bot=event.by_bot,
            resolver=event.agent,
        )
        state.status = to
    elif to == "deleted":
        sessions.end_session(step, "deleted", by_customer=event.by_customer)


def _enter(step: Step, to: str, *, agent: str | None, from_bot: bool) -> None:
    """A state in which a session is open: it opens, if there is none (R12, R21)."""
    handling.acted(step, sessions.open_session(step, by=None), agent)
    sessions.change_state(step, to)
    obligations.state_changed(step, to)
    if to == "bot":
        sessions.bot_takes(step)
    elif to in ("queued", "open") and from_bot:
        _handed_off(step, to_people=True)


def _assigned(step: Step, event: Assigned) -> None:
    """Only the sides that the event names apply; null clears (R10)."""
    state = step.state
    had, queue, team = state.agent, state.queue, state.team
    if "team" in event.sets:
        state.team = event.team or NONE
    if "agent" in event.sets:
        state.agent = event.agent
    if "queue" in event.sets:
        state.queue = event.queue or NONE
        queues.rerouted(step)
    transfers.assigned(step, queue, team)
    if "agent" not in event.sets:
        return
    obligations.assigned(step, event.agent, had)
    if event.agent != had:
        state.assigned_at = None if event.agent is None else step.at
    if event.agent is not None:
        state.assigned_since_end = state.assigned_since_end or state.session is None
        if state.session is not None:
            sessions.people_take(step)
            _first_assigned(step, state.session, event.agent)
            queues.answered(step, event.agent)
    elif had is not None and state.turn is not None:
        queues.wait(step)


def _first_assigned(step: Step, session: Session, agent: str) -> None:
    """How long the session waited for its first agent; not when an agent began it (E6)."""
    if not session.had_agent and session.initiated_by != "agent":
        since = session.opened_at if session.handed_at is None else session.handed_at
        step.sample("time_to_assignment", since, agent=agent)
    session.had_agent = True


def _handed_off(step: Step, *, to_people: bool) -> None:
    if not to_people:
        if step.state.session is None:
            step.count_event("ignored_events")
        sessions.bot_takes(step)
        return
    session = sessions.open_session(step, by=None)
    sessions.people_take(step)
    bots.handed_off(step, session)
    session.handed_to_people = True
    session.last_handoff_at = step.at
    if session.handed_at is None:
        session.handed_at = step.at
    if session.unanswered_handoff_at is None:
        session.unanswered_handoff_at = step.at
    if not calls.is_on(step.state):
        turns.open_turn(step)
    obligations.handed_off(step)
    queues.wait_since_handoff(step)
