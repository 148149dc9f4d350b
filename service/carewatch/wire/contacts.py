"""What surveys, calls, contact centres and models say of a contact -> what the fold understands.

What carries nothing that the rules read is at most a statement of the priority.
"""

from collections.abc import Mapping
from typing import Any, Final

from carewatch.domain import events
from carewatch.domain.events import Event, Note
from carewatch.wire.envelope import Csat, Data, Summary

SCALE: Final = 1000
"""Ratings are placed on a scale from 0 to this."""
SATISFACTION: Final = ("csat", "thumb")
"""Instruments that ask how content a customer is; effort and loyalty are other questions."""
_NOTED: Final = ("sentiment", "topic", "language")

Head = Mapping[str, Any]


def stated(data: Data, head: Head) -> Event | None:
    """An event without an effect of its own: it may state the priority."""
    return events.Stated(**head) if data.priority is not None else None


def surveyed(data: Data, head: Head) -> Event | None:
    """A customer was asked for a rating."""
    csat = data.csat
    assert csat is not None  # noqa: S101 - decode_envelope has checked it
    if csat.instrument not in SATISFACTION:
        return stated(data, head)
    return events.Surveyed(survey=csat.survey_key, **head)


def rated(data: Data, head: Head) -> Event | None:
    """A rating; a survey that ran out, or a score that is not on its scale, is none."""
    csat = data.csat
    assert csat is not None  # noqa: S101 - decode_envelope has checked it
    place = _place(csat)
    if csat.instrument not in SATISFACTION or csat.phase != "answered" or place is None:
        return stated(data, head)
    steps, of = place
    return events.Rated(
        score=(2 * steps * SCALE + of) // (2 * of),
        top=5 * steps >= 3 * of,
        survey=csat.survey_key,
        agent=csat.rated_agent,
        **head,
    )


def _place(csat: Csat) -> tuple[int, int] | None:
    """How many steps above the worst mark, and of how many; None when it is not on the scale."""
    if csat.score is not None:
        steps, of = csat.score - csat.scale_min, csat.scale_max - csat.scale_min
    elif csat.score_norm is not None:
        steps, of = csat.score_norm, SCALE
    else:
        return None
    return (steps, of) if of > 0 and 0 <= steps <= of else None


def call_phase(data: Data, head: Head) -> Event:
    """A call reached a phase; who hangs up in a queue is the customer."""
    call, actor = data.call, data.actor
    assert call is not None  # noqa: S101 - decode_envelope has checked it
    return events.CallPhase(
        call=call.call_key,
        phase=call.phase,
        leg=call.leg_key,
        outbound=call.direction == "outbound",
        by_customer=call.disconnect_by == "customer" or actor.kind == "customer",
        agent=(actor.key or "unknown") if actor.kind == "agent" else None,
        **head,
    )


def summarised(data: Data, head: Head) -> Event | None:
    """What people spent on a contact: talk, hold and work after it, else what the source says."""
    summary, actor = data.summary, data.actor
    assert summary is not None  # noqa: S101 - decode_envelope has checked it
    spent = _handled(summary)
    if spent is None:
        return stated(data, head)
    return events.Summarised(
        contact=summary.replaces_key,
        handle_ms=max(0, spent),
        agent=(actor.key or "unknown") if actor.kind == "agent" else None,
        **head,
    )


def _handled(summary: Summary) -> int | None:
    parts = [
        part for part in (summary.talk_ms, summary.hold_ms, summary.acw_ms) if part is not None
    ]
    return sum(parts) if parts else summary.handle_ms


def notes(data: Data) -> tuple[Note, ...]:
    """What models say of a message, each with the model and its version."""
    return tuple(
        Note(one.kind, one.label, "@".join(filter(None, (one.model, one.model_version))) or "none")
        for one in data.annotations
        if one.kind in _NOTED
    )
