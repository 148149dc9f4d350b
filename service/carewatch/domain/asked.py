"""Messages of customers that wait for something, each with the labels it came under.

What becomes of a message is counted where the message was (its own instant, its own labels, R9),
so that of every series the answered are a part of the asked. Most messages of a wait come under
the same labels: those are kept once for all of them.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from carewatch.domain.facts import Labels

KEPT: Final = 128
"""So many messages of one wait are known one by one; those beyond count neither as asked nor as
answered, so that a conversation's row stays small."""
_LABELS_KEPT: Final = 16
"""Under so many different labels; a message that would need one more set is one beyond."""


class Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Messages that came one after the other under the same labels: keys and instants."""

    labels: Labels
    messages: tuple[tuple[str, int], ...]


class One(NamedTuple):
    """One of them."""

    labels: Labels
    key: str
    at: int


def with_message(
    asked: tuple[Asked, ...], labels: Labels, key: str, at: int
) -> tuple[Asked, ...] | None:
    """These and one more; None when it is one beyond those that are kept."""
    if sum(len(group.messages) for group in asked) >= KEPT:
        return None
    if asked and asked[-1].labels == labels:
        return (*asked[:-1], replace(asked[-1], messages=(*asked[-1].messages, (key, at))))
    if len(asked) >= _LABELS_KEPT:
        return None
    return (*asked, Asked(labels, ((key, at),)))


def without(asked: tuple[Asked, ...], key: str) -> tuple[Asked, ...]:
    """These but for the message of that key."""
    left = (
        replace(group, messages=tuple(one for one in group.messages if one[0] != key))
        for group in asked
    )
    return tuple(group for group in left if group.messages)


def find(asked: tuple[Asked, ...], key: str) -> One | None:
    """The message of that key."""
    return next((one for one in each(asked) if one.key == key), None)


def each(asked: tuple[Asked, ...]) -> Iterator[One]:
    """One by one, in their order."""
    for group in asked:
        for key, at in group.messages:
            yield One(group.labels, key, at)
