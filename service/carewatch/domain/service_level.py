"""Stays in a queue answered within a time that the rulebook names (`within.queue_answer`).

As with `within`, a stay counts once it is decided: in the part and in the whole when it is
answered in time, in the whole alone when the customer gives up before (not at once) or when it
has lasted longer, at that very instant. What became of a stay otherwise before adds nothing. A
stay that turns out to have been none is taken back, and one that the bot had suspended and that
counts after all (Q3) did last on.
"""

from typing import Final

from carewatch.domain import within
from carewatch.domain.conversation import Conversation, Stay, Step
from carewatch.domain.facts import Tally
from carewatch.domain.policy import Books

QUEUE_ANSWER: Final = "queue_answer"
_LEVEL: Final = "service_level"


def next_at(tenant: str, state: Conversation, books: Books) -> int | None:
    """The next instant at which the open stay has lasted one of the times.

    Each time counts if the rulebook in force at that very instant names it (R6b).
    """
    stay = state.stay
    if stay is None:
        return None
    folded = state.last_order[0] if state.last_order is not None else 0
    from_ = max(folded, (state.last_timer_at or 0) + 1)
    for limit in within.limits(books, QUEUE_ANSWER):
        at = stay.started_at + limit
        if at >= from_ and limit in books.at(at).within(tenant, QUEUE_ANSWER).values():
            return at
    return None


def reach(step: Step) -> None:
    """The open stay has lasted one of the times, to the millisecond."""
    stay = step.state.stay
    if stay is not None:
        _reach(step, stay, step.at, step.at)


def begin(step: Step, stay: Stay) -> None:
    """A stay began, perhaps before now: a queue that got its name had begun without (Q4)."""
    _reach(step, stay, stay.started_at, step.at - 1)


def end(step: Step, stay: Stay, *, answered: bool, gave_up: bool) -> None:
    """A stay ended: answered, given up by the customer (not at once), or otherwise."""
    if stay.suspended_at is not None:
        _reach(step, stay, stay.suspended_at, step.at - 1)
    if answered or gave_up:
        for text, limit in step.book.within(step.tenant, QUEUE_ANSWER).items():
            # Where silence ends a stay at the very time, the timer has just counted it.
            counted = _name(text, step.at) in step.state.withdrawable
            if step.at <= stay.started_at + limit and not counted:
                labels = step.labels(queue=stay.queue)
                step.say(Tally(labels, _LEVEL, step.at, (text,), int(answered), 1))
    for name in _kept(step):
        step.forget(name)


def discard(step: Step) -> None:
    """There was no stay after all."""
    for name in _kept(step):
        step.take_back(name)


def _reach(step: Step, stay: Stay, first: int, last: int) -> None:
    """Counts the times that the stay had lasted at an instant from `first` to `last`."""
    for limit in within.limits(step.books, QUEUE_ANSWER):
        at = stay.started_at + limit
        if not first <= at <= last:
            continue
        for text, ms in step.books.at(at).within(step.tenant, QUEUE_ANSWER).items():
            if ms == limit:
                tally = Tally(step.labels(queue=stay.queue), _LEVEL, at, (text,), 0, 1)
                step.say(tally, keep=_name(text, at))


def _name(text: str, at: int) -> str:
    """Under which a stay that had lasted a time at an instant can be taken back."""
    return f"{_LEVEL}:{text}:{at}"


def _kept(step: Step) -> list[str]:
    return [name for name in step.state.withdrawable if name.startswith(_LEVEL)]
