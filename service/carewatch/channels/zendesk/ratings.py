"""Ratings: Zendesk has no event for them, so a trigger posts the template that we document."""

from typing import Final, Literal

from carewatch.channels.base import Account
from carewatch.channels.drafts import (
    ActorDraft,
    AgentId,
    CsatDraft,
    CustomerId,
    Draft,
    MessageId,
)
from carewatch.channels.fields import Fields, get_id, get_int, get_text, need_id, need_text
from carewatch.channels.times import occurred
from carewatch.channels.zendesk.ticket import channel_of, conversation
from carewatch.domain.errors import InvalidRecord

TYPE: Final = "carewatch:rating"
"""`type` of the template, in the place where Zendesk's own events have theirs."""

_THUMBS: Final = {"bad": 0, "good": 1}
_OFFERED: Final = "offered"


def rating(body: Fields, account: Account, received_at: int) -> Draft:
    """A survey that was sent (`offered`), or its answer: `good`, `bad`, or a number up to `of`.

    A ticket has one survey; who rates it again changes the rating.
    """
    number = need_id(body, "ticket_id")
    told = need_text(body, "rating").lower()
    when = need_text(body, "time")
    scale_max = get_int(body, "of")
    instrument: Literal["csat", "thumb"] = "thumb" if scale_max is None else "csat"
    scale_min = 0 if scale_max is None else 1
    if scale_max is not None and scale_max <= scale_min:
        raise InvalidRecord("schema", "of")
    customer_id, agent_id = get_id(body, "requester_id"), get_id(body, "assignee_id")
    customer = CustomerId("zendesk", customer_id) if customer_id else None
    offered = told == _OFFERED
    score = None if offered else _score(body, told, scale_max)
    return Draft(
        type="care.conversation.survey_requested" if offered else "care.conversation.rated",
        key=f"rating|{number}|{'offered' if offered else score}|{when}",
        occurred=occurred(when, "iso", received_at),
        channel=channel_of(account, (get_text(body, "via") or "").lower()),
        actor=ActorDraft(kind="system") if offered else ActorDraft(kind="customer", id=customer),
        conversation=conversation(number),
        conversation_ref=number,
        customer=customer,
        csat=CsatDraft(
            phase="requested" if offered else "answered",
            instrument=instrument,
            scale_min=scale_min,
            scale_max=1 if scale_max is None else scale_max,
            score=score,
            survey=MessageId("zendesk", f"{number}:rating"),
            has_comment=None if offered else get_text(body, "comment") is not None,
            rated_agent=AgentId("zendesk", agent_id) if agent_id and not offered else None,
        ),
    )


def _score(body: Fields, told: str, scale_max: int | None) -> int:
    if scale_max is None:
        score = _THUMBS.get(told)
    else:
        score = get_int(body, "rating")
        score = score if score is not None and 1 <= score <= scale_max else None
    if score is None:
        raise InvalidRecord("schema", "rating")
    return score
