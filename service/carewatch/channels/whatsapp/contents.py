"""What a WhatsApp message holds: its kind, its size, and what the customer picked."""

from typing import Final, TypedDict

from carewatch.channels.fields import (
    Fields,
    get_id,
    get_object,
    get_text,
    need_id,
    need_text,
)
from carewatch.wire.envelope import Choice, MessageKind

KINDS: Final[dict[str, MessageKind]] = {
    "text": "text",
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
    "contacts": "contact",
    "button": "choice",
    "interactive": "choice",
    "order": "form",
    "template": "template",
    "unsupported": "unsupported",
    "unknown": "unsupported",
}
_MEDIA: Final = ("image", "video", "audio", "voice", "document", "sticker")


class Size(TypedDict, total=False):
    has_text: bool
    chars: int
    media_count: int


def words_of(fields: Fields, kind: str) -> str | None:
    """What somebody wrote: a text, what stands beside a file or an order, the new words."""
    if kind == "edit":
        edited = get_object(get_object(fields, kind), "message")
        return words_of(edited, get_text(edited, "type") or "")
    if kind == "order":
        return get_text(get_object(fields, kind), "text")
    if kind != "text" and kind not in _MEDIA:
        return None
    return get_text(get_object(fields, kind), "body" if kind == "text" else "caption")


def size_of(fields: Fields, kind: str) -> Size:
    """What is counted of a message; of one that changes another only the new words."""
    if kind in ("revoke", "reaction"):
        return {}
    words = words_of(fields, kind)
    if kind == "edit":
        return {"has_text": words is not None, "chars": len(words or "")}
    return {
        "has_text": words is not None,
        "chars": len(words or ""),
        "media_count": 1 if kind in _MEDIA else 0,
    }


def choice_of(fields: Fields, kind: str) -> Choice | None:
    """What the customer picked; titles are the business's words, form values are dropped."""
    body = get_object(fields, kind)
    if kind == "button":
        title = get_text(body, "text")
        return Choice(kind="button", id=get_id(body, "payload") or title or "-", title=title)
    match get_text(body, "type"):
        case "button_reply":
            reply = get_object(body, "button_reply")
            return Choice(kind="button", id=need_id(reply, "id"), title=get_text(reply, "title"))
        case "list_reply":
            reply = get_object(body, "list_reply")
            return Choice(kind="list", id=need_id(reply, "id"), title=get_text(reply, "title"))
        case "nfm_reply":
            return Choice(kind="form", id=get_text(get_object(body, "nfm_reply"), "name") or "form")
        case "call_permission_reply":
            reply = get_object(body, "call_permission_reply")
            return Choice(kind="button", id=f"call_permission:{need_text(reply, 'response')}")
        case _:
            return None
