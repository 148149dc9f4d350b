"""The words of a message as they stand in `care.text`: restricted, for annotators alone."""

from typing import Final, Literal

import msgspec

from carewatch.wire.envelope import SPECVERSION, Channel, SourceRole

TYPE: Final = "care.message.text"
DATASCHEMA: Final = "care-text/1.0"


class TextData(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Whose words, and where; the keys are those of the event of the same message."""

    tenant: str
    channel: Channel
    conversation_key: str
    message_key: str
    text: str
    account_ref: str | None = None
    source_role: SourceRole | None = None
    lang: str | None = None


class TextRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `care.text`; its `id` is that of the event of the same message."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["care.message.text"]
    time: str
    dataschema: str
    data: TextData


def encode_text(*, id_: str, source: str, time: str, message: TextData) -> bytes:
    """The JSON of a record."""
    record = TextRecord(
        specversion=SPECVERSION,
        id=id_,
        source=source,
        type=TYPE,
        time=time,
        dataschema=DATASCHEMA,
        data=message,
    )
    return msgspec.json.encode(record)
