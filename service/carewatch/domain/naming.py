"""Ids of results: what they follow from, so that a replay gives the same bytes."""

from hashlib import blake2b
from typing import Final

import msgspec

from carewatch.domain.facts import Contact, Result, Tally

# A tuple: `A | B` would be made anew for each of the several results of an event.
NAMELESS: Final = (Tally, Contact)
"""Results without an id: they show in the metric points only."""

_encode = msgspec.msgpack.Encoder().encode


def name_result(tenant: str, key: str, result: Result, cause: str) -> str:
    """The id of a result: of conversation, cause and content, never of a position."""
    if isinstance(result, NAMELESS):
        return ""
    return _name(_encode((tenant, key, cause, result)))


def name_withdrawal(tenant: str, key: str, cause: str, corrects: str) -> str:
    """The id of what takes back the record `corrects`, because of `cause`."""
    return _name(_encode((tenant, key, cause, "withdrawal", corrects)))


def override_key(result: Result, natural: str) -> bytes:
    """Under which a record is remembered that was published with another cause than its own."""
    return blake2b(_encode((natural, result)), digest_size=8).digest()


def _name(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
