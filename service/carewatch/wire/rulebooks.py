"""A published rulebook: one canonical JSON, its hash, and the control record that carries it.

The same record stands in every partition of `care.events` and, whole, in `care.rulebooks`.
"""

from hashlib import sha256
from typing import Final

import msgspec
import orjson

from carewatch.domain.errors import InvalidRecord
from carewatch.domain.rulebook import Document
from carewatch.domain.times import format_time
from carewatch.wire.envelope import DATASCHEMA, SPECVERSION, RulebookEnvelope, RulebookPublished
from carewatch.wire.unreadable import UNREADABLE

RULEBOOK_TYPE: Final = "care.rulebook.published"
SOURCE: Final = "/care/rulebook"

_envelope = msgspec.json.Decoder(RulebookEnvelope)
_document = msgspec.json.Decoder(Document)


def encode_document(document: Document) -> bytes:
    """Canonical JSON: keys sorted, values at their default left out.

    Equal rules give equal bytes, however the files are laid out.
    """
    return orjson.dumps(msgspec.to_builtins(document), option=orjson.OPT_SORT_KEYS)


def decode_document(value: bytes | msgspec.Raw) -> Document:
    """The document of a publication; raises InvalidRecord("schema") if it is none."""
    try:
        return _document.decode(value)
    except UNREADABLE as error:
        raise InvalidRecord("schema", "document of a rulebook") from error


def hash_document(canonical: bytes) -> str:
    """The identity of a rulebook: `sha256:` and the first 32 hex digits, which are 128 bits."""
    return f"sha256:{sha256(canonical).hexdigest()[:32]}"


def encode_publication(
    *, number: int, canonical: bytes, effective_at: int, recorded_at: int
) -> bytes:
    """The control record of rulebook `number`; instants in milliseconds."""
    recorded = format_time(recorded_at)
    return msgspec.json.encode(
        RulebookEnvelope(
            specversion=SPECVERSION,
            id=f"rulebook-{number}",
            source=SOURCE,
            type=RULEBOOK_TYPE,
            time=recorded,
            recordedtime=recorded,
            dataschema=DATASCHEMA,
            data=RulebookPublished(
                number=number,
                hash=hash_document(canonical),
                effective_at=format_time(effective_at),
                document=msgspec.Raw(canonical),
            ),
        )
    )


def decode_publication(value: bytes) -> RulebookEnvelope:
    """The control record; raises InvalidRecord, also when the hash is not that of the document."""
    try:
        envelope = _envelope.decode(value)
    except UNREADABLE as error:
        raise InvalidRecord("schema", "control record of a rulebook") from error
    if hash_document(bytes(envelope.data.document)) != envelope.data.hash:
        raise InvalidRecord("schema", "hash of a rulebook")
    return envelope
