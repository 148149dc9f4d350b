"""Changelog rows: the bytes of `care.state.*`, with a version and a checksum.

A row that cannot be trusted is never guessed at: restoring refuses, naming topic, partition and
key (a lost row would be a wrong number later).
"""

import zlib
from typing import Final

from carewatch.domain.errors import InvalidRecord

MARKER_KEY: Final = b"marker"
"""The row that says up to where the others reach; written last in every flush."""

VERSION: Final = 1
BODY: Final = 5
"""Where the body of a sealed row begins."""


def seal(body: bytes) -> bytes:
    """Version (1 byte), CRC-32 of the body (4 bytes, big-endian), body."""
    return bytes((VERSION,)) + zlib.crc32(body).to_bytes(4, "big") + body


def check(row: bytes) -> None:
    """Raises InvalidRecord for a row of another version or with a wrong checksum."""
    if len(row) < BODY or row[0] != VERSION:
        raise InvalidRecord("row_version")
    if zlib.crc32(memoryview(row)[BODY:]) != int.from_bytes(row[1:BODY], "big"):
        raise InvalidRecord("row_checksum")


def unseal(row: bytes) -> bytes:
    """The body of a sealed row; raises as `check` does."""
    check(row)
    return row[BODY:]
