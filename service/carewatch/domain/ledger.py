"""A conversation's memory: its history, and the difference between what is true and what was said.

What is true of a conversation is a function of the set of its accepted events and its clock (R6).
An event in order extends the state; one out of order derives the recent history anew and says the
difference: withdrawals first, newest first, then new records in order of their instants.

Ids follow from content and cause, so that a replay gives the same bytes. A record that stays true
keeps its id although its natural cause may have become another one: `causes` remembers those few.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from itertools import islice
from typing import Final, Literal

import msgspec

from carewatch.domain import mentions
from carewatch.domain.conversation import Conversation, Said, Withdrawable
from carewatch.domain.events import (
    Annotated,
    Author,
    Deleted,
    Event,
    Inherited,
    Message,
    order,
)
from carewatch.domain.facts import Result, instant
from carewatch.domain.fold import fire_timers, fold_event
from carewatch.domain.history import BLOCK, History
from carewatch.domain.late_changes import counted, late_change
from carewatch.domain.memory import HISTORY_MS, Memory
from carewatch.domain.naming import name_result, name_withdrawal, override_key
from carewatch.domain.policy import Books
from carewatch.domain.shown import shown

HISTORY_EVENTS: Final = 512
"""At most so many events can still be derived anew (R6a)."""
LATENESS_MS: Final = 24 * 3_600_000
"""An event further behind its conversation's clock changes nothing (R4); exactly this is taken."""

AWAITED_KEPT: Final = 16
"""So many keys of messages are remembered that others named before they came."""

LateReason = Literal["too_late", "history_full"]

# Tuples: `A | B` would be made anew for each event.
_NAMES_ANOTHER: Final = (Deleted, Annotated)
_MAY_CONCERN_ANOTHER: Final = (Deleted, Annotated, Inherited)

_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(Conversation).decode


class Change(msgspec.Struct, frozen=True, gc=False):
    """A result that became true (`sign` 1), or is taken back (`sign` -1, naming its id)."""

    result: Result
    sign: int
    cause: str
    id: str
    corrects: str | None = None


def new_memory(tenant: str, key: str) -> Memory:
    """The memory of a conversation that nothing is known of."""
    return Memory(tenant=tenant, key=key, state=Conversation(), events=History())


def late_reason(
    memory: Memory | None, event: Event, clock: int, *, keep: int = HISTORY_EVENTS
) -> LateReason | None:
    """Why an event comes too late to change anything, None when it does not (R4, R6a).

    What a child hands over is as late as the event that made it do so, which was judged there.
    """
    if clock - event.at > LATENESS_MS and not isinstance(event, Inherited):
        return "too_late"
    if memory is None or _is_newest(memory.state, event):
        return None
    events = list(memory.events)
    final = _final(memory, events, keep)
    floor = order(events[final - 1]) if final else memory.base_order
    return "history_full" if floor is not None and order(event) < floor else None


def accept(
    memory: Memory, event: Event, clock: int, books: Books, *, keep: int = HISTORY_EVENTS
) -> list[Change]:
    """Takes an event in and says what changed; `clock` already knows of its arrival.

    `keep` is how many events can still be derived anew. An older revision of what was inherited
    changes nothing. What is said of a final message is counted (`late_changes`), and moves no
    clock.
    """
    if memory.settles_by(clock):
        # Here, too, since it does not matter when somebody gets round to settling it.
        memory.settle()
    late = late_change(event, memory.events, memory.state, memory.forgotten, clock - HISTORY_MS)
    if late == "final":
        return [Change(counted(event), 1, event.id, "")]
    memory.recorded = max(memory.recorded, event.recorded)
    idle = isinstance(event, Inherited) and _is_replaced(memory, event)
    missed = late == "unknown" and memory.oldest_final() is not None
    if idle:
        changes = hear(memory, event.recorded, clock, books)
    else:
        changes = _take(memory, event, clock, books, keep)
    if missed:
        changes.append(Change(counted(event), 1, event.id, ""))
    return changes


def _take(memory: Memory, event: Event, clock: int, books: Books, keep: int) -> list[Change]:
    memory.unsettle()
    event = _after_its_question(memory, event)
    state = memory.state
    # Not before `retold`: a timer's result that was taken back must not come back under its id.
    in_order = (
        _is_newest(state, event)
        and (state.last_timer_at is None or event.at > state.last_timer_at)
        and event.at >= memory.retold
    )
    plain = in_order and not _may_concern_another(memory, event)
    if not plain:
        _fold_away(memory, books, _final(memory, list(memory.events), keep))
    if plain or (in_order and not _concerns_another(memory, event)):
        said: list[Said] = []
        memory.fire_timers(event.at, books, said.append)
        fold_event(memory.tenant, state, event, books, said.append, is_due=False)
        memory.changed()
        memory.fire_timers(clock, books, said.append)
        memory.events.append(event)
        memory.advanced = max(memory.advanced, clock)
        changes = [_say(memory, item) for item in _left(said)]
    else:
        changes = _rederive(memory, _with_event(memory, event), clock, books, books, event.id)
    memory.final_before = max(memory.final_before, clock - HISTORY_MS)
    if memory.events.blocks:
        _fold_away(memory, books, _final_blocks(memory, keep))
    return changes


