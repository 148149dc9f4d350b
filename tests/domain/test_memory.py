"""A conversation that is long over is its state alone, and goes on as if all were remembered."""

import msgspec
import pytest
from hypothesis import assume, given

from carewatch.domain.events import Event as Heard
from carewatch.domain.facts import Tally
from carewatch.domain.late_changes import FORGOTTEN_KEPT, is_among
from carewatch.domain.ledger import accept, advance, late_reason, new_memory
from carewatch.domain.memory import FORGOTTEN_AFTER_MS, HISTORY_MS, Memory
from carewatch.domain.policy import Book, Books
from carewatch.domain.rulebook import Document
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, encode, event, histories, message
from support.properties import examples
from support.replays import POLICY

BOOKS = Books([Book(1, "", 0, Document(policies=[POLICY]))])
HOUR = 3_600_000
DAY = 24 * HOUR


def heard(one: Event) -> Heard:
    decoded = decode_event(one["partitionkey"].encode(), encode(one))
    assert isinstance(decoded, Arrived)
    assert decoded.event is not None
    return decoded.event


def again(memory: Memory) -> Memory:
    """The memory as a new owner finds it in the changelog."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(memory), type=Memory)


def resolved(at: int, id_: str) -> Event:
    to = {"to": "resolved"}
    kind = "conversation.status_changed"
    return event(kind, at, id_=id_, actor="agent", lifecycle=to)


def gone(at: int, id_: str, key: str) -> Event:
    return event("message.deleted", at, id_=id_, message={"key": key})


def over(*more: Event) -> Memory:
    """A conversation of some messages that was resolved after an hour."""
    memory = new_memory("acme", "c1")
    for one in (message(0, id_="e1"), *more, resolved(HOUR, "e9")):
        accept(memory, heard(one), START + HOUR, BOOKS)
    return memory


@given(before=histories(most=12), after=histories(most=6))
@examples(100)
def test_it_does_not_matter_when_somebody_gets_round_to_settling(
    before: list[Event], after: list[Event]
) -> None:
    events = [one for one in before if one["type"] != "care.other"]
    memory = new_memory("acme", "c1")
    for one in events:
        accept(memory, heard(one), START + 2 * HOUR, BOOKS)
    later = START + 6 * DAY
    advance(memory, START + 3 * DAY, BOOKS)
    assume(memory.settles_by(later))
    settled = again(memory)
    settled.settle()
    for number, one in enumerate(after):
        told = heard(one)
        told = msgspec.structs.replace(
            told, at=told.at + 6 * DAY, recorded=told.recorded + 6 * DAY, id=f"late{number}"
        )
        clock = later + HOUR + number
        assert late_reason(memory, told, clock) == late_reason(settled, told, clock)
        assert accept(memory, told, clock, BOOKS) == accept(settled, told, clock, BOOKS)

        assert again(settled) == again(memory)


def test_what_is_over_keeps_its_history_for_as_long_as_something_can_reach_it() -> None:
    memory = over()

    assert not memory.settles_by(START + HOUR + HISTORY_MS - 1)
    assert memory.settles_by(START + HOUR + HISTORY_MS)


def test_what_is_open_never_settles() -> None:
    memory = new_memory("acme", "c1")
    accept(memory, heard(message(0, id_="e1")), START + HOUR, BOOKS)

    assert not memory.settles_by(START + 90 * DAY)


def test_nothing_settles_before_its_first_event() -> None:
    assert not new_memory("acme", "c1").settles_by(START)


def test_what_is_settled_is_its_state_alone() -> None:
    memory = over()
    memory.settle()

    assert len(memory.events) == 0
    assert not memory.base
    assert len(msgspec.msgpack.encode(memory)) < 1.2 * len(msgspec.msgpack.encode(memory.state))


@pytest.mark.parametrize("settled", [True, False])
def test_a_deletion_after_days_changes_nothing_and_is_counted(settled: bool) -> None:
    """What a settled history held is final; what nobody knows may still come (R6a)."""
    counted = []
    for key in ("m_e1", "m_never"):
        memory, later = over(), START + 3 * DAY
        if settled:
            memory.settle()
        changes = accept(memory, heard(gone(3 * DAY, "e10", key)), later, BOOKS)
        counted.append([one.result.metric for one in changes if isinstance(one.result, Tally)])

    assert counted == [["late_changes"], []]


def test_what_settled_takes_no_deletion_of_its_messages_but_waits_for_others() -> None:
    memory, later = over(), START + 3 * DAY
    memory.settle()

    accept(memory, heard(gone(3 * DAY, "e10", "m_e1")), later, BOOKS)
    assert memory.is_settled
    accept(memory, heard(gone(3 * DAY, "e11", "m_never")), later, BOOKS)
    assert [one.id for one in memory.events] == ["e11"]
    assert memory.awaited == ("m_never",)


def test_of_long_histories_the_newest_messages_are_known_to_be_gone() -> None:
    memory = over(*(message(n, id_=f"n{n:03}") for n in range(1, FORGOTTEN_KEPT + 1)))
    memory.settle()

    known = [is_among(f"m_n{n:03}", memory.forgotten) for n in range(1, FORGOTTEN_KEPT + 1)]
    assert all(known)
    assert not is_among("m_e1", memory.forgotten)


def test_a_deletion_of_what_may_still_come_is_not_counted() -> None:
    memory = over()

    assert accept(memory, heard(gone(HOUR, "e10", "m_never")), START + HOUR, BOOKS) == []


DAYS_90 = START + HOUR + 200 + FORGOTTEN_AFTER_MS
"""Ninety days after the last word of `over` came."""


def test_after_ninety_days_of_silence_it_is_forgotten_and_not_at_ninety() -> None:
    memory = over()

    assert not memory.is_forgotten_at(DAYS_90, BOOKS)
    assert memory.is_forgotten_at(DAYS_90 + 1, BOOKS)


def test_what_is_open_is_never_forgotten() -> None:
    """A helpdesk says when a session ends, however long that takes (R17)."""
    memory = new_memory("acme", "c1")
    opened = event("conversation.opened", 0, id_="e1", lifecycle={"to": "open"})
    accept(memory, heard(opened), START + HOUR, BOOKS)

    assert not memory.is_forgotten_at(START + 1000 * DAY, BOOKS)


def test_a_session_that_silence_ends_counts_from_its_end() -> None:
    """Nobody has let its timer fire yet: it is forgotten all the same, and nothing is told."""
    memory = new_memory("acme", "c1")
    accept(memory, heard(message(0, id_="e1")), START + 200, BOOKS)
    accept(memory, heard(message(1000, id_="e2", actor="agent")), START + 1200, BOOKS)
    before = again(memory)
    idle = START + 1000 + 24 * HOUR

    assert not memory.is_forgotten_at(idle + FORGOTTEN_AFTER_MS, BOOKS)
    assert memory.is_forgotten_at(idle + FORGOTTEN_AFTER_MS + 1, BOOKS)
    assert again(memory) == before


def test_it_leaves_when_nothing_can_come_that_would_find_it() -> None:
    memory = over()
    memory.settle()

    assert not memory.is_beyond_recall(DAYS_90 + HISTORY_MS)
    assert memory.is_beyond_recall(DAYS_90 + HISTORY_MS + 1)
