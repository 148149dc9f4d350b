"""What became of a message: its deletion, its delivery, new words, the answer to a survey."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from carewatch.channels.base import Skip
from carewatch.channels.chatwoot.item import Item
from carewatch.channels.chatwoot.talk import agent_of
from carewatch.channels.drafts import (
    ActorDraft,
    CsatDraft,
    Draft,
    MessageDraft,
    Occurred,
    StatusDraft,
)
from carewatch.channels.fields import get_flag, get_id, get_int, get_object, get_text
from carewatch.channels.times import occurred
from carewatch.domain.errors import InvalidRecord

_STATUSES: Final[dict[str, Literal["delivered", "read", "failed"]]] = {
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
"""What becomes of an answer; every message is `sent` from the first."""


def updated(item: Item) -> Iterator[Draft | Skip]:
    """Chatwoot does not say what changed: it is seen from what the message is now."""
    talk, at = item.talk, _changed_at(item)
    unknown = ActorDraft(kind="unknown")
    if get_flag(item.attributes, "deleted"):
        yield replace(
            talk.draft("care.message.deleted", f"{item.stem}|deleted", at, unknown),
            message=MessageDraft(id=item.id),
        )
        return
    if item.content_type == "input_csat":
        yield _rated(item, at) or Skip(reason="ignored", path=item.path)
        return
    status = _STATUSES.get(get_text(item.body, "status") or get_text(item.listed, "status") or "")
    if status is not None and item.direction() == "outgoing":
        yield replace(
            talk.draft(
                "care.message.status", f"{item.stem}|status|{status}", at, ActorDraft(kind="system")
            ),
            status=StatusDraft(value=status, message=item.id),
        )
        return
    chars = len(item.text or "")
    when = at.at if at.quality != "arrival" else f"{get_id(item.body, 'status') or ''}|{chars}"
    yield replace(
        talk.draft("care.message.updated", f"{item.stem}|updated|{when}", at, unknown),
        message=MessageDraft(
            id=item.id, has_text=item.text is not None, chars=chars, text=item.words
        ),
    )


def _changed_at(item: Item) -> Occurred:
    """The last change of the message, where the conversation lists it; else the arrival."""
    received_at = item.talk.received_at
    arrival = Occurred(at=received_at, quality="arrival")
    stated = item.listed.get("updated_at")
    if not isinstance(stated, str):
        return arrival
    at = occurred(stated, "iso", received_at, "ms")
    created = occurred(item.listed.get("created_at"), "s_or_ms", received_at)
    # Without a change it is the time of its creation, which is told in whole seconds.
    return at if at.quality != "arrival" and at.at - created.at >= 1000 else arrival


def _rated(item: Item, at: Occurred) -> Draft | None:
    """The customer's answer to a survey, None while there is none."""
    submitted = get_object(item.attributes, "submitted_values")
    survey = get_object(submitted, "csat_survey_response")
    rating = get_int(survey, "rating")
    if rating is None:
        return None
    if not 1 <= rating <= 5:
        raise InvalidRecord("schema", "rating")
    talk = item.talk
    comment = get_text(survey, "feedback_message") is not None
    actor = ActorDraft(kind="customer", id=talk.customer)
    key = f"{item.stem}|rated|{rating}|{comment}"
    return replace(
        talk.draft("care.conversation.rated", key, at, actor),
        csat=CsatDraft(
            phase="answered",
            instrument="csat",
            scale_min=1,
            scale_max=5,
            score=rating,
            survey=item.id,
            has_comment=comment,
            rated_agent=agent_of(get_id(get_object(talk.meta, "assignee"), "id")),
        ),
    )
