"""The last hour of a figure: from the windows of the board, or remembered."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.points import Moment, Tally
from carewatch.domain.times import format_time
from carewatch.wall.view import Wall
from support.busy import AT, MINUTE, Busy, spread

STEP = 5 * MINUTE


def trend(wall: Wall, busy: Busy, view: str, id_: str, *, now: int = AT, **asked: str) -> Any:
    message: Any = wall.build_view(busy.board.snapshot(), now, {"view": view, **asked})
    return next(one for one in message["tiles"] if one["id"] == id_)["trend"]


def board(at: int = AT) -> Busy:
    busy = Busy()
    busy.reach(at)
    busy.put("waiting_conversations", Tally(0))
    return busy


def received(busy: Busy, minutes_ago: int, count: int, **options: Any) -> None:
    start = AT - minutes_ago * MINUTE
    busy.put("messages", Tally(count), "inbound", "customer", window="1m", start=start, **options)


def test_count_is_told_minute_by_minute_with_zeros_where_nothing_came() -> None:
    busy = board()
    for minutes_ago, count in ((60, 9), (59, 7), (1, 5), (0, 2)):
        received(busy, minutes_ago, count)
    received(busy, 1, 30, channel="sms")

    line = trend(Wall(), busy, "channels", "messages", channel="web")
    assert (line["step_ms"], line["until"]) == (MINUTE, format_time(AT))
    assert line["values"] == [7, *[0] * 57, 5, 2]


def test_percentile_is_told_of_fifteen_minutes_and_is_a_gap_with_too_few_samples() -> None:
    busy = board()
    for back, samples in ((3, 4), (2, 3), (1, 3), (0, 0)):
        times = spread(*[60_000] * samples)
        busy.put("reply_time", times, window="5m", start=AT - back * STEP)

    line = trend(Wall(), busy, "speed", "reply_p90")
    assert (line["step_ms"], line["until"]) == (STEP, format_time(AT))
    assert line["values"] == [*[None] * 10, 59_904, None]


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 9)), max_size=12))
def test_what_was_added_up_before_is_added_up_anew_when_it_changes(
    changes: list[tuple[int, int]],
) -> None:
    """Minutes that stand unchanged are remembered: never those that do not."""
    busy, wall = board(), Wall()
    newest: dict[int, int] = {}
    for minutes_ago, count in changes:
        received(busy, minutes_ago, count)
        newest[minutes_ago] = count

        expected = [newest.get(ago, 0) for ago in range(59, -1, -1)]
        assert trend(wall, busy, "channels", "messages")["values"] == expected


def test_present_state_is_remembered_from_the_first_look_on() -> None:
    busy, wall = board(), Wall()
    for minutes_ago, waiting in ((61, 9), (59, 3), (2, 4), (2, 5), (0, 6)):
        now = AT - minutes_ago * MINUTE
        busy.reach(now)
        busy.put("waiting_conversations", Tally(waiting))
        busy.put("waiting_conversations", Tally(1), channel="sms")
        last = trend(wall, busy, "queue", "waiting", now=now + 500, channel="web")

    assert (last["step_ms"], last["until"]) == (MINUTE, format_time(AT))
    assert last["values"] == [3, *[None] * 56, 5, None, 6]
    assert trend(wall, busy, "queue", "waiting")["values"][-1] == 7


def test_present_state_is_remembered_though_no_wall_is_open() -> None:
    busy, wall = board(), Wall()
    for minutes_ago, waiting in ((2, 5), (0, 6)):
        now = AT - minutes_ago * MINUTE
        busy.reach(now)
        busy.put("waiting_conversations", Tally(waiting))
        wall.watch(busy.board.snapshot(), now + 500)

    last = trend(wall, busy, "queue", "waiting", now=AT + 700)
    assert last["values"][-3:] == [5, None, 6]


def test_longest_wait_is_remembered_as_it_was_then() -> None:
    busy, wall = board(AT - MINUTE), Wall()
    busy.put("oldest_unanswered", Moment(AT - 3 * MINUTE))
    busy.put("oldest_unanswered", Moment(AT - 9 * MINUTE), channel="sms")
    trend(wall, busy, "queue", "oldest", now=AT - MINUTE)
    busy.reach(AT)
    busy.put("oldest_unanswered", Moment(None))

    assert trend(wall, busy, "queue", "oldest")["values"][-2:] == [8 * MINUTE, 9 * MINUTE]
    web = trend(wall, busy, "queue", "oldest", channel="web")
    assert web["values"][-2:] == [2 * MINUTE, 0]


def test_old_figures_are_not_remembered_as_the_present_but_their_age_is() -> None:
    busy, wall = board(AT - 3 * MINUTE), Wall()
    trend(wall, busy, "queue", "waiting", now=AT - 3 * MINUTE)

    assert trend(wall, busy, "queue", "waiting")["values"][-4:] == [0, None, None, None]
    ages = trend(wall, busy, "queue", "data_age")
    assert ages["values"][-4:] == [0, None, None, 3 * MINUTE]


def test_before_the_first_result_there_is_no_line() -> None:
    busy = Busy()

    assert trend(Wall(), busy, "channels", "messages") is None
    assert set(trend(Wall(), busy, "queue", "waiting")["values"]) == {None}
