"""Ids of results: what they follow from, so that a replay gives the same bytes."""

from hashlib import blake2b

import msgspec

from carewatch.domain.facts import Contact, Result, Tally

_encode = msgspec.msgpack.Encoder().encode


def name_result(tenant: str, key: str, result: Result, cause: str) -> str:
    """The id of a result: of conversation, cause and content, never of a position.

    It is empty where nothing is written of a result alone: of a count, which shows in the metric
    points only, and of what the customer stage is told.
    """
    match result:
        case Tally() | Contact():
            return ""
        case _:
            return _name(_encode((tenant, key, cause, result)))


def name_withdrawal(tenant: str, key: str, cause: str, corrects: str) -> str:
    """The id of what takes back the record `corrects`, because of `cause`."""
    return _name(_encode((tenant, key, cause, "withdrawal", corrects)))


def override_key(result: Result, natural: str) -> bytes:
    """Under which a record is remembered that was published with another cause than its own."""
    return blake2b(_encode((natural, result)), digest_size=8).digest()


def _name(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
