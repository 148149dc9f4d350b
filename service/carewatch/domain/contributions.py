"""Which metrics a result counts in, and which gauges a conversation stands in now."""

from collections.abc import Hashable, Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from carewatch.domain.conversation import Conversation, Instance, Obligation
from carewatch.domain.facts import (
    Contact,
    HandOver,
    Labels,
    Result,
    Sample,
    SessionFact,
    SlaTransition,
    Tally,
)
from carewatch.domain.metric import BUSINESS, Metric
from carewatch.domain.metrics import BY_ID, COMPUTED, SLA_TRANSITIONS


class Contribution(NamedTuple):
    """A duration (ms) or more of a count, placed at an instant; of a ratio, part and whole."""

    metric: Metric
    labels: tuple[str, ...]
    at: int
    amount: int
    of: int = 0


class Held(msgspec.Struct, frozen=True, gc=False):
    """A conversation stands in a gauge.

    `at` is the instant that is shown (of an instant, a deadline), since when it stands there (of
    ages), or from when on it counts (of a gauge). `of` are policy and target of a deadline.
    """

    metric: str
    labels: tuple[str, ...]
    at: int = 0
    of: tuple[str, ...] = ()


DUE_WITHIN: Final = {"15m": 15 * 60_000, "30m": 30 * 60_000, "60m": 60 * 60_000}
"""The label `within` of `sla_due_within`, in milliseconds."""

SOON_MS: Final = 60 * 60_000
"""So long before its end a snooze is due (`snoozed_due`)."""

_ALL_OF_TENANT: Final = ("none", "none", "normal")
_BY_AGENT: Final = "_by_agent"
_AGENTS_OWN: Final = {one.id: one.id + _BY_AGENT for one in COMPUTED if "agent" in one.sisters}
"""The metrics that are shown of every agent, too, and what they are called there."""
_EVALUATIONS: Final = BY_ID["sla_evaluations"]
_BREACHES: Final = BY_ID["sla_breaches"]
_OVERRUN: Final = BY_ID["sla_overrun"]
_CONVERSATIONS: Final = BY_ID["conversations"]
_RESOLUTIONS: Final = BY_ID["resolutions"]
_NET_FLOW: Final = BY_ID["net_flow"]
_FLOW: Final = BY_ID["flow_ratio"]
_RESOLVED: Final = BY_ID["resolution_rate"]
_REOPENED: Final = BY_ID["reopen_rate"]
_REPLIES: Final = BY_ID["reply_volume"]

_ALSO: Final = {
    "turns_opened": (BY_ID["response_rate"], 0, 1),
    "turns_answered_24h": (BY_ID["response_rate"], 1, 0),
    "messages_answered": (BY_ID["message_response_rate"], 1, 0),
}
"""Counts that are part or whole of a ratio, too: by how much both grow."""


class Share(NamedTuple):
    """A series in which results of one shape count, and what it takes of each.

    That is its value (of a ratio, what part and whole grow by) or its value in business time, or
    `always` the same: so much of a count, or of part and whole.
    """

    metric: Metric
    labels: tuple[str, ...]
    takes: Literal["value", "business", "always"] = "value"
    always: tuple[int, int] = (0, 0)


Shape = tuple[Hashable, ...]
"""All that decides in which series a result counts: results of one shape differ in numbers only.

Flat, since it is looked up for each result; those of one kind are of one length.
"""


Measured = tuple[Shape, int, int, int, int | None]
"""A result's shape, instant, value (and whole), and value in business time."""


def contributions(tenant: str, result: Result) -> Iterator[Contribution]:
    """What a result adds (or, withdrawn, takes back)."""
    _, at, value, of, business = measured(tenant, result)
    for metric, labels, takes, always in shares(tenant, result):
        if takes == "value":
            yield Contribution(metric, labels, at, value, of)
        elif takes == "always":
            yield Contribution(metric, labels, at, *always)
        elif business is not None:
            yield Contribution(metric, labels, at, business)


def measured(tenant: str, result: Result) -> Measured:
    """The numbers of a result; those of one shape have the same `shares`.

    So who keeps the shares of a shape need not ask for them again: there are several results to an
    event, and few shapes.
    """
    labels = result.labels
    base = tenant, labels.channel, labels.queue, labels.priority
    match result:
        case Tally():
            business = result.business_ms
            says = (result.extra, result.tags, result.topics, business is None)
            shape: Shape = (*base, result.metric, labels.agent, *says)
            return shape, result.at, result.amount, result.of, business
        case Sample():
            business = result.business_ms
            shape = (*base, result.metric, labels.agent, result.outcome, business is None)
            return shape, result.ended_at, result.calendar_ms, 0, business
        case SlaTransition():
            was_breached = result.from_ == "breached"
            shape = (*base, result.policy, result.target, was_breached, result.to, SLA_TRANSITIONS)
            return shape, result.at, result.overrun_ms, 0, None
        case SessionFact():
            return (*base, result.transition), result.at, 0, 0, None
        case HandOver() | Contact():
            return (), result.at, 0, 0, None


def shares(tenant: str, result: Result) -> Iterator[Share]:
    """The series in which a result counts, and what each takes of it."""
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
            yield _always(_CONVERSATIONS, (*base, result.transition), 1)
            yield from _flow(result, base)
        case SlaTransition():
            labels = (*base, result.policy, result.target)
            breached = result.to == "breached" and result.from_ != "breached"
            if breached or result.to == "met":
                yield _always(_EVALUATIONS, labels, 1)
            if breached:
                yield _always(_BREACHES, labels, 1)
            elif result.to == "met_late":
                yield Share(_OVERRUN, labels)
        case Tally():
            yield from _tallied(result, BY_ID[result.metric], (*base, *result.extra))
            if (also := _ALSO.get(result.metric)) is not None:
                ratio, part, whole = also
                yield _always(ratio, base, part, whole)
            elif result.metric == "messages" and result.extra == ("outbound", "agent"):
                yield from _tallied(result, _REPLIES, base)
        case HandOver() | Contact():
            return  # the turn counts where it goes on, the contact in the customer stage


