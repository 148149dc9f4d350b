"""The partition of `care.events` in which a conversation stands, for all who write there.

The gateway asks here, and so do track, for the hand-over to a parent, and replay. It is Kafka's
own choice for a key, so that a stock producer puts its records beside them.
"""

import struct
from functools import lru_cache
from typing import Final

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF


@lru_cache(maxsize=4096)  # a conversation writes again and again
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among `partitions` of them."""
    return (_murmur2(key) & _POSITIVE) % partitions


def _murmur2(key: bytes) -> int:
    """MurmurHash2 with the seed of Kafka's clients, 32 bits."""
    words = len(key) // 4
    hashed = _SEED ^ len(key)
    for word in struct.unpack_from(f"<{words}I", key):
        mixed = word * _MIX & _WORD
        mixed ^= mixed >> 24
        hashed = (hashed * _MIX & _WORD) ^ (mixed * _MIX & _WORD)
    if tail := key[words * 4 :]:
        hashed = (hashed ^ int.from_bytes(tail, "little")) * _MIX & _WORD
    hashed ^= hashed >> 13
    hashed = hashed * _MIX & _WORD
    return hashed ^ hashed >> 15
