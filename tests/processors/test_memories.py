"""Conversations at rest are bytes; whoever wakes one finds it as it was, at the same cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carewatch.domain.contributions import held
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.history import BLOCK
from carewatch.domain.ledger import HISTORY_EVENTS, Change, accept, new_memory
from carewatch.domain.policy import Book, Books
from carewatch.domain.rulebook import Document
from carewatch.processors.base import Row
from carewatch.processors.conversation_rows import Key, is_row_key
from carewatch.processors.memories import BASE, EVENTS, Memories
from carewatch.processors.track_rows import kind_of
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, encode, histories, message
from support.replays import POLICY

BOOKS = Books([Book(1, "", 0, Document(policies=[POLICY]))])
ONE = ("acme", "c1")
HOUR = 3_600_000


class Lane:
    """Conversations that take events in, and the changelog of their rows."""

    def __init__(self, at_work: int) -> None:
        self.memories = Memories(at_work)
        self.table: dict[bytes, bytes] = {}

    def event(self, one: Event, clock: int) -> list[Change]:
        decoded = decode_event(one["partitionkey"].encode(), encode(one))
        assert isinstance(decoded, Arrived)
        assert decoded.event is not None
        key: Key = (decoded.tenant, decoded.key)
        memory = self.memories.get(key) or new_memory(*key)
        changes = accept(memory, decoded.event, clock, BOOKS)
        gauges = held(memory.tenant, memory.state)
        self.memories.touch(memory, gauges=gauges, timer=memory.next_timer(BOOKS), book=1)
        return changes

    def flush(self) -> list[Row]:
        rows = list(self.memories.take_rows())
        for key, value in rows:
            if value is None:
                del self.table[key]
            else:
                self.table[key] = value
        return rows

    def heir(self, without: bytes | None = None) -> Memories:
        memories = Memories()
        left = {key: row for key, row in self.table.items() if key != without}
        for key, row in left.items():
            if not is_row_key(key):
                memories.restore_beside(kind_of(key), key, row)
        for key in filter(is_row_key, left):
            memories.restore(key, left[key])
        for key in memories.rejoining():
            memories.rejoin(key)
        return memories


@given(data=st.data(), events=histories(most=60, keys=("c1", "c2", "c3")))
@settings(max_examples=60, deadline=None)
def test_being_at_rest_changes_nothing(data: st.DataObject, events: list[Event]) -> None:
    events = [one for one in events if one["type"] != "care.other"]
    resting, awake = Lane(at_work=data.draw(st.integers(0, 2))), Lane(at_work=100)
    for number, one in enumerate(events):
        clock = START + 2 * HOUR + number

        assert awake.event(one, clock) == resting.event(one, clock)
        if data.draw(st.booleans()):
            assert awake.flush() == resting.flush()
    awake.flush()
    resting.flush()
    assert awake.table == resting.table
    heir = awake.heir()
    assert list(awake.memories) == list(heir)
    assert [awake.memories.get(key) for key in heir] == [heir.get(key) for key in heir]


def long(lane: Lane, events: int) -> list[list[Row]]:
    """What each of so many events of one conversation writes."""
    written = []
    for number in range(events):
        lane.event(message(number * 1000, id_=f"e{number:05}"), START + number * 1000 + 500)
        written.append(lane.flush())
    return written


def test_an_event_in_order_writes_the_same_however_many_came_before_it() -> None:
    written = long(Lane(at_work=0), 2 * HISTORY_EVENTS)
    sizes = [sum(len(key) + len(value or b"") for key, value in rows) for rows in written]
    early, late = sizes[10 * BLOCK : 30 * BLOCK], sizes[-20 * BLOCK :]

    # What is folded away, a block at a time, now leaves a base behind that is written anew.
    assert max(late) < 2 * max(early)
    assert sum(late) < 1.2 * sum(early)
    assert max(len(rows) for rows in written) <= 4


def test_a_long_conversation_is_bounded() -> None:
    lane = Lane(at_work=0)
    long(lane, 3 * HISTORY_EVENTS)
    heir = lane.heir().get(ONE)

    assert sum(len(value) for value in lane.table.values()) < 65_536
    assert heir is not None
    assert HISTORY_EVENTS <= len(heir.events) <= HISTORY_EVENTS + 2 * BLOCK


@pytest.mark.parametrize("kind", [BASE, EVENTS])
def test_a_history_with_a_gap_is_refused(kind: str) -> None:
    lane = Lane(at_work=0)
    long(lane, HISTORY_EVENTS + 3 * BLOCK)
    missing = next(key for key in lane.table if kind_of(key) == kind)

    with pytest.raises(InvalidRecord, match=r"history of \('acme', 'c1'\) has a gap"):
        lane.heir(without=missing)
