"""Which metrics a result counts in, and which gauges a conversation stands in now."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from carewatch.domain.conversation import Conversation
from carewatch.domain.facts import (
    HandOver,
    Labels,
    Result,
    Sample,
    SessionFact,
    SlaTransition,
    Tally,
)
from carewatch.domain.metric import BUSINESS, Metric
from carewatch.domain.metrics import BY_ID, SLA_TRANSITIONS


class Contribution(NamedTuple):
    """A duration (ms) or more of a count, placed at an instant; of a ratio, part and whole."""

    metric: Metric
    labels: tuple[str, ...]
    at: int
    amount: int
    of: int = 0


class Held(NamedTuple):
    """A conversation stands in a gauge; with `at`, in one that shows the least instant."""

    metric: str
    labels: tuple[str, ...]
    at: int | None = None


_BY_AGENT: Final = "_by_agent"
_EVALUATIONS: Final = BY_ID["sla_evaluations"]
_BREACHES: Final = BY_ID["sla_breaches"]
_CONVERSATIONS: Final = BY_ID["conversations"]


def contributions(tenant: str, result: Result) -> Iterator[Contribution]:
    """What a result adds (or, withdrawn, takes back)."""
    base = _base(tenant, result.labels)
    match result:
        case Sample():
            metric = BY_ID[result.metric]
            extra = (result.outcome or "none",) if metric.labels else ()
            yield from _durations(result, metric, (*base, *extra))
            agent = result.labels.agent
            if "agent" in metric.sisters and agent is not None:
                yield from _durations(result, BY_ID[metric.id + _BY_AGENT], (*base, *extra, agent))
        case SessionFact():
            yield Contribution(_CONVERSATIONS, (*base, result.transition), result.at, 1)
        case SlaTransition():
            labels = (*base, result.policy, result.target)
            breached = result.to == "breached" and result.from_ != "breached"
            if breached or result.to == "met":
                yield Contribution(_EVALUATIONS, labels, result.at, 1)
            if breached:
                yield Contribution(_BREACHES, labels, result.at, 1)
        case Tally():
            metric, own = BY_ID[result.metric], (*base, *result.extra)
            yield Contribution(metric, own, result.at, result.amount, result.of)
        case HandOver():
            return  # the turn counts where it goes on


def _durations(sample: Sample, metric: Metric, labels: tuple[str, ...]) -> Iterator[Contribution]:
    """By the calendar, and in business time where a schedule is in force."""
    yield Contribution(metric, labels, sample.ended_at, sample.calendar_ms)
    if sample.business_ms is not None:
        twin = BY_ID[metric.id + BUSINESS]
        yield Contribution(twin, labels, sample.ended_at, sample.business_ms)


def corrected_by(result: Sample | SessionFact | SlaTransition) -> str:
    """The label `metric` of `corrections`: what a withdrawal takes back."""
    match result:
        case Sample():
            return result.metric
        case SessionFact():
            return "conversations"
        case SlaTransition():
            return SLA_TRANSITIONS


def held(tenant: str, state: Conversation) -> tuple[Held, ...]:
    """The gauges a conversation stands in now; those the bot has wait for nobody (R21)."""
    turn, stay = state.turn, state.stay
    if state.session is None and turn is None and stay is None and not state.obligations:
        return ()
    base = (tenant, state.channel, state.queue, state.priority)
    out = [Held("open_conversations", (*base, name)) for name in _states(state)]
    if turn is not None and not state.bot_has:
        out.append(Held("waiting_conversations", base))
        out.append(Held("oldest_unanswered", base, turn.started_at))
    if stay is not None:
        labels = (tenant, state.channel, stay.queue, state.priority)
        out.append(Held("queue_length", labels))
    for owed in state.obligations:
        instance = owed.instance
        if instance is None:
            continue
        labels6 = (*base, instance.promise.policy, owed.target)
        if instance.state == "at_risk":
            out.append(Held("sla_at_risk_conversations", labels6))
        elif instance.state == "breached":
            out.append(Held("sla_breached_open_conversations", labels6))
    return tuple(out)


def _states(state: Conversation) -> Iterator[str]:
    """The states of the backlog that an open session is in: its own, and what people look for."""
    session = state.session
    if session is None:
        return
    status = state.status or "open"
    yield status
    if state.agent is None:
        yield "unassigned"
    if not session.person_wrote or state.turn is not None:
        yield "unattended"
    if status != "snoozed":
        yield "workable"


def _base(tenant: str, labels: Labels) -> tuple[str, str, str, str]:
    return tenant, labels.channel, labels.queue, labels.priority
