"""Messages of Messenger and Instagram: sent, echoed, edited, unsent; buttons and reactions."""

from collections.abc import Iterator
from dataclasses import replace

from carewatch.channels.drafts import Draft, MessageDraft, Text
from carewatch.channels.fields import (
    Fields,
    get_flag,
    get_id,
    get_int,
    get_object,
    get_text,
    need_id,
)
from carewatch.channels.meta.contents import content_of
from carewatch.channels.meta.thread import Thread
from carewatch.wire.envelope import Choice


def message(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """A customer's message, or the echo of one of ours: there sender and recipient change places.

    What is sent through the API is echoed as well: its key is the message's, so it counts once.
    """
    mid = need_id(fields, "mid")
    outbound = get_flag(fields, "is_echo") or thread.sent_by_business
    person = thread.person(outbound=outbound)
    actor = thread.by_business(fields) if outbound else None
    if get_flag(fields, "is_deleted"):
        yield replace(
            thread.draft("care.message.deleted", f"{mid}|deleted", person, actor),
            message=MessageDraft(
                id=thread.mid(mid), direction="outbound" if outbound else "inbound"
            ),
        )
        return
    content = content_of(fields)
    answers = get_id(get_object(fields, "reply_to"), "mid")
    yield replace(
        thread.draft("care.message.created", f"{mid}|created", person, actor),
        message=MessageDraft(
            id=thread.mid(mid),
            direction="outbound" if outbound else "inbound",
            kind=content.kind,
            has_text=content.text is not None,
            chars=len(content.text or ""),
            media_count=content.media_count,
            in_reply_to=thread.mid(answers) if answers else None,
            is_echo=True if outbound else None,
            automated=True if actor is not None and actor.kind == "system" else None,
            text=Text(content.text) if content.text and not outbound else None,
        ),
        choice=None if outbound else content.choice,
        prompt=content.prompt if outbound else None,
    )


def edited(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """The new words of a message; edits are counted from 1."""
    mid = need_id(fields, "mid")
    number = get_int(fields, "num_edit")
    outbound = thread.sent_by_business
    text = get_text(fields, "text")
    yield replace(
        thread.draft(
            "care.message.updated",
            f"{mid}|updated|{thread.stamp if number is None else number}",
            thread.person(outbound=outbound),
            thread.by_business(fields) if outbound else None,
        ),
        message=MessageDraft(
            id=thread.mid(mid),
            direction="outbound" if outbound else "inbound",
            has_text=text is not None,
            chars=len(text or ""),
            edited_no=number,
            text=Text(text) if text and not outbound else None,
        ),
    )


def postback(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """A pressed button: in `standby` it has no payload, in old versions no `mid`."""
    person = thread.person(outbound=False)
    title = get_text(fields, "title")
    mid = get_id(fields, "mid") or f"postback|{person.value}|{need_id(thread.item, 'timestamp')}"
    yield replace(
        thread.draft("care.message.created", f"{mid}|created", person),
        message=MessageDraft(
            id=thread.mid(mid),
            direction="inbound",
            kind="choice",
            has_text=False,
            chars=0,
            media_count=0,
        ),
        choice=Choice(kind="postback", id=get_id(fields, "payload") or title or "-", title=title),
    )


def reaction(thread: Thread, fields: Fields) -> Iterator[Draft]:
    """A reaction has no id of its own; taking one back is no event."""
    mid = need_id(fields, "mid")
    if get_text(fields, "action") == "unreact":
        return
    outbound = thread.sent_by_business
    own = f"{mid}|reacted|{'page' if outbound else 'customer'}|{thread.stamp}"
    yield replace(
        thread.draft(
            "care.message.reacted",
            own,
            thread.person(outbound=outbound),
            thread.by_business(fields) if outbound else None,
        ),
        message=MessageDraft(
            id=thread.mid(own),
            direction="outbound" if outbound else "inbound",
            kind="reaction",
            in_reply_to=thread.mid(mid),
            needs_reply=False,
        ),
    )
