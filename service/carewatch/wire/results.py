"""What `care.facts`, `care.sla` and `care.late` hold: results as CloudEvents.

Each kind is one struct, whose fields stand in the order in which they are written: that is half
the cost of building a dict for every result, and says what a reader finds.
"""

from typing import Final

import msgspec

from carewatch.domain.facts import Sample, SessionFact, SlaTransition
from carewatch.domain.ledger import Change
from carewatch.domain.times import format_time
from carewatch.wire.envelope import SPECVERSION

_FACT: Final = "care-fact/1.0"
_SLA: Final = "care-sla/1.0"
_LATE: Final = "care-late/1.0"


class _Labelled(msgspec.Struct, gc=False):
    """What `data` of every result begins with."""

    tenant: str
    channel: str
    account_ref: str
    queue: str
    team: str
    priority: str
    agent_key: str | None
    customer_key: str | None
    conversation_key: str
    session: int


class _Sample(_Labelled, gc=False):
    metric: str
    started_at: str
    ended_at: str
    calendar_ms: int
    business_ms: int | None
    outcome: str | msgspec.UnsetType
    sign: int
    corrects: str | None
    cause: str


class _Session(_Labelled, gc=False):
    transition: str
    at: str
    reason: str | None
    initiated_by: str | None
    sign: int
    corrects: str | None
    cause: str


class _Sla(_Labelled, gc=False):
    policy: str
    policy_version: int
    target: str
    cycle: int
    from_: str | None = msgspec.field(name="from")
    to: str
    paused: bool
    at: str
    due_at: str | None
    started_at: str
    elapsed_ms: int
    paused_ms: int
    overrun_ms: int
    threshold: str | None
    reason: str
    sign: int
    corrects: str | None
    cause: str


class _LateEvent(msgspec.Struct, gc=False):
    reason: str
    event: msgspec.Raw


class _Result(msgspec.Struct, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    dataschema: str
    data: _Sample | _Session | _Sla | _LateEvent


_encode: Final = msgspec.json.Encoder().encode


def _envelope(
    id_: str,
    tenant: str,
    type_: str,
    time: str,
    schema: str,
    data: _Sample | _Session | _Sla | _LateEvent,
) -> bytes:
    source = f"/care/{tenant}/track"
    return _encode(_Result(SPECVERSION, id_, source, type_, time, schema, data))


def encode_sample(tenant: str, key: str, sample: Sample, change: Change) -> bytes:
    """`care.fact.sample`: a duration was measured (or is taken back)."""
    labels = sample.labels
    at = format_time(sample.ended_at)
    data = _Sample(
        tenant,
        labels.channel,
        labels.account,
        labels.queue,
        labels.team,
        labels.priority,
        labels.agent,
        labels.customer,
        key,
        labels.session,
        sample.metric,
        format_time(sample.started_at),
        at,
        sample.calendar_ms,
        sample.business_ms,
        msgspec.UNSET if sample.outcome is None else sample.outcome,
        change.sign,
        change.corrects,
        change.cause,
    )
    return _envelope(change.id, tenant, "care.fact.sample", at, _FACT, data)


def encode_session(tenant: str, key: str, fact: SessionFact, change: Change) -> bytes:
    """`care.fact.session`: a session opened, reopened, was resolved, closed or merged."""
    labels = fact.labels
    at = format_time(fact.at)
    data = _Session(
        tenant,
        labels.channel,
        labels.account,
        labels.queue,
        labels.team,
        labels.priority,
        labels.agent,
        labels.customer,
        key,
        labels.session,
        fact.transition,
        at,
        fact.reason,
        fact.initiated_by,
        change.sign,
        change.corrects,
        change.cause,
    )
    return _envelope(change.id, tenant, "care.fact.session", at, _FACT, data)


def encode_sla(tenant: str, key: str, sla: SlaTransition, change: Change) -> bytes:
    """`care.sla.transition`: an SLA clock changed."""
    labels = sla.labels
    at = format_time(sla.at)
    data = _Sla(
        tenant,
        labels.channel,
        labels.account,
        labels.queue,
        labels.team,
        labels.priority,
        labels.agent,
        labels.customer,
        key,
        labels.session,
        sla.policy,
        sla.policy_version,
        sla.target,
        sla.cycle,
        sla.from_,
        sla.to,
        sla.paused,
        at,
        None if sla.due_at is None else format_time(sla.due_at),
        format_time(sla.started_at),
        sla.elapsed_ms,
        sla.paused_ms,
        sla.overrun_ms,
        sla.threshold,
        sla.reason,
        change.sign,
        change.corrects,
        change.cause,
    )
    return _envelope(change.id, tenant, "care.sla.transition", at, _SLA, data)


def encode_late(tenant: str, id_: str, recorded: int, reason: str, value: bytes) -> bytes:
    """`care.event.late`: the event as it came, and why it changes nothing."""
    data = _LateEvent(reason, msgspec.Raw(value))
    return _envelope(id_, tenant, "care.event.late", format_time(recorded), _LATE, data)