def advance(memory: Memory, clock: int, books: Books) -> list[Change]:
    """Lets every timer below `clock` fire."""
    if clock <= memory.advanced:
        return []
    said: list[Said] = []
    memory.fire_timers(clock, books, said.append)
    memory.advanced = clock
    return [_say(memory, item) for item in _left(said)]


def hear(memory: Memory, recorded: int, clock: int, books: Books) -> list[Change]:
    """Takes in that something arrived which says nothing: it moves the clock all the same (R7)."""
    memory.recorded = max(memory.recorded, recorded)
    memory.final_before = max(memory.final_before, clock - HISTORY_MS)
    return advance(memory, clock, books)


def rederive(memory: Memory, clock: int, old: Books, new: Books, cause: str) -> list[Change]:
    """The difference that a rulebook makes which took effect before it was read."""
    if memory.is_settled or memory.settles_by(clock):
        memory.settle()
        return advance(memory, clock, new)
    _fold_away(memory, old, _final(memory, list(memory.events), HISTORY_EVENTS))
    return _rederive(memory, list(memory.events), clock, old, new, cause)


def _say(memory: Memory, said: Said) -> Change:
    result, cause = said.result, said.cause
    if said.takes_back is None:
        return Change(result, 1, cause, name_result(memory.tenant, memory.key, result, cause))
    return _withdraw(memory, result, _cause_of(memory, result, said.takes_back), said)


def _withdraw(memory: Memory, result: Result, original: str, because: Said) -> Change:
    corrects = _id(memory, result, original)
    if not corrects:
        return Change(result, -1, because.cause, "", "")
    name = name_withdrawal(memory.tenant, memory.key, because.cause, corrects)
    return Change(result, -1, because.cause, name, corrects)


def _cause_of(memory: Memory, result: Result, natural: str) -> str:
    """The cause under which a result was published: its natural one, but for a few."""
    if not memory.causes:
        return natural
    return memory.causes.get(override_key(result, natural), natural)


def _id(memory: Memory, result: Result, cause: str) -> str:
    return name_result(memory.tenant, memory.key, result, cause)


def _derive(
    memory: Memory, events: Iterable[Event], until: int, books: Books
) -> tuple[Conversation, list[Said]]:
    """What follows from a history: the state, and what is left of what was said."""
    state = Conversation() if memory.base is None else _decode_state(memory.base)
    said: list[Said] = []
    for event in events:
        fold_event(memory.tenant, state, event, books, said.append)
    fire_timers(memory.tenant, state, until, books, said.append)
    return state, _left(said)


def _left(said: list[Said]) -> list[Said]:
    """What was said without what was taken back at once: nobody hears of either.

    How often something is said must not depend on which ticks stood between two events. A
    withdrawal of something that had been said before stays, as a statement of its own.
    """
    if not [item for item in said if item.takes_back is not None]:
        return said
    left: list[Said] = []
    for item in said:
        if item.takes_back is not None:
            original = Said(item.result, item.takes_back)
            if original in left:
                left.remove(original)
                continue
        left.append(item)
    return left


def _rederive(
    memory: Memory, events: list[Event], clock: int, old: Books, new: Books, cause: str
) -> list[Change]:
    _, before = _derive(memory, memory.events, memory.advanced, old)
    until = max(memory.advanced, clock)
    state, after = _derive(memory, events, until, new)

    published: defaultdict[tuple[Result, bool], deque[str]] = defaultdict(deque)
    for said in before:
        actual = _cause_of(memory, said.result, said.cause)
        published[shown(said.result), said.takes_back is None].append(actual)
    causes: dict[bytes, str] = {}
    fresh: list[Change] = []
    withdrawn: list[Change] = []
    said_anew: Counter[Result] = Counter()

    def say_anew(result: Result) -> str:
        """What one cause makes true several times over needs several ids."""
        times = said_anew[result]
        said_anew[result] += 1
        actual = f"{cause}#{times}" if times else cause
        fresh.append(Change(result, 1, cause, _id(memory, result, actual)))
        return actual

    for said in after:
        kept = published[shown(said.result), said.takes_back is None]
        stands = bool(kept)
        actual = kept.popleft() if stands else cause
        if not stands and said.takes_back is None:
            actual = say_anew(said.result)
        if actual != said.cause:
            causes[override_key(said.result, said.cause)] = actual
        if not stands and said.takes_back is not None:
            original = _cause_of(memory, said.result, said.takes_back)
            withdrawn.append(_withdraw(memory, said.result, original, Said(said.result, cause)))
    for said in reversed(before):
        left = published[shown(said.result), said.takes_back is None]
        if not left:
            continue
        gone = left.pop()
        if said.takes_back is None:
            withdrawn.append(_withdraw(memory, said.result, gone, Said(said.result, cause)))
        else:
            # What the base had said is true after all, and is said once more.
            causes[override_key(said.result, said.takes_back)] = say_anew(said.result)
    withdrawn.sort(key=lambda change: instant(change.result), reverse=True)
    fresh.sort(key=lambda change: instant(change.result))
    kept_causes = {
        override_key(one.result, one.cause) for one in _withdrawables(memory.base)
    } & memory.causes.keys()
    causes = {key: memory.causes[key] for key in sorted(kept_causes)} | causes

    if withdrawn:
        memory.retold = until
    memory.state, memory.advanced = state, until
    memory.changed()
    memory.events.become(events)
    memory.causes = causes
    return withdrawn + fresh


