"""Deletions and annotations that come too late to change the message that they name (R6a)."""

import zlib
from collections.abc import Iterable
from typing import Final, Literal

from carewatch.domain import asked
from carewatch.domain.conversation import Conversation
from carewatch.domain.events import Annotated, Deleted, Event, Message
from carewatch.domain.facts import NONE, Labels, Tally
from carewatch.domain.history import History

Verdict = Literal["final", "unknown"]

FORGOTTEN_KEPT: Final = 64
"""So many messages that are folded away are known by a mark; older ones are as good as unknown."""
_MARK: Final = 4

_NAMES_ANOTHER: Final = (Deleted, Annotated)


def late_change(
    event: Event, history: History, state: Conversation, forgotten: bytes, final_before: int
) -> Verdict | None:
    """Whether the message that an event names is `final`, or `unknown`; None: it can change.

    A message that waits for a reply is known beyond the history; but older than `final_before` it
    waits whatever is said of it now. Those that are folded away are final (`forgotten`). An
    unknown one is older than all that is known, or has not come yet: it counts as final where
    there is anything older than the history, but is awaited.
    """
    if not isinstance(event, _NAMES_ANOTHER):
        return None
    at = _instant(event.key, history, state)
    if at is None:
        return "final" if is_among(event.key, forgotten) else "unknown"
    return "final" if at < final_before else None


def forget(events: Iterable[Event], forgotten: bytes) -> bytes:
    """The marks of the messages among events, after those of earlier ones: the newest of all."""
    keys = (one.key for one in events if isinstance(one, Message))
    return (forgotten + b"".join(map(_mark, keys)))[-FORGOTTEN_KEPT * _MARK :]


def is_among(key: str, forgotten: bytes) -> bool:
    """Whether a message of that key was there."""
    mark = _mark(key)
    return any(forgotten[at : at + _MARK] == mark for at in range(0, len(forgotten), _MARK))


def _mark(key: str) -> bytes:
    """Four bytes for a key. Where two are alike, a deletion that comes before its message is lost.

    That takes as many conversations with such a deletion as four bytes have values.
    """
    return zlib.crc32(key.encode()).to_bytes(_MARK, "big")


def counted(event: Event) -> Tally:
    """One more of them, by channel alone, at its arrival."""
    labels = Labels(event.channel, event.account, NONE, NONE, "normal", None, None, 0)
    return Tally(labels, "late_changes", event.recorded)


def _instant(key: str, history: History, state: Conversation) -> int | None:
    for one in history.naming(key):
        if isinstance(one, Message) and one.key == key:
            return one.at
    waiting = (*state.unacted, *(state.turn.asked if state.turn is not None else ()))
    known = asked.find(waiting, key)
    return known.at if known is not None else None
