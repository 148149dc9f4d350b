"""After 90 days of silence a conversation is forgotten, and begins anew (R6a)."""

import pytest
from msgspec.structs import replace

from carewatch.domain.memory import FORGOTTEN_AFTER_MS, HISTORY_MS
from carewatch.domain.rulebook import Close
from carewatch.domain.times import format_time
from carewatch.processors.conversation_rows import is_row_key
from carewatch.processors.memories import BASE, EVENTS, FORGOTTEN_AT_ONCE
from carewatch.processors.track_rows import kind_of
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from support.envelopes import START, Event, encode, event, message
from support.replays import POLICY, net, points, publication, replay, values
from support.track_lane import TrackLane

HOUR = 3_600_000
DAY = 24 * HOUR
RESOLVED = 60_000
"""When the conversations of these tests are over; it is recorded 200 ms later."""
AFTER = RESOLVED + 200 + FORGOTTEN_AFTER_MS
"""The last instant at which they are remembered."""
GONE = AFTER + HISTORY_MS + DAY
"""By then nothing is left of them."""


def resolved(at: int, id_: str, key: str = "c1") -> Event:
    to = {"to": "resolved"}
    return event("conversation.status_changed", at, id_=id_, key=key, actor="agent", lifecycle=to)


def story() -> list[Event]:
    """A conversation that was resolved after a minute."""
    return [message(0, id_="e1"), message(1000, id_="e2", actor="agent"), resolved(RESOLVED, "e3")]


def sessions(events: list[Event]) -> list[tuple[int, str]]:
    facts = [one["data"] for one in net(replay(events), topics.FACTS)]
    return [(one["session"], one["transition"]) for one in facts if "transition" in one]


def test_numbering_restarts_after_ninety_days_and_not_at_ninety() -> None:
    at_ninety = sessions([*story(), message(AFTER, id_="e4")])
    later = sessions([*story(), message(AFTER + 1, id_="e4")])

    assert at_ninety[2:] == [(2, "opened")]
    assert later[2:] == [(1, "opened")]


def test_what_is_open_is_never_forgotten() -> None:
    opened = event("conversation.opened", 0, id_="e1", lifecycle={"to": "open"})

    told = sessions([opened, message(GONE, id_="e2"), resolved(GONE + 1000, "e3")])

    assert told == [(1, "opened"), (1, "resolved")]


def test_a_promise_that_is_kept_open_is_never_forgotten() -> None:
    """It ends by a person's next message, whenever that comes (`close: keep`, S12)."""
    policy = replace(POLICY, close=Close(unanswered="keep"))
    told = replay(
        [message(0, id_="e1"), resolved(RESOLVED, "e2"), message(GONE, id_="e3", actor="agent")],
        policies=[policy],
    )

    assert [one["data"]["to"] for one in net(told, topics.SLA)][-1] == "met_late"


def test_an_id_is_never_used_twice() -> None:
    """What is said anew differs by its cause; what a timer says, by its instant (`net` checks)."""
    again = [
        one
        for number in range(3)
        for one in (
            message(number * GONE, id_=f"a{number}"),
            message(number * GONE + 400_000, id_=f"b{number}", actor="agent"),
        )
    ]
    told = replay(again, until=START + 3 * GONE)

    assert [one for one in sessions(again) if one[1] == "opened"] == [(1, "opened")] * 3
    assert len(net(told, topics.FACTS) + net(told, topics.SLA)) == len(
        {one["id"] for topic in (topics.FACTS, topics.SLA) for one in values(told, topic)}
    )


def test_an_event_too_late_for_what_is_forgotten_is_too_late() -> None:
    late = message(AFTER, id_="e4", arrives=GONE)

    told = replay([*story(), late], until=START + GONE + 1000)

    assert [one["id"] for one in values(told, topics.LATE)] == ["e4"]


def test_a_deletion_of_a_message_that_is_forgotten_is_not_counted() -> None:
    """Nobody knows any more that there was such a message: it may still come."""
    gone = event("message.deleted", GONE, id_="e4", message={"key": "m_e1"})

    told = points(replay([*story(), gone], until=START + GONE + DAY))

    assert [one for one in told.values() if one["metric"] == "late_changes"] == []


