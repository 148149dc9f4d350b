"""Records as they stand in a file of the spool: each framed and checksummed, so that damage shows.

A frame is a mark, the length and the CRC-32 of what follows, and the sealed record. Whatever a
killed process left half-written fits no checksum; behind a damaged place the next mark is looked
for, so that one bad byte does not cost the rest of the file.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from carewatch.domain.errors import InvalidRecord
from carewatch.gateway.producer import Outgoing

MARK: Final = b"CWS1"
_HEAD: Final = struct.Struct(">4sII")


class Framed(NamedTuple):
    """Where a frame stands in a file, and how long it is with its head."""

    at: int
    size: int


class Scan(NamedTuple):
    """What a file holds: its whole frames, gaps between them, and a torn end of so many bytes."""

    frames: list[Framed]
    gaps: int
    torn: int


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """A record of the spool, in its compact form."""

    topic: str
    key: bytes | None
    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...]


_decoder = msgspec.msgpack.Decoder(_Stored)


def pack(topic: str, record: Outgoing) -> bytes:
    """A record and its topic as bytes, not sealed yet."""
    return msgspec.msgpack.encode(_Stored(topic, *record))


def unpack(packed: bytes) -> tuple[str, Outgoing]:
    """The record and its topic; raises InvalidRecord for anything that `pack` never wrote."""
    try:
        stored = _decoder.decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRecord("schema") from error
    return stored.topic, Outgoing(stored.key, stored.value, stored.timestamp, stored.headers)


def frame(payload: bytes) -> bytes:
    """The payload with its head."""
    return _HEAD.pack(MARK, len(payload), zlib.crc32(payload)) + payload


def payload_of(framed: bytes) -> bytes:
    """What a whole frame carries; raises InvalidRecord when a byte of it has changed."""
    if _length(memoryview(framed), 0) != len(framed):
        raise InvalidRecord("row_checksum")
    return framed[_HEAD.size :]


def scan(content: bytes) -> Scan:
    """Every whole frame of a file."""
    found = list(_frames(content))
    ends = [0, *(one.at + one.size for one in found)]
    gaps = sum(one.at != end for one, end in zip(found, ends, strict=False))
    return Scan(found, gaps, len(content) - ends[-1])


def _frames(content: bytes) -> Iterator[Framed]:
    view = memoryview(content)
    at = 0
    while (at := content.find(MARK, at)) >= 0:
        size = _length(view, at)
        if size is None:
            at += 1
        else:
            yield Framed(at, size)
            at += size


def _length(view: memoryview, at: int) -> int | None:
    """The length of the whole frame at a place, None when none stands there."""
    if len(view) - at < _HEAD.size:
        return None
    mark: bytes
    length: int
    mark, length, checksum = _HEAD.unpack_from(view, at)
    payload = view[at + _HEAD.size : at + _HEAD.size + length]
    if mark != MARK or len(payload) != length or zlib.crc32(payload) != checksum:
        return None
    return _HEAD.size + length
