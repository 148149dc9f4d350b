"""Conversations at rest are bytes; whoever wakes one finds it as it was, at the same cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.contributions import held
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.history import BLOCK
from carewatch.domain.ledger import HISTORY_EVENTS, Change, accept, new_memory
from carewatch.domain.policy import Book, Books
from carewatch.domain.rulebook import Document
from carewatch.processors.base import Row
from carewatch.processors.conversation_rows import Key, is_row_key
from carewatch.processors.memories import AT_WORK_MS, BASE, EVENTS, SETTLED_AT_ONCE, Memories
from carewatch.processors.track_rows import kind_of
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, encode, event, histories, message
from support.properties import examples
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
@examples(30)
def test_being_at_rest_changes_nothing(data: st.DataObject, events: list[Event]) -> None:
    events = [one for one in events if one["type"] != "care.other"]
    resting, awake = Lane(at_work=data.draw(st.integers(0, 2))), Lane(at_work=100)
    for number, one in enumerate(events):
        clock = START + 2 * HOUR + number

        assert awake.event(one, clock) == resting.event(one, clock)
        if data.draw(st.booleans()):
            assert awake.flush() == resting.flush()
        if data.draw(st.booleans()):
            resting.memories.rest(clock + AT_WORK_MS)
    awake.flush()
    resting.flush()
    assert awake.table == resting.table
    heir = awake.heir()
    assert list(awake.memories) == list(heir)
    assert [awake.memories.get(key) for key in heir] == [heir.get(key) for key in heir]


def test_who_is_not_heard_of_for_a_while_is_kept_as_a_row_alone() -> None:
    lane = Lane(at_work=100)
    lane.event(message(0, id_="e1"), START + 200)
    lane.flush()
    lane.event(message(HOUR, id_="e2", key="c2"), START + HOUR + 200)
    lane.flush()
    kept = [lane.memories.get(("acme", key)) for key in ("c1", "c2")]

    lane.memories.rest(START + HOUR + 200)

    assert lane.memories.get(ONE) is not kept[0]
    assert lane.memories.get(ONE) == kept[0]
    assert lane.memories.get(("acme", "c2")) is kept[1]


def test_what_no_flush_has_written_yet_does_not_rest() -> None:
    lane = Lane(at_work=100)
    lane.event(message(0, id_="e1"), START + 200)

    lane.memories.rest(START + HOUR)

    assert len(lane.flush()) == 1
    assert lane.heir().get(ONE) == lane.memories.get(ONE)


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

    # What is folded away, a block at a time, now leaves a base behind that is written anew, with
    # the marks of its newest messages.
    assert max(late) < 2 * max(early)
    assert sum(late) < 1.3 * sum(early)
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


def resolve(lane: Lane, number: int) -> None:
    to = {"to": "resolved"}
    at = number * 1000
    one = event("conversation.status_changed", at, id_="end", actor="agent", lifecycle=to)
    lane.event(one, START + at + 500)


def settled(lane: Lane, memories: Memories, clock: int) -> dict[bytes, bytes]:
    """The changelog, once some of what is over by this clock has settled."""
    memories.settle(clock)
    table = dict(lane.table)
    for key, value in memories.take_rows():
        if value is None:
            del table[key]
        else:
            table[key] = value
    return table


@pytest.mark.parametrize("restored", [True, False])
def test_two_days_after_its_end_a_conversation_is_one_small_row(restored: bool) -> None:
    lane = Lane(at_work=0)
    long(lane, 3 * BLOCK)
    resolve(lane, 3 * BLOCK)
    lane.flush()
    memories = lane.heir() if restored else lane.memories
    before = sum(len(row) for row in lane.table.values())

    early = settled(lane, memories, START + 46 * HOUR)
    late = settled(lane, memories, START + 50 * HOUR)

    assert early == lane.table
    assert list(map(is_row_key, late)) == [True]
    assert sum(len(row) for row in late.values()) < before / 4
    memory = memories.known(ONE)
    heir = Memories()
    heir.restore(*late.popitem())
    list(map(heir.rejoin, heir.rejoining()))
    assert heir.known(ONE) == memory


def test_what_settled_may_go_on() -> None:
    """Its base stands beside it again, and goes when it settles once more."""
    lane = Lane(at_work=0)
    for day in (0, 4, 8):
        lane.event(message(day * 24 * HOUR, id_=f"e{day}"), START + day * 24 * HOUR + 500)
        resolve(lane, day * 24 * 3600 + 60)
        lane.flush()
        lane.memories.settle(START + (day + 3) * 24 * HOUR)
        lane.flush()

        assert [is_row_key(key) for key in lane.table] == [True]
        assert lane.heir().known(ONE) == lane.memories.known(ONE)


def test_some_settle_at_a_time() -> None:
    lane = Lane(at_work=1000)
    count = 2 * SETTLED_AT_ONCE
    for number in range(count):
        for one in (
            message(0, id_=f"e{number}", key=f"c{number}"),
            event(
                "conversation.status_changed",
                1000,
                id_=f"end{number}",
                key=f"c{number}",
                actor="agent",
                lifecycle={"to": "resolved"},
            ),
        ):
            lane.event(one, START + 2000)
    lane.flush()

    settled_at: list[int] = []
    while sum(settled_at) < count:
        lane.memories.settle(START + 60 * HOUR)
        settled_at.append(len(lane.flush()))

    assert settled_at == [SETTLED_AT_ONCE, SETTLED_AT_ONCE]
