"""Messages of Telegram: written, edited, deleted; who wrote them and what they hold."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from carewatch.channels.base import Skip
from carewatch.channels.drafts import ActorDraft, ConversationId, Draft, MessageDraft, Text
from carewatch.channels.fields import (
    Fields,
    get_flag,
    get_id,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.telegram.update import Place, Update, agent_of, customer_of
from carewatch.wire.envelope import Choice, Lifecycle, MessageKind

_KINDS: Final[dict[str, MessageKind]] = {
    "text": "text",
    "animation": "video",
    "audio": "audio",
    "checklist": "form",
    "contact": "contact",
    "dice": "sticker",
    "game": "unsupported",
    "giveaway": "unsupported",
    "invoice": "template",
    "venue": "location",
    "location": "location",
    "paid_media": "image",
    "passport_data": "form",
    "photo": "image",
    "poll": "prompt",
    "sticker": "sticker",
    "story": "unsupported",
    "users_shared": "form",
    "chat_shared": "form",
    "video": "video",
    "video_note": "video",
    "voice": "audio",
    "web_app_data": "form",
    "document": "document",
}
"""By the field that holds the content; an animation is told as a document, too, which it is not."""

_MEDIA: Final = ("image", "video", "audio", "document")

_SERVICE: Final = (
    "boost_added", "channel_chat_created", "chat_background_set", "checklist_tasks_added",
    "checklist_tasks_done", "connected_website", "delete_chat_photo",
    "direct_message_price_changed", "forum_topic_closed", "forum_topic_created",
    "forum_topic_edited", "forum_topic_reopened", "general_forum_topic_hidden",
    "general_forum_topic_unhidden", "gift", "giveaway_completed", "giveaway_created",
    "giveaway_winners", "group_chat_created", "left_chat_member",
    "message_auto_delete_timer_changed", "migrate_from_chat_id", "new_chat_members",
    "new_chat_photo", "new_chat_title", "paid_message_price_changed", "pinned_message",
    "proximity_alert_triggered", "refunded_payment", "successful_payment",
    "supergroup_chat_created", "unique_gift", "video_chat_ended",
    "video_chat_participants_invited", "video_chat_scheduled", "video_chat_started",
    "write_access_allowed",
)  # fmt: skip
"""Service messages: what happened to the chat, not what anybody said."""


def message(update: Update) -> Iterator[Draft | Skip]:
    """A message, a message of a business conversation, a post of a channel."""
    fields = update.body
    place = update.place(fields)
    moved_to = get_id(fields, "migrate_to_chat_id")
    if moved_to is not None:
        yield _moved(update, place, moved_to)
        return
    content = next((name for name in _KINDS if name in fields), None)
    if content is None:
        known = any(name in fields for name in _SERVICE)
        yield Skip(reason="ignored" if known else "unmapped", path=update.path)
        return
    actor, automated = _author(update, place)
    text = _words(fields)
    inbound = actor.kind == "customer"
    kind = _KINDS[content]
    answered = get_object(fields, "reply_to_message")
    # Every message of a topic seems to reply to the message that created the topic.
    replies = None if "forum_topic_created" in answered else get_id(answered, "message_id")
    yield replace(
        update.draft("care.message.created", place, update.at(fields.get("date")), actor),
        message=MessageDraft(
            id=place.message(need_id(fields, "message_id")),
            direction="inbound" if inbound else "outbound",
            kind=kind,
            has_text=text is not None,
            chars=len(text or ""),
            media_count=1 if kind in _MEDIA or content == "sticker" else 0,
            in_reply_to=place.message(replies) if replies else None,
            automated=True if automated else None,
            text=Text(text) if text and inbound else None,
        ),
        choice=_answer_of_web_app(fields),
    )


def edited(update: Update) -> Iterator[Draft | Skip]:
    """New words; a shared place that moves is edited every few seconds, and is none."""
    fields = update.body
    if "location" in fields:
        yield Skip(reason="ignored", path=update.path)
        return
    place = update.place(fields)
    actor, _ = _author(update, place)
    text = _words(fields)
    inbound = actor.kind == "customer"
    yield replace(
        update.draft("care.message.updated", place, update.at(fields.get("edit_date")), actor),
        message=MessageDraft(
            id=place.message(need_id(fields, "message_id")),
            direction="inbound" if inbound else "outbound",
            has_text=text is not None,
            chars=len(text or ""),
            text=Text(text) if text and inbound else None,
        ),
    )


def deleted(update: Update) -> Iterator[Draft | Skip]:
    """Several messages at once; by whom and when is not said."""
    place = update.place(update.body)
    for number in get_list(update.body, "message_ids"):
        name = need_id({"message_id": number}, "message_id")
        yield replace(
            update.draft(
                "care.message.deleted",
                place,
                update.arrival,
                ActorDraft(kind="unknown"),
                part=name,
            ),
            message=MessageDraft(id=place.message(name)),
        )


def _author(update: Update, place: Place) -> tuple[ActorDraft, bool]:
    """Who wrote a message, and whether Telegram sent it by itself (an away message, a post)."""
    fields = update.body
    sender = get_object(fields, "from")
    if get_text(get_object(fields, "chat"), "type") == "channel" or get_flag(
        fields, "is_automatic_forward"
    ):
        return ActorDraft(kind="system"), True
    if place.connection is not None:
        number = need_id(sender, "id")
        if number == place.chat:
            return ActorDraft(kind="customer", id=customer_of(number)), False
        bot = get_id(get_object(fields, "sender_business_bot"), "id")
        if bot is not None:
            return ActorDraft(kind="bot", id=agent_of(bot)), False
        return ActorDraft(kind="agent", id=agent_of(number)), get_flag(fields, "is_from_offline")
    in_name_of = get_id(get_object(fields, "sender_chat"), "id")
    return update.speaker(place, sender, in_name_of), False


def _words(fields: Fields) -> str | None:
    return get_text(fields, "text") or get_text(fields, "caption")


def _answer_of_web_app(fields: Fields) -> Choice | None:
    """What a web app gave back is form values, which are dropped; its button has our words."""
    answer = get_object(fields, "web_app_data")
    if not answer:
        return None
    return Choice(kind="form", id=get_text(answer, "button_text") or "web_app")


def _moved(update: Update, place: Place, chat: str) -> Draft:
    """A group became a supergroup, with another number: the conversation goes on there."""
    return replace(
        update.draft(
            "care.conversation.merged",
            place,
            update.at(update.body.get("date")),
            ActorDraft(kind="system"),
        ),
        lifecycle=Lifecycle(to="merged"),
        merged_into=ConversationId("telegram", chat),
    )
