"""What `care.facts`, `care.sla` and `care.late` hold: results as CloudEvents."""

from typing import Any

import msgspec
import orjson

from carewatch.domain.facts import Labels, Sample, SessionFact, SlaTransition
from carewatch.domain.ledger import Change
from carewatch.domain.times import format_time
from carewatch.wire.envelope import SPECVERSION


def _envelope(
    *, id_: str, tenant: str, type_: str, at: int, schema: str, data: dict[str, Any]
) -> bytes:
    return orjson.dumps(
        {
            "specversion": SPECVERSION,
            "id": id_,
            "source": f"/care/{tenant}/track",
            "type": type_,
            "time": format_time(at),
            "dataschema": schema,
            "data": data,
        }
    )


def _labels(tenant: str, key: str, labels: Labels) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "channel": labels.channel,
        "account_ref": labels.account,
        "queue": labels.queue,
        "team": labels.team,
        "priority": labels.priority,
        "agent_key": labels.agent,
        "customer_key": labels.customer,
        "conversation_key": key,
        "session": labels.session,
    }


def _said(change: Change) -> dict[str, Any]:
    return {"sign": change.sign, "corrects": change.corrects, "cause": change.cause}


def encode_sample(tenant: str, key: str, sample: Sample, change: Change) -> bytes:
    """`care.fact.sample`: a duration was measured (or is taken back)."""
    data = _labels(tenant, key, sample.labels) | {
        "metric": sample.metric,
        "started_at": format_time(sample.started_at),
        "ended_at": format_time(sample.ended_at),
        "calendar_ms": sample.calendar_ms,
        "business_ms": sample.business_ms,
    }
    if sample.outcome is not None:
        data["outcome"] = sample.outcome
    return _envelope(
        id_=change.id,
        tenant=tenant,
        type_="care.fact.sample",
        at=sample.ended_at,
        schema="care-fact/1.0",
        data=data | _said(change),
    )


def encode_session(tenant: str, key: str, fact: SessionFact, change: Change) -> bytes:
    """`care.fact.session`: a session opened, reopened, was resolved, closed or merged."""
    data = _labels(tenant, key, fact.labels) | {
        "transition": fact.transition,
        "at": format_time(fact.at),
        "reason": fact.reason,
        "initiated_by": fact.initiated_by,
    }
    return _envelope(
        id_=change.id,
        tenant=tenant,
        type_="care.fact.session",
        at=fact.at,
        schema="care-fact/1.0",
        data=data | _said(change),
    )


def encode_sla(tenant: str, key: str, sla: SlaTransition, change: Change) -> bytes:
    """`care.sla.transition`: an SLA clock changed."""
    data = _labels(tenant, key, sla.labels) | {
        "policy": sla.policy,
        "policy_version": sla.policy_version,
        "target": sla.target,
        "cycle": sla.cycle,
        "from": sla.from_,
        "to": sla.to,
        "paused": sla.paused,
        "at": format_time(sla.at),
        "due_at": None if sla.due_at is None else format_time(sla.due_at),
        "started_at": format_time(sla.started_at),
        "elapsed_ms": sla.elapsed_ms,
        "paused_ms": sla.paused_ms,
        "overrun_ms": sla.overrun_ms,
        "threshold": sla.threshold,
        "reason": sla.reason,
    }
    return _envelope(
        id_=change.id,
        tenant=tenant,
        type_="care.sla.transition",
        at=sla.at,
        schema="care-sla/1.0",
        data=data | _said(change),
    )


class _LateData(msgspec.Struct):
    reason: str
    event: msgspec.Raw


class _Late(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    dataschema: str
    data: _LateData


def encode_late(tenant: str, id_: str, recorded: int, reason: str, value: bytes) -> bytes:
    """`care.event.late`: the event as it came, and why it changes nothing."""
    return msgspec.json.encode(
        _Late(
            specversion=SPECVERSION,
            id=id_,
            source=f"/care/{tenant}/track",
            type="care.event.late",
            time=format_time(recorded),
            dataschema="care-late/1.0",
            data=_LateData(reason=reason, event=msgspec.Raw(value)),
        )
    )
