"""Dead letters as people look at them: `care.dead`, read as it stands."""

import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from carewatch.domain.errors import InvalidRecord, Refused
from carewatch.engine.ports import Log
from carewatch.engine.sealing import MAGIC, Seal
from carewatch.processors.base import Record
from carewatch.wire.dead import decode_remembered
from carewatch.wire.topics import DEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter; `sealed` and `remembered` are as they are stored, not to be shown."""

    offset: int
    kind: str
    reason: str
    stage: str
    topic: str | None
    partition: int | None
    original_offset: int | None
    arrived_at: int | None
    channel: str | None
    account: str | None
    key: bytes | None
    sealed: bytes
    remembered: str | None = None

    @classmethod
    def read(cls, record: Record) -> Self:
        """A record of `care.dead`; headers that are missing or odd are left out."""
        told = {name: value.decode(errors="replace") for name, value in record.headers}

        def number(name: str) -> int | None:
            text = told.get(name, "")
            return int(text) if text.isascii() and text.isdigit() else None

        return cls(
            offset=record.offset,
            kind=told.get("kind", "record"),
            reason=told.get("reason", "error"),
            stage=told.get("stage", ""),
            topic=told.get("original_topic"),
            partition=number("original_partition"),
            original_offset=number("original_offset"),
            arrived_at=number("ingest_ts"),
            channel=told.get("channel"),
            account=told.get("account"),
            key=record.key,
            sealed=record.value or b"",
            remembered=told.get("remembered"),
        )

    def open(self, seal: Seal | None) -> bytes:
        """What could not be understood, byte for byte.

        Raises InvalidRecord for another key than it was sealed with, Refused without one.
        """
        return self._opened(self.sealed, seal)

    def recall(self, seal: Seal | None) -> dict[str, str]:
        """The headers of its request that its channel asked to be kept.

        Raises as `open` does, and InvalidRecord for what was never kept so.
        """
        if self.remembered is None:
            return {}
        try:
            kept = base64.b64decode(self.remembered, validate=True)
        except binascii.Error as error:
            raise InvalidRecord("schema", "remembered") from error
        return decode_remembered(self._opened(kept, seal))

    def _opened(self, value: bytes, seal: Seal | None) -> bytes:
        if not value.startswith(MAGIC):
            return value
        if seal is None:
            raise Refused(
                f"{DEAD} offset {self.offset} is sealed, and privacy.dead_letter_key is not set. "
                "Remedy: set it to the reference of the key that the worker and the gateway have"
            )
        return seal.open(value)


async def read_letters(log: Log, first: int = 0, until: int | None = None) -> AsyncIterator[Letter]:
    """Dead letters from offset `first` on, up to below `until` or the end, in order."""
    end = await log.stable_end(DEAD, 0)
    if until is not None:
        end = min(end, until)
    async for records in log.read(DEAD, 0, end):
        for record in records:
            if record.offset >= first:
                yield Letter.read(record)
