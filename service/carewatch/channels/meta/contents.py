"""What a message of Messenger or Instagram holds: its kind and size, what was offered or picked."""

import re
from dataclasses import dataclass
from typing import Final

from carewatch.channels.fields import (
    Fields,
    as_object,
    get_flag,
    get_id,
    get_list,
    get_object,
    get_text,
    need_text,
)
from carewatch.wire.envelope import Choice, MessageKind, Prompt

_KINDS: Final[dict[str, MessageKind]] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "location": "location",
    "template": "template",
    "like_heart": "sticker",
    "story_mention": "image",
    "reel": "video",
    "ig_reel": "video",
}
"""By type of the first attachment; what shares something public (`share`, `ig_post`, `fallback`)
is a link, of which only the text beside it counts."""

_MEDIA: Final = ("image", "video", "audio", "document", "sticker")
_CONTACT: Final = re.compile(r"[^@\s]+@[^@\s]+|\+?[\d\s().-]{7,}")
"""A mail address or a phone number: what some quick replies answer with."""


@dataclass(frozen=True, slots=True)
class Content:
    """A message's content without its words, but for `text` on its way to the restricted topic."""

    kind: MessageKind
    text: str | None
    media_count: int
    choice: Choice | None = None
    prompt: Prompt | None = None


def content_of(message: Fields) -> Content:
    """What the customer or the business sent.

    The words of a quick reply are the business's own: they are the title of a choice, no text.
    """
    text = get_text(message, "text")
    quick_reply = get_object(message, "quick_reply")
    if quick_reply:
        choice = _picked(quick_reply, text)
        kind: MessageKind = "form" if choice.kind == "form" else "choice"
        return Content(kind=kind, text=None, media_count=0, choice=choice)
    attachments = [
        as_object(attachment, "attachments") for attachment in get_list(message, "attachments")
    ]
    kinds = [_kind(attachment) for attachment in attachments]
    first = next((kind for kind in kinds if kind is not None), None)
    if get_flag(message, "is_unsupported"):
        first = "unsupported"
    return Content(
        kind=first or ("text" if text else "unsupported"),
        text=text,
        media_count=sum(kind in _MEDIA for kind in kinds),
        prompt=_offered(attachments),
    )


def _kind(attachment: Fields) -> MessageKind | None:
    if get_id(get_object(attachment, "payload"), "sticker_id"):
        return "sticker"
    return _KINDS.get(need_text(attachment, "type"))


def _picked(quick_reply: Fields, title: str | None) -> Choice:
    """A quick reply; one that gives away the customer's number or address is a form, unread."""
    payload = get_id(quick_reply, "payload")
    if any(stated and _CONTACT.fullmatch(stated) for stated in (payload, title)):
        return Choice(kind="form", id="contact_details")
    return Choice(kind="quick_reply", id=payload or title or "-", title=title)


def _offered(attachments: list[Fields]) -> Prompt | None:
    """The buttons of a template of ours that answer to us: payloads, the business's words."""
    options: list[str] = []
    for attachment in attachments:
        payload = get_object(attachment, "payload")
        elements = [as_object(element, "elements") for element in get_list(payload, "elements")]
        for holder in (payload, *elements):
            for button in get_list(holder, "buttons"):
                fields = as_object(button, "buttons")
                chosen = get_id(fields, "payload")
                if get_text(fields, "type") == "postback" and chosen is not None:
                    options.append(chosen)
    return Prompt(kind="button", option_ids=tuple(options)) if options else None
