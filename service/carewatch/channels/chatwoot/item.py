"""A message of Chatwoot, as the updates and the creation of one are read from it."""

from dataclasses import dataclass
from typing import Final

from carewatch.channels.chatwoot.talk import Talk
from carewatch.channels.drafts import MessageId, Text
from carewatch.channels.fields import (
    Fields,
    as_object,
    get_id,
    get_list,
    get_object,
    get_text,
    need_id,
)
from carewatch.domain.errors import InvalidRecord

_TYPES: Final = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
"""`message_type` is text at the top level, a number inside `conversation.messages[]`."""


@dataclass(frozen=True, slots=True)
class Item:
    """A message's body, with what is read again and again."""

    body: Fields
    talk: Talk
    path: str

    @property
    def id(self) -> MessageId:
        return MessageId("chatwoot", need_id(self.body, "id"))

    @property
    def stem(self) -> str:
        return f"message|{self.id.value}"

    @property
    def attributes(self) -> Fields:
        return get_object(self.body, "content_attributes")

    @property
    def content_type(self) -> str:
        return get_text(self.body, "content_type") or "text"

    @property
    def text(self) -> str | None:
        return get_text(self.body, "content")

    @property
    def words(self) -> Text | None:
        """What a customer wrote, for the restricted topic."""
        text = self.text
        return Text(text) if text is not None and self.direction() == "incoming" else None

    @property
    def listed(self) -> Fields:
        """The same message among the newest of the conversation, which says more; else empty."""
        for listed in get_list(self.talk.fields, "messages"):
            fields = as_object(listed, "messages")
            if get_id(fields, "id") == self.id.value:
                return fields
        return {}

    def direction(self) -> str:
        stated = self.body.get("message_type")
        name = _TYPES.get(stated) if isinstance(stated, int) else stated
        if name not in _TYPES.values():
            raise InvalidRecord("schema", "message_type")
        return str(name)
