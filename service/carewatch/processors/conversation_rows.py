"""The changelog row of a conversation, which is also what is kept of it while it rests.

A row can be kept without being read: its seal says that it is undamaged, and the form of the
memory that it was written from says whether this program can read it. Only the head of a live
conversation's row is read at once: what is to happen by time alone.
"""

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec
import zstandard
from msgspec.structs import replace

from carewatch.domain.contributions import Held
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.memory import Memory
from carewatch.processors.packing import dictionary, pack, unpack
from carewatch.wire.rows import BODY, check, seal

CONVERSATION: Final = "conversation"

Key = tuple[str, str]
"""Tenant and conversation key: two tenants may use the same key (E24)."""

_LIVE: Final = 1
_BESIDE: Final = 2
_SETTLED: Final = 4
_FORM: Final = slice(BODY, BODY + 4)
_FLAGS: Final = BODY + 4
_PACKED: Final = BODY + 5
_LENGTH: Final = 4


class Head(msgspec.Struct, array_like=True, gc=False):
    """What is known of a conversation at rest.

    Beside its row stand a base or none, and so many blocks of events from number `gone` on. By the
    rulebooks up to number `book` its next timer is `timer`. The gauges that go by time in which it
    stands are those that `shape` names (see `read_shape`), from the `instants` in the same order.
    """

    based: bool
    blocks: int
    gone: int
    timer: int | None
    book: int
    shape: bytes
    instants: list[int]


_encode: Final = msgspec.msgpack.Encoder().encode
_key: Final = msgspec.msgpack.Decoder(tuple[str, str, str])
_head: Final = msgspec.msgpack.Decoder(Head)
_memory: Final = msgspec.msgpack.Decoder(Memory)
_shape: Final = msgspec.msgpack.Decoder(list[tuple[str, tuple[str, ...], tuple[str, ...]]])

_KEY_BEGINS: Final = b"\x93" + _encode(CONVERSATION)  # an array of three follows


def row_key(key: Key) -> bytes:
    """The key of a conversation's row."""
    return _encode((CONVERSATION, *key))


def is_row_key(key: bytes) -> bool:
    """Whether a row is a conversation's; cheaper than to decode its key."""
    return key.startswith(_KEY_BEGINS)


def read_key(row_key: bytes) -> Key:
    """The conversation that a row is about; raises a msgspec error."""
    _, tenant, conversation = _key.decode(row_key)
    return tenant, conversation


@cache
def form() -> bytes:
    """Four bytes for what a memory consists of, and how it is packed: both may change."""
    shape = repr(msgspec.inspect.type_info(Memory)).encode()
    return zlib.crc32(dictionary(), zlib.crc32(shape)).to_bytes(4, "big")


def write(
    memory: Memory, *, timer: int | None, book: int, gauges: Sequence[Held], beside: bool
) -> bytes:
    """The row of a memory; with rows `beside` it, these hold its base and its blocks of events."""
    events = memory.events
    timed = [one for one in gauges if one.at]
    head = Head(
        based=bool(memory.base),
        blocks=len(events.blocks),
        gone=events.gone,
        timer=timer,
        book=book,
        shape=_encode([(one.metric, one.labels, one.of) for one in timed]) if timed else b"",
        instants=[one.at for one in timed],
    )
    # Its key says whose memory it is, its head what is due.
    memory = replace(memory, tenant="", key="", due=None, due_by=-1)
    if beside:
        memory = replace(memory, base=None, events=replace(events, blocks=[]))
    first = _encode(head)
    body = len(first).to_bytes(_LENGTH, "big") + first + _encode(memory)
    flags = (
        (_LIVE if gauges or timer is not None else 0)
        | (_BESIDE if beside else 0)
        | (_SETTLED if memory.is_settled else 0)
    )
    return seal(form() + bytes((flags,)) + pack(body))


def trust(row: bytes) -> None:
    """Makes sure that `read` will succeed; raises InvalidRecord or a msgspec error.

    What a program of the same form wrote, and nothing has damaged, need not be tried.
    """
    check(row)
    if row[_FORM] != form():
        read(("", ""), row)


def is_live(row: bytes) -> bool:
    """Whether something may happen to the conversation by time alone. The row is trusted."""
    return bool(row[_FLAGS] & _LIVE)


def is_settled(row: bytes) -> bool:
    """Whether nothing is left of the conversation's history. The row is trusted."""
    return bool(row[_FLAGS] & _SETTLED)


def has_more(row: bytes) -> bool:
    """Whether parts of the memory stand in rows of their own. The row is trusted."""
    return bool(row[_FLAGS] & _BESIDE)


def read_head(row: bytes) -> Head:
    """The head of a row; raises InvalidRecord or a msgspec error."""
    head, _ = _parts(row)
    return _head.decode(head)


def read(key: Key, row: bytes) -> Memory:
    """The memory of a conversation, without what stands beside its row; raises as `read_head`."""
    _, body = _parts(row)
    return _memory_of(key, body)


def awake(key: Key, row: bytes) -> Memory:
    """The same, as it was when the row was written: what is due next is in its head."""
    first, body = _parts(row)
    head, memory = _head.decode(first), _memory_of(key, body)
    memory.due, memory.due_by = head.timer, head.book
    return memory


def _parts(row: bytes) -> tuple[memoryview, memoryview]:
    """Head and memory, as they are encoded."""
    body = memoryview(unpacked(row[_PACKED:]))
    ends = _LENGTH + int.from_bytes(body[:_LENGTH], "big")
    return body[_LENGTH:ends], body[ends:]


def _memory_of(key: Key, body: memoryview) -> Memory:
    memory = _memory.decode(body)
    memory.tenant, memory.key = key
    return memory


def read_shape(shape: bytes) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Metric, labels, and policy and target (or nothing) of each gauge; raises a msgspec error."""
    return _shape.decode(shape) if shape else []


def unpacked(packed: bytes) -> bytes:
    """What was packed; raises InvalidRecord."""
    try:
        return unpack(packed)
    except zstandard.ZstdError as error:
        raise InvalidRecord("row_version", f"a conversation: {error}") from error
