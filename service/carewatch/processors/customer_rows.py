"""The customers of a partition, and the changelog rows of the customer stage.

Nearly all customers are silent, so they are kept as the bytes of their rows; what is at work
between two flushes is kept as objects.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

import msgspec

from carewatch.domain.customers import FORGOTTEN_AFTER_MS, Customer
from carewatch.domain.metric import DAY_MS
from carewatch.processors.base import Row
from carewatch.wire.customers import Clock
from carewatch.wire.rows import seal, unseal

CUSTOMER: Final = "customer"

Key = tuple[str, str]
"""Tenant and customer: two tenants may use the same key (E24)."""


class Marker(msgspec.Struct, array_like=True, gc=False):
    """Up to where the rows reach, the tick that was published last, and track's clocks.

    Windows that ended before `closed_before` take nothing any more.
    """

    next_offset: int
    tick: int
    closed_before: int
    clocks: list[Clock]


_pack: Final = msgspec.msgpack.Encoder().encode
_marker: Final = msgspec.msgpack.Decoder(Marker)
_row: Final = msgspec.msgpack.Decoder(Customer)
_key: Final = msgspec.msgpack.Decoder(tuple[str, str, str])


def encode_marker(marker: Marker) -> bytes:
    """The sealed bytes of a marker."""
    return seal(_pack(marker))


def decode_marker(row: bytes) -> Marker:
    """A marker; raises InvalidRecord or a msgspec error."""
    return _marker.decode(unseal(row))


def kind_of(key: bytes) -> str:
    """What a row holds; raises msgspec.MsgspecError for a key of another writer."""
    parts = msgspec.msgpack.decode(key)
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise msgspec.ValidationError("the key of a row is an array that begins with its kind")
    return parts[0]


class Customers:
    """What a partition knows of its customers, by the day of their last contact."""

    def __init__(self) -> None:
        self._at_rest: dict[Key, bytes] = {}
        self._at_work: dict[Key, Customer] = {}
        self._dropped: set[Key] = set()
        self._silent: dict[int, set[Key]] = {}
        self._days: list[int] = []  # a heap of the days in `_silent`

    def __len__(self) -> int:
        return len(self._at_rest.keys() | self._at_work.keys())

    def get(self, key: Key) -> Customer:
        """What is known of a customer, maybe nothing. To change it, `touch` it."""
        if (customer := self._at_work.get(key)) is not None:
            return customer
        body = self._at_rest.get(key)
        return Customer() if body is None else _row.decode(body)

    def touch(self, key: Key, customer: Customer) -> None:
        """The customer changed: the next flush writes the row."""
        self._at_work[key] = customer
        self._dropped.discard(key)
        self._watch(key, customer)

    def drop(self, key: Key) -> None:
        """Forgets a customer; a row that is not there is nothing to forget."""
        known = self._at_rest.pop(key, None) is not None
        if self._at_work.pop(key, None) is not None or known:
            self._dropped.add(key)

    def forget(self, clock: int) -> None:
        """Drops those who have been silent for so long that nothing of them counts any more."""
        while self._days and (self._days[0] + 1) * DAY_MS + FORGOTTEN_AFTER_MS <= clock:
            day = heappop(self._days)
            for key in self._silent.pop(day):
                if self.get(key).last_at // DAY_MS <= day:
                    self.drop(key)

    def take_rows(self) -> Iterator[Row]:
        """The rows that changed since the last call, in a fixed order."""
        for key in sorted(self._dropped):
            yield Row(_pack((CUSTOMER, *key)), None)
        for key in sorted(self._at_work):
            body = self._at_rest[key] = _pack(self._at_work[key])
            yield Row(_pack((CUSTOMER, *key)), seal(body))
        self._dropped.clear()
        self._at_work.clear()

    def restore(self, key: bytes, row: bytes) -> None:
        """Takes a row back; raises InvalidRecord or a msgspec error."""
        _, *place = _key.decode(key)
        body = unseal(row)
        self._at_rest[place[0], place[1]] = body
        self._watch((place[0], place[1]), _row.decode(body))

    def _watch(self, key: Key, customer: Customer) -> None:
        day = customer.last_at // DAY_MS
        if day not in self._silent:
            self._silent[day] = set()
            heappush(self._days, day)
        self._silent[day].add(key)