def test_a_turn_that_a_forgotten_parent_inherits_opens_it_anew() -> None:
    into = {"to": "merged", "merged_into": "c1"}
    child = [
        message(GONE, id_="f1", key="c2"),
        event("conversation.merged", GONE + 1000, id_="f2", key="c2", lifecycle=into),
    ]
    facts = [one["data"] for one in net(replay([*story(), *child]), topics.FACTS)]

    told = [
        (one["conversation_key"], one["session"], one["transition"])
        for one in facts
        if "transition" in one
    ]
    assert told[2:] == [("c2", 1, "opened"), ("c2", 1, "merged"), ("c1", 1, "opened")]


class Lane(TrackLane):
    """A partition and its changelog."""

    def __init__(
        self, table: dict[bytes, bytes] | None = None, marker: bytes | None = None
    ) -> None:
        super().__init__(0, {topics.EVENTS: 1, topics.PARTIALS: 1}, table, marker)

    def heir(self) -> "Lane":
        return Lane(self.table, self.marker)

    def tell(self, events: list[Event]) -> None:
        for one in events:
            self.read(one["partitionkey"].encode(), encode(one))

    def tick(self, *at: int) -> None:
        for one in at:
            self.read(None, encode_tick(partition=0, at=format_time(START + one)))

    def conversations(self) -> int:
        return sum(map(is_row_key, self.table))


@pytest.mark.parametrize("restored", [True, False])
def test_its_row_goes(restored: bool) -> None:
    lane = Lane()
    lane.tell(story())
    lane.tick(RESOLVED + 1000, 4 * DAY)
    lane = lane.heir() if restored else lane
    lane.tick(5 * DAY, AFTER // 1000 * 1000)
    there = lane.conversations()

    lane.tick(GONE)

    assert (there, lane.conversations()) == (1, 0)
    assert lane.stage.conversations("c1") == []


def test_one_that_was_heard_of_in_between_stays_for_as_long_again() -> None:
    lane = Lane()
    lane.tell(story())
    lane.tick(RESOLVED + 1000, 4 * DAY)
    lane.tell([message(50 * DAY, id_="e4"), resolved(50 * DAY + RESOLVED, "e5")])
    lane.tick(50 * DAY + HOUR, 54 * DAY, GONE)
    there = lane.conversations()

    lane.tick(GONE + 50 * DAY)

    assert (there, lane.conversations()) == (1, 0)


def test_what_begins_anew_before_its_row_has_gone_leaves_nothing_behind() -> None:
    """Of a history that nobody had time to settle stand rows beside it; ticks were away."""
    lane, other = Lane(), Lane()
    lane.tell([message(n * 100, id_=f"n{n:03}") for n in range(200)])
    lane.tell([resolved(RESOLVED, "e3")])
    lane.tell([message(GONE, id_="e4")])
    other.tell([message(GONE, id_="e4")])

    assert [key for key in lane.table if kind_of(key) in (BASE, EVENTS)] == []
    assert lane.conversations() == other.conversations() == 1
    assert lane.heir().stage.conversations("c1") == other.stage.conversations("c1")


@pytest.mark.parametrize("restored", [True, False])
def test_some_are_forgotten_at_a_time(restored: bool) -> None:
    lane, count = Lane(), 3 * FORGOTTEN_AT_ONCE
    for number in range(count):
        lane.tell([resolved(RESOLVED, f"e{number}", key=f"c{number}")])
    lane.tick(RESOLVED + 1000, 4 * DAY, 4 * DAY + 1000)
    lane = lane.heir() if restored else lane

    left: list[int] = []
    for second in range(3):
        lane.tick(GONE + second * 1000)
        left.append(lane.conversations())

    assert left == [count - (n + 1) * FORGOTTEN_AT_ONCE for n in range(3)]


def test_a_rulebook_that_comes_late_finds_nobody_who_is_forgotten() -> None:
    lane = Lane()
    lane.tell(story())
    lane.tick(RESOLVED + 1000, 4 * DAY, GONE)

    lane.read(None, publication(POLICY, effective_at=START))

    assert lane.conversations() == 0