def _is_replaced(memory: Memory, event: Inherited) -> bool:
    named = memory.events.naming(event.merge)
    return any(isinstance(one, Inherited) and one.replaces(event) for one in named)


def _may_concern_another(memory: Memory, event: Event) -> bool:
    if isinstance(event, Message):
        return event.key in memory.awaited
    if isinstance(event, Annotated) and event.asks is None:
        return event.of is None or mentions.is_noted(memory.events, event)
    return isinstance(event, _MAY_CONCERN_ANOTHER)


def _concerns_another(memory: Memory, event: Event) -> bool:
    """Whether an event changes what an earlier one means, or is a message that was waited for."""
    if isinstance(event, Message):
        return event.key in memory.awaited
    if isinstance(event, Inherited):
        return any(event.replaces(one) for one in memory.events.naming(event.merge))
    if not isinstance(event, _NAMES_ANOTHER):
        return False
    named = memory.events.naming(event.key)
    if any(isinstance(one, Message) and one.key == event.key for one in named):
        return (
            not isinstance(event, Annotated)
            or event.asks is not None
            or mentions.is_noted(memory.events, event)
        )
    _await(memory, event.key)
    return False


def _await(memory: Memory, key: str) -> None:
    if key not in memory.awaited:
        memory.awaited = (*memory.awaited[1 - AWAITED_KEPT :], key)


def _with_event(memory: Memory, event: Event) -> list[Event]:
    """The history with the event in it, and with what it means for others (R3, R8, R19, E14)."""
    events: list[Event] = [*memory.events, event]
    if isinstance(event, Inherited):
        events = [*(one for one in memory.events if not event.replaces(one)), event]
    if isinstance(event, Message) and event.key not in memory.awaited:
        return sorted(events, key=order)
    if isinstance(event, Message | Deleted | Annotated):
        if any(isinstance(one, Message) and one.key == event.key for one in events):
            memory.awaited = tuple(key for key in memory.awaited if key != event.key)
        else:
            _await(memory, event.key)
    tags = _decode_state(memory.base).tags if memory.base is not None else ()
    return sorted(mentions.lit(events, tags, event), key=order)


def _after_its_question(memory: Memory, event: Event) -> Event:
    """A reply stamped before the message it names is taken at that message's instant (R3)."""
    if isinstance(event, Annotated) and event.notes:
        return mentions.of_its_message(memory.events, event, memory.final_before)
    if not isinstance(event, Message) or event.reply_to is None or event.author is Author.CUSTOMER:
        return event
    for known in memory.events.naming(event.reply_to):
        if isinstance(known, Message) and known.key == event.reply_to:
            behind = known.at > event.at and known.author is Author.CUSTOMER
            return mentions.moved(event, known.at) if behind else event
    _await(memory, event.reply_to)
    return event


def _withdrawables(base: bytes | None) -> list[Withdrawable]:
    """What the base has said and may still take back: its true cause is remembered, too."""
    return [] if base is None else list(_decode_state(base).withdrawable.values())


def _is_newest(state: Conversation, event: Event) -> bool:
    last = state.last_order
    return last is None or event.at > last[0] or order(event) > last


def _final(memory: Memory, events: list[Event], keep: int) -> int:
    """How many of the events are final (R6a)."""
    final = max(0, len(events) - keep)
    while final < len(events) and events[final].at < memory.final_before:
        final += 1
    return final


def _final_blocks(memory: Memory, keep: int) -> int:
    """How many events stand in the first block, if all of them are final; nothing is unpacked."""
    whole = len(memory.events) - keep >= BLOCK or memory.events.first_ends < memory.final_before
    return BLOCK if whole else 0


def _fold_away(memory: Memory, books: Books, gone: int) -> None:
    """Folds the oldest `gone` events, which are final, into the base (R6a)."""
    if not gone:
        return
    base = Conversation() if memory.base is None else _decode_state(memory.base)
    said: list[Said] = []
    oldest = list(islice(memory.events, gone))
    for event in oldest:
        fold_event(memory.tenant, base, event, books, said.append)
    final = {override_key(item.result, item.cause) for item in said if memory.causes}
    final |= {override_key(one.result, one.cause) for one in _withdrawables(memory.base)}
    final -= {override_key(one.result, one.cause) for one in base.withdrawable.values()}
    memory.causes = {key: cause for key, cause in memory.causes.items() if key not in final}
    memory.base_order = base.last_order
    memory.base = _encode(base)
    memory.drop(oldest)
    if memory.handed:
        left = {event.id for event in memory.events}
        memory.handed = {merge: one for merge, one in memory.handed.items() if merge in left}
