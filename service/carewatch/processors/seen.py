"""Which events have come before: exact, by 16-byte hashes kept for seven days (R2, R11).

Kept with the conversation, in buckets of an hour of recorded time, so that a bucket is one
changelog row that is written a while and then never again. No Bloom filter: a false positive
would be a lost event.
"""

from hashlib import blake2b
from typing import Final

HOUR_MS: Final = 3_600_000
HORIZON_MS: Final = 7 * 24 * HOUR_MS
_SIZE: Final = 16

Conversation = tuple[str, str]
"""Tenant and conversation key."""


def digest(identity: tuple[str, str]) -> bytes:
    """16 bytes for (source, id); equal only for equal pairs, as far as anybody will ever see."""
    source, id_ = identity
    hashed = blake2b(digest_size=_SIZE)
    hashed.update(len(source).to_bytes(4, "big"))
    hashed.update(source.encode())
    hashed.update(id_.encode())
    return hashed.digest()


class Seen:
    """The ids of one source partition."""

    def __init__(self) -> None:
        self._hours: dict[Conversation, dict[int, bytearray]] = {}
        self._expiry: dict[int, set[Conversation]] = {}
        self.touched: set[tuple[Conversation, int]] = set()
        self.dropped: set[tuple[Conversation, int]] = set()

    def restore(self, conversation: Conversation, hour: int, ids: bytes) -> None:
        """Takes a bucket back from its row."""
        self._hours.setdefault(conversation, {})[hour] = bytearray(ids)
        self._expiry.setdefault(hour, set()).add(conversation)

    def is_repeat(self, conversation: Conversation, id_: bytes, recorded: int) -> bool:
        """Whether the id came before; if not, it is remembered from now on."""
        hours = self._hours.setdefault(conversation, {})
        for bucket in hours.values():
            if _contains(bucket, id_):
                return True
        hour = recorded // HOUR_MS
        bucket = hours.get(hour, bytearray())
        bucket += id_
        hours[hour] = bucket
        self._expiry.setdefault(hour, set()).add(conversation)
        self.touched.add((conversation, hour))
        self.dropped.discard((conversation, hour))
        return False

    def bucket(self, conversation: Conversation, hour: int) -> bytes:
        """The ids of an hour, for its row."""
        return bytes(self._hours[conversation][hour])

    def forget(self, log_clock: int) -> None:
        """Drops the hours that lie wholly behind the horizon."""
        oldest = (log_clock - HORIZON_MS) // HOUR_MS
        for hour in sorted(hour for hour in self._expiry if hour < oldest):
            for conversation in self._expiry.pop(hour):
                hours = self._hours[conversation]
                del hours[hour]
                if not hours:
                    del self._hours[conversation]
                self.touched.discard((conversation, hour))
                self.dropped.add((conversation, hour))


def _contains(bucket: bytearray, id_: bytes) -> bool:
    at = bucket.find(id_)
    while at >= 0:
        if at % _SIZE == 0:
            return True
        at = bucket.find(id_, at + 1)  # found across two ids: look on
    return False
