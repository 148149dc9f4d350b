"""What a merged conversation tells its parent, and tells it anew when that changes (E14)."""

from collections.abc import Iterable
from typing import NamedTuple

from carewatch.domain.facts import HandOver
from carewatch.domain.ledger import Change
from carewatch.domain.memory import Memory


class Revision(NamedTuple):
    """The newest truth of a merge: the turn was handed over, or (not `stands`) none was after all.

    `number` counts the revisions of one merge from 1.
    """

    hand_over: HandOver
    stands: bool
    number: int


def revisions(memory: Memory, changes: Iterable[Change]) -> list[Revision]:
    """One revision for every merge of which something else is true now; numbers them."""
    last: dict[str, tuple[HandOver, bool]] = {}
    for change in changes:  # what is taken back comes before what is true instead
        match change.result:
            case HandOver() as hand_over:
                last[hand_over.merge] = (hand_over, change.sign > 0)
            case _:
                pass
    for merge in last:
        memory.handed = {**memory.handed, merge: memory.handed.get(merge, 0) + 1}
    return [
        Revision(hand_over, stands, memory.handed[merge])
        for merge, (hand_over, stands) in last.items()
    ]
