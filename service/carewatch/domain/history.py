"""The events of a conversation that can still be derived anew, packed (R6a).

An event in order is only remembered: it is appended, and hardly ever read again. So the history is
bytes, in blocks: the newest is appended to until it is full and then stands as it is, in memory
and in its changelog row. Who looks for an event unpacks only the blocks that may hold it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from carewatch.domain.events import Event

BLOCK: Final = 16
"""So many events make a block, about 2 KiB."""

Shared = tuple[str, str, str | None, str | None]
"""Channel, account, source role and customer: nearly always the same in a whole conversation."""

_LEFT_OUT: Final = ""
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(tuple[Shared, list[Event]]).decode
_PAIR: Final = b"\x92"  # MessagePack: an array of two follows


class History(msgspec.Struct, array_like=True, gc=False):
    """Events in order. `blocks` are full; `newest` holds the `length` events after them.

    An event that shares `shared` leaves it out, and says of its arrival only how much later it
    was. `gone` blocks came before the first one that is left, whose last event is of the instant
    `first_ends`.
    """

    gone: int = 0
    blocks: list[bytes] = []
    shared: Shared | None = None
    newest: bytes = b""
    length: int = 0
    first_ends: int = 0

    def __len__(self) -> int:
        return BLOCK * len(self.blocks) + self.length

    def __iter__(self) -> Iterator[Event]:
        for block in self.blocks:
            yield from _events(block)
        if self.length:
            yield from _events(self._newest())

    def append(self, event: Event) -> None:
        """Remembers an event that comes after all others."""
        shared = event.channel, event.account, event.role, event.customer
        if not self.length:
            self.shared = shared
        if shared == self.shared:
            late = event.recorded - event.at
            event = replace(
                event, recorded=late, channel=_LEFT_OUT, account="", role=None, customer=None
            )
        self.newest += _pack(event)
        self.length += 1
        if self.length == BLOCK:
            if not self.blocks:
                self.first_ends = event.at
            self.blocks = [*self.blocks, self._newest()]
            self.shared, self.newest, self.length = None, b"", 0

    def become(self, events: Iterable[Event]) -> None:
        """Holds these events instead; blocks in which nothing changes stay as they are."""
        self.blocks, self.shared, self.newest, self.length = [], None, b"", 0
        for event in events:
            self.append(event)

    def drop(self, count: int) -> None:
        """Forgets the oldest `count` events; whole blocks cost nothing but their own."""
        blocks, rest = divmod(count, BLOCK)
        left = list(self)[count:] if rest else []
        self.gone += blocks
        self.blocks = self.blocks[blocks:]
        if rest:
            self.become(left)
        elif self.blocks:
            self.first_ends = _events(self.blocks[0])[-1].at

    def naming(self, text: str) -> Iterator[Event]:
        """Newest first, the events among which is every one that says `text` anywhere."""
        said = text.encode()
        packed = [*self.blocks, self._newest()] if self.length else self.blocks
        for block in reversed(packed):
            if said in block:
                yield from reversed(_events(block))

    def _newest(self) -> bytes:
        head = b"\xdc" + self.length.to_bytes(2, "big")  # an array of so many follows
        return _PAIR + _pack(self.shared) + head + self.newest


def _events(block: bytes) -> list[Event]:
    shared, events = _unpack(block)
    channel, account, role, customer = shared
    return [
        replace(
            event,
            recorded=event.at + event.recorded,
            channel=channel,
            account=account,
            role=role,
            customer=customer,
        )
        if event.channel == _LEFT_OUT
        else event
        for event in events
    ]
