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
_HEAD: Final = 5


def seal(body: bytes) -> bytes:
    """Version (1 byte), CRC-32 of the body (4 bytes, big-endian), body."""
    return bytes((VERSION,)) + zlib.crc32(body).to_bytes(4, "big") + body


def unseal(row: bytes) -> bytes:
    """The body of a sealed row; raises InvalidRecord for another version or a wrong checksum."""
    if len(row) < _HEAD or row[0] != VERSION:
        raise InvalidRecord("row_version")
    body = row[_HEAD:]
    if zlib.crc32(body).to_bytes(4, "big") != row[1:_HEAD]:
        raise InvalidRecord("row_checksum")
    return body
