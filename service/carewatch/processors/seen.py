"""Which events have come before: exact, by 16-byte hashes kept as long as the rulebook says (R2).

In memory all ids of a partition stand in buckets chosen by their own bits, 16 bytes and 3 for the
hour of arrival each; the fullest bucket is split whenever the ids outgrow the buckets, so that a
lookup scans some tens of ids however many are kept, of however long a conversation. No Bloom
filter: a false positive would be a lost event.

In the changelog they stand in blocks of an hour, in order of arrival: a block is one row that is
written until it is full and then never again.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from operator import itemgetter
from struct import unpack
from typing import Final, NamedTuple

import msgspec

from carewatch.domain.errors import InvalidRecord

HOUR_MS: Final = 3_600_000
BLOCK: Final = 128
"""So many ids make a row of the changelog (2 KiB)."""
LOAD: Final = 24
"""So many ids stand in a bucket on average."""

_SIZE: Final = 16
_ENTRY: Final = _SIZE + 3
_LAST_HOUR: Final = 2**24 - 1

_encode: Final = msgspec.msgpack.Encoder().encode


def digest(tenant: str, conversation: str, source: str, id_: str) -> bytes:
    """16 bytes; equal only where all four are, as far as anybody will ever see.

    The conversation counts: in another partition nobody would know of an id that is used in two.
    """
    return blake2b(_encode((tenant, conversation, source, id_)), digest_size=_SIZE).digest()


class Block(NamedTuple):
    """A block of ids in the changelog: hour of arrival since 1970, and number within it."""

    hour: int
    number: int


class Seen:
    """The ids of one source partition."""

    def __init__(self) -> None:
        self._ids = _Table()
        self._newest: dict[int, tuple[int, bytearray]] = {}  # by hour: number and ids of its last
        self._touched: dict[Block, bytearray] = {}
        self._dropped: list[Block] = []
        self._restoring: list[tuple[int, bytes]] = []

    def restore(self, block: Block, ids: bytes) -> None:
        """Takes a block back from its row; `restored` comes last. Raises InvalidRecord."""
        if len(ids) % _SIZE:
            raise InvalidRecord("row_version", f"ids of {len(ids)} bytes")
        self._restoring.append((block.hour, ids))
        number, _ = self._newest.get(block.hour, (-1, None))
        if block.number > number:
            self._newest[block.hour] = (block.number, bytearray(ids))

    def restored(self) -> None:
        """All blocks are in."""
        # An id may have come again after it was forgotten: a lookup has to find the later hour.
        self._ids.fill(sorted(self._restoring, key=itemgetter(0), reverse=True))
        self._restoring.clear()

    def is_repeat(self, id_: bytes, recorded: int, since: int) -> bool:
        """Whether the id came before; if not, it is remembered from now on.

        What arrived in an hour that ended before `since` (ms) is forgotten.
        """
        hour = _hour(recorded)
        if not self._ids.add(id_, hour, _hour(since)):
            return True
        number, ids = self._newest.get(hour, (-1, None))
        if ids is None or len(ids) >= BLOCK * _SIZE:
            number, ids = number + 1, bytearray()
            self._newest[hour] = (number, ids)
            self._ids.tidy(BLOCK, _hour(since))
        ids += id_
        self._touched[Block(hour, number)] = ids
        return False

    def forget(self, since: int) -> None:
        """Drops the blocks of the hours that ended before `since` (ms)."""
        oldest = _hour(since)
        for hour in sorted(hour for hour in self._newest if hour < oldest):
            number, _ = self._newest.pop(hour)
            for block in (Block(hour, one) for one in range(number + 1)):
                self._touched.pop(block, None)
                self._dropped.append(block)

    def take_rows(self) -> Iterator[tuple[Block, bytes | None]]:
        """The blocks that changed since the last call, in a fixed order; None: it is dropped."""
        dropped, self._dropped = self._dropped, []
        touched, self._touched = self._touched, {}
        for block in dropped:
            yield block, None
        for block in sorted(touched):
            yield block, bytes(touched[block])

    @property
    def kept(self) -> int:
        """How many ids stand in memory, among them some that are forgotten already."""
        return self._ids.count

    @property
    def longest(self) -> int:
        """The most ids that one lookup has to look through."""
        return self._ids.longest


def _hour(at: int) -> int:
    return min(max(at // HOUR_MS, 0), _LAST_HOUR)


class _Table:
    """A set of ids with their hours, by linear hashing: buckets are split one at a time, in turn.

    So no addition ever waits for all ids to be put elsewhere.
    """

    __slots__ = ("_buckets", "_mask", "_split", "_tidied", "count")

    def __init__(self) -> None:
        self._buckets = [bytearray()]
        self._mask = 0  # this many bits choose a bucket,
        self._split = 0  # and one more where this round has already split it
        self.count = 0
        self._tidied = 0

    @property
    def longest(self) -> int:
        """The number of ids in the fullest bucket."""
        return max(len(bucket) for bucket in self._buckets) // _ENTRY

    def fill(self, blocks: Sequence[tuple[int, bytes]]) -> None:
        """Takes the ids of many hours, of which the first counts; the table is empty before."""
        self.count = sum(len(ids) // _SIZE for _, ids in blocks)
        wanted = max(1, -(-self.count // LOAD))
        self._mask = (1 << (wanted.bit_length() - 1)) - 1
        self._split = wanted - self._mask - 1
        self._buckets = buckets = [bytearray() for _ in range(wanted)]
        mask, split, wide = self._mask, self._split, 2 * self._mask + 1
        for hour, ids in blocks:
            end = hour.to_bytes(_ENTRY - _SIZE, "big")
            bits = unpack(f">{len(ids) // 8}Q", ids)[::2]
            for at, one in zip(range(0, len(ids), _SIZE), bits, strict=True):
                place = one & mask
                if place < split:
                    place = one & wide
                buckets[place] += ids[at : at + _SIZE] + end

    def add(self, id_: bytes, hour: int, oldest: int) -> bool:
        """Whether the id was not there, or only in an hour before `oldest`; now it is."""
        place = self._place(int.from_bytes(id_[:8], "big"))
        bucket = self._buckets[place]
        at = bucket.find(id_)
        while at >= 0 and at % _ENTRY:
            at = bucket.find(id_, at + 1)  # found across two entries: look on
        if at >= 0:
            known = int.from_bytes(bucket[at + _SIZE : at + _ENTRY], "big")
            if known >= oldest:
                return False
            bucket[at + _SIZE : at + _ENTRY] = hour.to_bytes(3, "big")
            return True
        bucket += id_
        bucket += hour.to_bytes(3, "big")
        self.count += 1
        if self.count > LOAD * len(self._buckets):
            self._split_next()
        return True

    def tidy(self, ids: int, oldest: int) -> None:
        """Takes out what has expired from the next few buckets, some `ids` ids in all."""
        while ids > 0:
            place = self._tidied % len(self._buckets)
            self._tidied = place + 1
            ids -= max(1, len(self._buckets[place]) // _ENTRY)
            kept = bytearray().join(self._entries(place, oldest))
            self._replace(place, kept)

    def _split_next(self) -> None:
        place, bit = self._split, self._mask + 1
        stay, go = bytearray(), bytearray()
        for entry in self._entries(place, 0):
            (go if int.from_bytes(entry[:8], "big") & bit else stay).extend(entry)
        self._buckets.append(go)
        self.count += len(go) // _ENTRY
        self._replace(place, stay)
        self._split += 1
        if self._split == bit:
            self._mask, self._split = 2 * bit - 1, 0

    def _entries(self, place: int, oldest: int) -> Iterator[bytes]:
        bucket = bytes(self._buckets[place])
        for at in range(0, len(bucket), _ENTRY):
            entry = bucket[at : at + _ENTRY]
            if int.from_bytes(entry[_SIZE:], "big") >= oldest:
                yield entry

    def _replace(self, place: int, bucket: bytearray) -> None:
        self.count += (len(bucket) - len(self._buckets[place])) // _ENTRY
        self._buckets[place] = bucket

    def _place(self, bits: int) -> int:
        place = bits & self._mask
        return bits & (2 * self._mask + 1) if place < self._split else place
