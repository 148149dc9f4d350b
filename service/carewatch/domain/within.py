"""First replies within a time that the rulebook names (`within.first_reply`).

A wait is counted once it is decided: in the part and in the whole when the reply comes in time, in
the whole alone at the instant at which it has lasted longer. So the ratio does not wait for those
who answer late, and the wall does not flatter while nobody answers. A wait that ends before,
however it does, is no promise missed and adds nothing; one that reached the time stays counted
whatever becomes of it, since the customer did wait that long. Only a message that turns out to
have needed no reply from the start (R8) never waited.
"""

from functools import lru_cache
from typing import Final

from carewatch.domain.conversation import Conversation, Step, Turn
from carewatch.domain.facts import Tally
from carewatch.domain.policy import NO_BOOK, Books

FIRST_REPLY: Final = "first_reply"
_RATE: Final = "within_target_rate"


@lru_cache(maxsize=16)
def limits(books: Books, waits_for: str) -> tuple[int, ...]:
    """Every time that any of the rulebooks names for what customers wait for, in order, in ms."""
    found: set[int] = set()
    for book in (NO_BOOK, *books):
        for tenant in ("", *book.document.tenants):
            found.update(book.within(tenant, waits_for).values())
    return tuple(sorted(found))


def next_at(tenant: str, state: Conversation, books: Books) -> int | None:
    """The next instant at which the open first turn has lasted one of the times.

    Each time counts if the rulebook in force at that very instant names it (R6b). What was passed
    when the turn came here by a merge was counted where it came from (E14).
    """
    turn = state.turn
    if turn is None or not turn.first:
        return None
    folded = state.last_order[0] if state.last_order is not None else 0
    from_ = max(folded, (state.last_timer_at or 0) + 1)
    for limit in limits(books, FIRST_REPLY):
        at = turn.started_at + limit
        if at >= from_ and limit in books.at(at).within(tenant, FIRST_REPLY).values():
            return at
    return None


def reach(step: Step) -> None:
    """The open first turn has lasted one of the times, to the millisecond."""
    turn = step.state.turn
    if turn is None or not turn.first:
        return
    for text, limit in step.book.within(step.tenant, FIRST_REPLY).items():
        if turn.started_at + limit == step.at:
            step.say(Tally(step.labels(), _RATE, step.at, (text,), amount=0, of=1))


def answer(step: Step, turn: Turn) -> None:
    """A person replied to a first turn: in time for every time that it had not passed."""
    if not turn.first:
        return
    for text, limit in step.book.within(step.tenant, FIRST_REPLY).items():
        if step.at <= turn.started_at + limit:
            step.say(Tally(step.labels(), _RATE, step.at, (text,), amount=1, of=1))
