"""The conversations of a partition: those at work as objects, all others as the bytes of their row.

An object takes several times the room of its bytes, and what a partition holds is nearly all at
rest. In the changelog a conversation is one row, and where its history is long, rows of their own
for the base and for each full block of events: an event in order writes the same, however many
came before it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from carewatch.domain.errors import InvalidRecord
from carewatch.domain.ledger import Memory
from carewatch.processors.base import Row
from carewatch.wire.rows import seal, unseal

CONVERSATION: Final = "conversation"
BASE: Final = "base"
EVENTS: Final = "events"
AT_WORK: Final = 4096
"""So many conversations that wait for their next event are kept as objects."""

Key = tuple[str, str]
"""Tenant and conversation key: two tenants may use the same key (E24)."""


class _Head(msgspec.Struct, array_like=True, gc=False):
    """What stands beside a conversation: a base or none, so many blocks from number `gone` on."""

    based: bool
    blocks: int
    gone: int


class _Row(_Head, array_like=True, gc=False):
    """A memory without its base and its blocks."""

    memory: Memory


class _Beside(NamedTuple):
    """What stands in rows of its own: the base, and the blocks from number `gone` on."""

    base: bytes | None = None
    gone: int = 0
    blocks: list[bytes] = []  # noqa: RUF012 - never changed, only replaced


_NOTHING: Final = _Beside()
_pack: Final = msgspec.msgpack.Encoder().encode
_head: Final = msgspec.msgpack.Decoder(_Head)
_row: Final = msgspec.msgpack.Decoder(_Row)
_key: Final = msgspec.msgpack.Decoder(tuple[str, str, str])
_events_key: Final = msgspec.msgpack.Decoder(tuple[str, str, str, int])


def row_key(key: Key) -> bytes:
    """The key of the row that a conversation is restored from."""
    return _pack((CONVERSATION, *key))


class Memories:
    """What a partition remembers of its conversations."""

    def __init__(self, at_work: int = AT_WORK) -> None:
        self._limit = at_work
        self._at_work: dict[Key, Memory] = {}  # in order of their last event
        self._at_rest: dict[Key, bytes] = {}  # those at work, too, as they were at the last flush
        self._beside: dict[Key, _Beside] = {}  # as it was then
        self._touched: set[Key] = set()
        self._bases: dict[Key, bytes] = {}  # while rows come back
        self._blocks: dict[Key, dict[int, bytes]] = {}

    def __iter__(self) -> Iterator[Key]:
        """Every conversation, in a fixed order."""
        return iter(sorted(self._at_rest.keys() | self._at_work.keys()))

    def get(self, key: Key) -> Memory | None:
        """What is remembered of a conversation, None if nothing is. To change it, `touch` it."""
        memory = self._at_work.get(key)
        if memory is None and (body := self._at_rest.get(key)) is not None:
            memory = self._awake(key, body)
        return memory

    def known(self, key: Key) -> Memory:
        """The same of a conversation that is known."""
        memory = self.get(key)
        if memory is None:
            raise KeyError(key)
        return memory

    def touch(self, key: Key, memory: Memory) -> None:
        """The memory changed, or is about to: the next flush writes it."""
        self._at_work.pop(key, None)
        self._at_work[key] = memory
        self._touched.add(key)

    def take_rows(self) -> Iterator[Row]:
        """The rows that changed since the last call, in a fixed order."""
        for key in sorted(self._touched):
            memory = self._at_work[key]
            events = memory.events
            head = memory.base is not None, len(events.blocks), events.gone
            beside = self._beside.get(key, _NOTHING)
            if memory.base is not None or events.blocks or beside is not _NOTHING:
                now = _Beside(memory.base, events.gone, events.blocks)
                yield from _rows_beside(key, beside, now)
                self._beside[key] = now
                memory = replace(memory, base=None, events=replace(events, blocks=[]))
            body = _pack(_Row(*head, memory))
            self._at_rest[key] = body
            yield Row(row_key(key), seal(body))
        self._touched.clear()
        for key in list(self._at_work)[: max(0, len(self._at_work) - self._limit)]:
            del self._at_work[key]

    def restore(self, kind: str, key: bytes, value: bytes) -> None:
        """Takes a row back; `restored` comes last. Raises InvalidRecord or a msgspec error."""
        body = unseal(value)
        if kind == EVENTS:
            _, tenant, conversation, number = _events_key.decode(key)
            self._blocks.setdefault((tenant, conversation), {})[number] = body
            return
        _, tenant, conversation = _key.decode(key)
        if kind == BASE:
            self._bases[tenant, conversation] = body
            return
        _head.decode(body)  # here, where it is still known which row cannot be trusted
        self._at_rest[tenant, conversation] = body

    def restored(self) -> None:
        """All rows are in; raises InvalidRecord when one of a conversation is missing."""
        bases, self._bases = self._bases, {}
        blocks, self._blocks = self._blocks, {}
        for key, body in self._at_rest.items():
            head = _head.decode(body)
            if not head.blocks and not head.based:
                continue
            found, numbers = blocks.get(key, {}), range(head.gone, head.gone + head.blocks)
            if sorted(found) != list(numbers) or head.based != (key in bases):
                raise InvalidRecord("row_checksum", f"the history of {key!r} has a gap")
            self._beside[key] = _Beside(bases.get(key), head.gone, [found[n] for n in numbers])

    def _awake(self, key: Key, body: bytes) -> Memory:
        memory = _row.decode(body).memory
        beside = self._beside.get(key)
        if beside is not None:
            memory.base, memory.events.blocks = beside.base, beside.blocks
        return memory


def _rows_beside(key: Key, was: _Beside, now: _Beside) -> Iterator[Row]:
    if now.base is not None and now.base is not was.base:
        yield Row(_pack((BASE, *key)), seal(now.base))
    if now.gone == was.gone and now.blocks is was.blocks:
        return
    before = {was.gone + place: block for place, block in enumerate(was.blocks)}
    for place, block in enumerate(now.blocks):
        number = now.gone + place
        if before.pop(number, None) != block:
            yield Row(_pack((EVENTS, *key, number)), seal(block))
    for number in before:
        yield Row(_pack((EVENTS, *key, number)), None)
