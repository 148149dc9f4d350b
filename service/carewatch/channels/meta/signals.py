"""What else happens in a thread of Messenger or Instagram: receipts, ratings, hand-overs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from carewatch.channels.drafts import ActorDraft, CsatDraft, Draft, StatusDraft
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_int,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.meta.thread import Thread
from carewatch.channels.times import to_ms
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Handoff

_SCALES: Final[dict[str, tuple[Literal["csat", "nps", "ces"], int, int]]] = {
    "csat": ("csat", 1, 5),
    "nps": ("nps", 0, 10),
    "ces": ("ces", 1, 7),
}
"""The questions of the customer feedback template, and the scale of each."""

_THUMBS: Final = {"Good response": 1, "Bad response": 0}


def delivery(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """What reached the customer: some messages by name, or all up to a moment."""
    named = [need_id({"mid": mid}, "mid") for mid in get_list(fields, "mids")]
    yield from _reached(thread, fields, "delivered", named)


def read(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """Messenger sends a watermark, Instagram the message that was seen."""
    mid = get_id(fields, "mid")
    yield from _reached(thread, fields, "read", [mid] if mid else [])


def _reached(
    thread: Thread, fields: Fields, value: Literal["delivered", "read"], mids: list[str]
) -> Iterator[Draft]:
    """One status per message named; of a bare watermark, one for all messages up to it."""
    person = thread.person(outbound=False)
    watermark = get_id(fields, "watermark")
    at = thread.at(thread.stamp or watermark)
    system = ActorDraft(kind="system")
    for mid in mids:
        yield replace(
            thread.draft("care.message.status", f"{mid}|status|{value}", person, system),
            occurred=at,
            status=StatusDraft(value=value, message=thread.mid(mid)),
        )
    if not mids:
        up_to = to_ms(watermark, "s_or_ms")
        key = f"{person.value}|status|{value}|{up_to}"
        yield replace(
            thread.draft("care.message.status", key, person, system),
            occurred=at,
            status=StatusDraft(value=value, up_to=up_to),
        )


def feedback(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """The answers to a customer feedback template, one rating per question that has a scale."""
    person = thread.person(outbound=False)
    for screen in get_list(fields, "feedback_screens"):
        shown = as_object(screen, "feedback_screens")
        number = get_id(shown, "screen_id")
        for name, question in get_object(shown, "questions").items():
            answer = as_object(question, "questions")
            scale = _SCALES.get((get_text(answer, "type") or "").strip())
            if scale is None:
                continue
            instrument, least, most = scale
            score = get_int(answer, "payload")
            if score is None or not least <= score <= most:
                raise InvalidRecord("schema", "payload")
            comment = get_text(get_object(answer, "follow_up"), "payload")
            key = f"{person.value}|rated|{thread.stamp}|{number}|{name}"
            yield replace(
                thread.draft("care.conversation.rated", key, person),
                csat=CsatDraft(
                    phase="answered",
                    instrument=instrument,
                    scale_min=least,
                    scale_max=most,
                    score=score,
                    has_comment=comment is not None,
                ),
            )


def thumb(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """Thumbs up or down for one message of ours."""
    mid = need_id(fields, "mid")
    score = _THUMBS.get(get_text(fields, "feedback") or "")
    if score is None:
        raise InvalidRecord("schema", "feedback")
    yield replace(
        thread.draft(
            "care.conversation.rated", f"{mid}|rated|{score}", thread.person(outbound=False)
        ),
        csat=CsatDraft(
            phase="answered",
            instrument="thumb",
            scale_min=0,
            scale_max=1,
            score=score,
            survey=thread.mid(mid),
            has_comment=False,
        ),
    )


def control(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """Control of the thread moved: a hand-over where a bot is on one side and people on the other.

    Nothing is known where the account names no bot. An owner that is not named is taken to be on
    the other side of the one that is.
    """
    options = thread.account.options
    if not any(name.startswith("app.") and side == "bot" for name, side in options.items()):
        return
    before, after = (
        (app, thread.side_of(app) == "bot") if (app := get_id(fields, name)) else None
        for name in ("previous_owner_app_id", "new_owner_app_id")
    )
    was_bot = before[1] if before else not (after and after[1])
    is_bot = after[1] if after else not was_bot
    if was_bot == is_bot:
        return
    person = thread.person(outbound=thread.sent_by_business)
    apps = "|".join(side[0] if side else "" for side in (before, after))
    yield replace(
        thread.draft(
            "care.conversation.handoff",
            f"{person.value}|control|{apps}|{thread.stamp}",
            person,
            ActorDraft(kind="system"),
        ),
        handoff=Handoff(from_="bot" if was_bot else "human", to="bot" if is_bot else "human"),
    )
