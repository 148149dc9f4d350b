"""Panes: where a result is counted, what a tick publishes, and when a window ends."""

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.aggregates import (
    Count,
    Distribution,
    Gauge,
    Instant,
    Total,
    bucket_index,
)
from carewatch.domain.metrics import BY_ID
from carewatch.domain.windows import PaneKey, Panes

LABELS = ("acme", "web", "none", "normal")
REPLY = BY_ID["reply_time"]
MINUTE, HOUR = 60_000, 3_600_000
ALWAYS_OPEN = -(10**15)


def key(window: str, start: int | None, metric: str = "reply_time") -> PaneKey:
    return PaneKey(metric, LABELS, window, start)


def test_a_result_is_placed_into_every_window_by_its_instant() -> None:
    panes = Panes()
    panes.add(REPLY, LABELS, HOUR + 61_000, 500, 1, ALWAYS_OPEN)

    assert {
        key("1m", HOUR + MINUTE): Distribution(1, 500, {bucket_index(500): 1}),
        key("1h", HOUR): Distribution(1, 500, {bucket_index(500): 1}),
    } == {k: v for k, v in panes.panes.items() if k.window != "total"}
    assert isinstance(panes.panes[key("total", None)], Total)


def test_a_closed_minute_is_missed_and_the_open_hour_still_counts() -> None:
    panes = Panes()
    missed = panes.add(REPLY, LABELS, HOUR + 1, 500, 1, HOUR + MINUTE + 1)

    assert missed
    assert {"1h", "total"} == {k.window for k in panes.panes}


def test_a_window_is_open_until_its_end_lies_before_the_limit() -> None:
    assert not Panes().add(REPLY, LABELS, HOUR + 1, 500, 1, HOUR + MINUTE)


def test_a_tick_publishes_each_change_once_in_a_fixed_order() -> None:
    panes = Panes()
    for labels in (("b",), ("a",)):
        panes.add(BY_ID["messages"], labels, 0, 1, 1, ALWAYS_OPEN)

    first = [k for k, _ in panes.take_changed()]

    assert sorted(first, key=lambda k: (k.labels, k.window)) == first
    assert list(panes.take_changed()) == []


def test_a_window_that_nothing_can_reach_any_more_is_forgotten_once() -> None:
    panes = Panes()
    panes.add(REPLY, LABELS, HOUR + 1, 500, 1, ALWAYS_OPEN)
    list(panes.take_touched())

    panes.close(HOUR + MINUTE)
    kept = panes.take_dropped()
    panes.close(HOUR + MINUTE + 1)

    assert kept == []
    assert [key("1m", HOUR)] == panes.take_dropped()
    assert panes.take_dropped() == []


def test_a_gauge_moves_and_stays_at_zero() -> None:
    panes = Panes()
    panes.shift("queue_length", LABELS, 1)
    panes.shift("queue_length", LABELS, -1)

    assert Gauge(0) == panes.panes[key("now", None, "queue_length")]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_least_instant_is_that_of_whoever_still_waits(starts: list[int]) -> None:
    panes, waiting = Panes(), list[int]()
    for start in starts:
        by = -1 if start in waiting else 1
        if by > 0:
            waiting.append(start)
        else:
            waiting.remove(start)
        panes.hold("oldest_unanswered", LABELS, start, by)

        expected = Instant(min(waiting, default=None))
        assert expected == panes.panes[key("now", None, "oldest_unanswered")]


def test_counts_add_and_are_taken_back() -> None:
    panes = Panes()
    for sign in (1, 1, -1):
        panes.add(BY_ID["messages"], LABELS, 0, 1, sign, ALWAYS_OPEN)

    assert Count(1, 2) == panes.panes[key("total", None, "messages")]
