"""The changelog rows of track: what a new owner needs to go on as if nothing had happened.

Row keys are MessagePack arrays whose first element says what the row holds; bodies are sealed
(`wire.rows`). The marker's first element is the next source offset.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from carewatch.domain.policy import Book
from carewatch.processors.base import Row
from carewatch.processors.seen import Block
from carewatch.wire.events import decode_book
from carewatch.wire.rows import seal, unseal

IDS: Final = "ids"
RULEBOOK: Final = "rulebook"

_encoder: Final = msgspec.msgpack.Encoder()


class Marker(msgspec.Struct, array_like=True, gc=False):
    """Up to where the rows reach, and the partition's own clocks (ms, 0 before the first).

    Windows that ended before `closed_before` take nothing any more.
    """

    next_offset: int
    log_clock: int
    tick: int
    closed_before: int


class RulebookRow(msgspec.Struct, array_like=True, gc=False):
    """A published rulebook, whole: the log forgets it, the worker must not."""

    hash: str
    effective_at: int
    document: bytes


_marker: Final = msgspec.msgpack.Decoder(Marker)
_rulebook: Final = msgspec.msgpack.Decoder(RulebookRow)
_ids_key: Final = msgspec.msgpack.Decoder(tuple[str, int, int])
_rulebook_key: Final = msgspec.msgpack.Decoder(tuple[str, int])


def kind_of(key: bytes) -> str:
    """What a row holds; raises msgspec.MsgspecError for a key of another writer."""
    parts = msgspec.msgpack.decode(key)
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise msgspec.ValidationError("the key of a row is an array that begins with its kind")
    return parts[0]


def id_rows(taken: Iterable[tuple[Block, bytes | None]]) -> Iterator[Row]:
    """The rows of blocks of ids; None: the block is forgotten."""
    for block, ids in taken:
        yield Row(_encoder.encode((IDS, *block)), None if ids is None else seal(ids))


def read_ids_key(key: bytes) -> Block:
    _, hour, number = _ids_key.decode(key)
    return Block(hour, number)


def rulebook_key(number: int) -> bytes:
    return _encoder.encode((RULEBOOK, number))


def encode(body: RulebookRow | Marker) -> bytes:
    return seal(_encoder.encode(body))


def read_rulebook(key: bytes, value: bytes) -> Book:
    """The rulebook of a row, compiled; raises InvalidRecord or a msgspec error."""
    row = _rulebook.decode(unseal(value))
    return decode_book(
        number=_rulebook_key.decode(key)[1],
        hash_=row.hash,
        effective_at=row.effective_at,
        document=row.document,
    )


def decode_marker(row: bytes) -> Marker:
    return _marker.decode(unseal(row))
