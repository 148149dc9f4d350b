"""How a conversation is packed into the bytes that it is at rest, in memory and in the changelog.

Conversations are alike: the names of metrics, the shape of their states, the labels that recur. So
each is compressed (Zstandard) by a dictionary in which most of it stands already; what is left are
its ids and instants. That takes a quarter of the room of MessagePack alone, for some microseconds.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Final

import zstandard

DICTIONARY: Final = Path(__file__).with_name("conversation.zdict")
"""Made of simulated conversations by `make dictionary`.

Never changed by itself: rows can only be read by the dictionary that they were written by. With
another one rows have another form (see `conversation_rows.form`), and older ones are refused.
"""

LEVEL: Final = 3
"""The sixth would save a twelfth of the bytes, for four times the work."""


class _Packers(threading.local):
    """Each thread's own: a partition may be restored in one while another works."""

    def __init__(self) -> None:
        dictionary = _dictionary()
        # A row has a checksum of its own, and its form says which dictionary it was.
        self.pack = zstandard.ZstdCompressor(
            LEVEL, dict_data=dictionary, write_checksum=False, write_dict_id=False
        ).compress
        self.unpack = zstandard.ZstdDecompressor(dict_data=dictionary).decompress


@cache
def dictionary() -> bytes:
    """What rows are written and read by."""
    return DICTIONARY.read_bytes()


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    made = zstandard.ZstdCompressionDict(dictionary())
    made.precompute_compress(LEVEL)
    return made


@cache
def _packers() -> _Packers:
    return _Packers()


def pack(body: bytes) -> bytes:
    """The bytes from which `unpack` makes `body` again.

    Results do not depend on them: another version of the library may pack tighter.
    """
    return _packers().pack(body)


def unpack(packed: bytes) -> bytes:
    """What was packed; raises zstandard.ZstdError when it is no such thing."""
    return _packers().unpack(packed)