def _always(metric: Metric, labels: tuple[str, ...], amount: int, of: int = 0) -> Share:
    return Share(metric, labels, "always", (amount, of))


def _durations(sample: Sample, metric: Metric, labels: tuple[str, ...]) -> Iterator[Share]:
    """By the calendar, and in business time where a schedule is in force."""
    yield Share(metric, labels)
    if sample.business_ms is not None:
        yield Share(BY_ID[metric.id + BUSINESS], labels, "business")


def _tallied(tally: Tally, metric: Metric, labels: tuple[str, ...]) -> Iterator[Share]:
    """A count or value; of a duration the twin, and for whom it is attributed to the sister."""
    agent = tally.labels.agent
    yield Share(metric, labels)
    if tally.business_ms is not None:
        yield Share(BY_ID[metric.id + BUSINESS], labels, "business")
    if "agent" in metric.sisters and agent is not None:
        yield from _tallied(tally, BY_ID[metric.id + _BY_AGENT], (*labels, agent))
    if tally.tags and "tag" in metric.sisters:
        for tag in tally.tags:
            yield from _tallied(tally, BY_ID[metric.id + "_by_tag"], (*labels, tag))
    if tally.topics and "topic" in metric.sisters:
        for topic in tally.topics:
            yield from _tallied(tally, BY_ID[metric.id + "_by_topic"], (*labels, topic))


def _flow(fact: SessionFact, base: tuple[str, ...]) -> Iterator[Share]:
    """What comes in and what goes out.

    A reopening is no opening (R13), and takes no resolution back: both did happen, so what is
    opened and resolved anew may flow out more often than it came in.
    """
    if fact.transition == "opened":
        yield _always(_NET_FLOW, base, 1)
        yield _always(_FLOW, base, 0, 1)
        yield _always(_RESOLVED, base, 0, 1)
    elif fact.transition == "resolved":
        yield _always(_RESOLUTIONS, base, 1)
        yield _always(_NET_FLOW, base, -1)
        yield _always(_FLOW, base, 1)
        yield _always(_REOPENED, base, 0, 1)


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
    session, turn, stay = state.session, state.turn, state.stay
    if session is None and turn is None and stay is None and not state.obligations:
        return ()
    base = (tenant, state.channel, state.queue, state.priority)
    out = [Held("open_conversations", (*base, name)) for name in _states(state)]
    if session is not None and state.status == "snoozed" and state.snoozed_until is not None:
        soon = state.snoozed_until - SOON_MS
        out.append(Held("open_conversations", (*base, "snoozed_due"), soon))
    if session is not None:
        out.append(Held("oldest_open", base, session.opened_at))
    if turn is not None:
        out.append(Held("needs_reply", base))
        if not state.bot_has:
            out.append(Held("waiting_conversations", base))
            out.append(Held("oldest_unanswered", base, turn.started_at))
    agent = state.agent
    if agent is not None:
        out += [
            Held(name, (*one.labels, agent), one.at)
            for one in out
            if (name := _AGENTS_OWN.get(one.metric)) is not None
        ]
    if stay is not None:
        labels = (tenant, state.channel, stay.queue, state.priority)
        out.append(Held("queue_length", labels))
        out.append(Held("longest_waiting_now", labels, stay.started_at))
    for owed in state.obligations:
        if owed.instance is not None:
            _stand_in_clocks(out, base, owed, owed.instance)
    if session is not None:
        out.append(Held("backlog_age", base, session.opened_at))
    if turn is not None and not state.bot_has:
        out.append(Held("open_wait_age", base, turn.started_at))
    for owed in state.obligations:
        if owed.instance is not None:
            _stand_in_deadlines(out, base, owed, owed.instance)
    return tuple(out)


def _stand_in_clocks(
    out: list[Held], base: tuple[str, ...], owed: Obligation, instance: Instance
) -> None:
    """The gauges in which an open SLA clock stands: whether it runs, and how far it is."""
    labels = (*base, instance.promise.policy, owed.target)
    out.append(Held("sla_active", labels))
    if owed.spans and owed.spans[-1].paused:
        out.append(Held("sla_paused", labels))
    if instance.state == "at_risk":
        out.append(Held("sla_at_risk_conversations", labels))
    elif instance.state == "breached":
        out.append(Held("sla_breached_open_conversations", labels))


def _stand_in_deadlines(
    out: list[Held], base: tuple[str, ...], owed: Obligation, instance: Instance
) -> None:
    """The gauges in which a deadline comes near by time alone (W10, W11)."""
    due_at = instance.due_at
    if due_at is None or instance.state == "breached" or owed.spans[-1].paused:
        return
    promised = (instance.promise.policy, owed.target)
    for within, ms in DUE_WITHIN.items():
        out.append(Held("sla_due_within", (*base, *promised, within), due_at - ms))
    out.append(Held("next_due", (base[0], *_ALL_OF_TENANT), due_at, promised))


def _states(state: Conversation) -> list[str]:
    """The states of the backlog that an open session is in: its own, and what people look for."""
    session = state.session
    if session is None:
        return []
    status = state.status or "open"
    states = [status]
    if state.agent is None:
        states += ("unassigned",)
    if not session.person_wrote or state.turn is not None:
        states += ("unattended",)
    if status != "snoozed":
        states += ("workable",)
    return states


def _base(tenant: str, labels: Labels) -> tuple[str, str, str, str]:
    return tenant, labels.channel, labels.queue, labels.priority
