"""The changelog rows of track: what a new owner needs to go on as if nothing had happened.

Row keys are MessagePack arrays whose first element says what the row holds; bodies are sealed
(`wire.rows`). The marker's first element is the next source offset.
"""

from typing import Final

import msgspec

from carewatch.domain.aggregates import Accumulator
from carewatch.domain.metrics import BY_ID
from carewatch.domain.windows import Pane, PaneKey
from carewatch.processors.seen import Block
from carewatch.wire.partials import accumulator_type
from carewatch.wire.rows import seal, unseal

IDS: Final = "ids"
PANE: Final = "pane"
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


class PaneRow(msgspec.Struct, array_like=True, gc=False):
    """A pane, its `end` (see Pane), and whether it changed since it was last published."""

    changed: bool
    body: msgspec.Raw
    end: int | None


class RulebookRow(msgspec.Struct, array_like=True, gc=False):
    """A published rulebook, whole: the log forgets it, the worker must not."""

    hash: str
    effective_at: int
    document: bytes


_marker: Final = msgspec.msgpack.Decoder(Marker)
_pane_key: Final = msgspec.msgpack.Decoder(tuple[str, str, tuple[str, ...], str, int | None])
_pane: Final = msgspec.msgpack.Decoder(PaneRow)
_rulebook: Final = msgspec.msgpack.Decoder(RulebookRow)
_ids_key: Final = msgspec.msgpack.Decoder(tuple[str, int, int])
_rulebook_key: Final = msgspec.msgpack.Decoder(tuple[str, int])


def kind_of(key: bytes) -> str:
    """What a row holds; raises msgspec.MsgspecError for a key of another writer."""
    parts = msgspec.msgpack.decode(key)
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise msgspec.ValidationError("the key of a row is an array that begins with its kind")
    return parts[0]


def ids_key(block: Block) -> bytes:
    return _encoder.encode((IDS, *block))


def read_ids_key(key: bytes) -> Block:
    _, hour, number = _ids_key.decode(key)
    return Block(hour, number)


def pane_key(key: PaneKey) -> bytes:
    return _encoder.encode((PANE, *key))


def read_pane_key(key: bytes) -> PaneKey:
    _, metric, labels, window, start = _pane_key.decode(key)
    return PaneKey(metric, labels, window, start)


def rulebook_key(number: int) -> bytes:
    return _encoder.encode((RULEBOOK, number))


def read_rulebook_key(key: bytes) -> int:
    return _rulebook_key.decode(key)[1]


def encode(body: RulebookRow | Marker) -> bytes:
    return seal(_encoder.encode(body))


def encode_ids(ids: bytes) -> bytes:
    return seal(ids)


def encode_pane(pane: Pane) -> bytes:
    body = msgspec.Raw(_encoder.encode(pane.body))
    return seal(_encoder.encode(PaneRow(pane.changed, body, pane.end)))


def decode_pane(key: PaneKey, row: bytes) -> tuple[Accumulator, int | None, bool]:
    """What the pane holds, its end, and whether it is still to be published."""
    decoded = _pane.decode(unseal(row))
    if key.metric not in BY_ID:
        raise msgspec.ValidationError("a pane of a metric that this version does not know")
    kind = accumulator_type(key.metric, key.window)
    pane: Accumulator = msgspec.msgpack.decode(decoded.body, type=kind)
    return pane, decoded.end, decoded.changed


def decode_rulebook(row: bytes) -> RulebookRow:
    return _rulebook.decode(unseal(row))


def decode_marker(row: bytes) -> Marker:
    return _marker.decode(unseal(row))
