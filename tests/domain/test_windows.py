"""Panes: where a result is counted, what a tick publishes, and when a window ends."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.aggregates import Accumulator, Count, Distribution, Total, bucket_index
from carewatch.domain.days import Days
from carewatch.domain.metric import DAY, DAY_MS, TUMBLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.pane import PaneKey
from carewatch.domain.policy import BEGINNING, Book, Books
from carewatch.domain.rulebook import Document, Tenant
from carewatch.domain.windows import Panes

LABELS = ("acme", "web", "none", "normal")
REPLY = BY_ID["reply_time"]
COHORT = BY_ID["turns_opened"]
MINUTE, HOUR = 60_000, 3_600_000
SIZES = {str(name): size for name, size in (*TUMBLING.items(), (DAY, DAY_MS))}
ALWAYS_OPEN = -(10**15)


def key(window: str, start: int | None, metric: str = "reply_time") -> PaneKey:
    return PaneKey(metric, LABELS, window, start)


def bodies(panes: Panes) -> dict[PaneKey, Accumulator]:
    return {pane.key: pane.body for pane in panes}


def windows(panes: Panes) -> set[str]:
    return {pane.key.window for pane in panes}


def test_a_result_is_placed_into_every_window_by_its_instant() -> None:
    panes = Panes()
    panes.add(REPLY, LABELS, HOUR + 17 * MINUTE + 1, 500, 1, ALWAYS_OPEN)

    once = Distribution(1, 500, {bucket_index(500): 1})
    assert {
        key("1m", HOUR + 17 * MINUTE): once,
        key("5m", HOUR + 15 * MINUTE): once,
        key("15m", HOUR + 15 * MINUTE): once,
        key("1h", HOUR): once,
        key("1d", 0): once,
    } == {k: v for k, v in bodies(panes).items() if k.window != "total"}
    assert isinstance(bodies(panes)[key("total", None)], Total)


def test_a_day_is_cut_by_the_zone_of_its_tenant() -> None:
    panes = Panes()
    berlin = Document(tenants={"acme": Tenant(timezone="Europe/Berlin", day_starts_at="04:00")})
    panes.days = Days(Books([Book(1, "", BEGINNING, berlin)]))
    panes.add(REPLY, LABELS, 200 * DAY_MS + HOUR, 500, 1, ALWAYS_OPEN)

    [day] = [pane for pane in panes if pane.key.window == DAY]
    assert (day.key.start, day.end) == (200 * DAY_MS - 21 * HOUR, 200 * DAY_MS + 3 * HOUR)


def test_a_closed_minute_is_missed_and_the_coarser_windows_still_count() -> None:
    panes = Panes()
    missed = panes.add(REPLY, LABELS, HOUR + 1, 500, 1, HOUR + MINUTE + 1)

    assert missed
    assert {"5m", "15m", "1h", "1d", "total"} == windows(panes)


def test_a_window_is_open_until_its_end_lies_before_the_limit() -> None:
    assert not Panes().add(REPLY, LABELS, HOUR + 1, 500, 1, HOUR + MINUTE)


def test_the_day_of_a_cohort_takes_results_until_its_horizon_has_passed() -> None:
    panes = Panes()
    for limit in (DAY_MS + COHORT.horizon_ms, DAY_MS + COHORT.horizon_ms + 1):
        assert not panes.add(COHORT, LABELS, HOUR, 1, 1, limit)

    assert {
        key("1d", 0, "turns_opened"): Count(1, 1),
        key("total", None, "turns_opened"): Count(2, 2),
    } == bodies(panes)


def test_a_tick_publishes_each_change_once_in_a_fixed_order() -> None:
    panes = Panes()
    for tenant in ("b", "a"):
        panes.add(BY_ID["messages"], (tenant,), 0, 1, 1, ALWAYS_OPEN)

    first = [pane.key for pane in panes.take_changed()]

    assert sorted(first, key=lambda k: (k.labels, k.window)) == first
    assert len(first) == 2 * len(BY_ID["messages"].windows)
    assert panes.take_changed() == []


def test_rows_are_written_for_what_changed_or_was_published() -> None:
    panes = Panes()
    panes.add(REPLY, LABELS, 0, 1, 1, ALWAYS_OPEN)

    assert [pane.changed for pane in panes.take_touched()] == [True] * 6
    panes.take_changed()
    assert [pane.changed for pane in panes.take_touched()] == [False] * 6
    assert panes.take_touched() == []


def test_a_window_that_nothing_can_reach_any_more_is_forgotten_once() -> None:
    panes = Panes()
    panes.add(REPLY, LABELS, HOUR + 1, 500, 1, ALWAYS_OPEN)
    panes.take_touched()

    panes.close(HOUR + MINUTE)
    kept = panes.take_dropped()
    panes.close(HOUR + MINUTE + 1)

    assert kept == []
    assert [key("1m", HOUR)] == panes.take_dropped()
    assert panes.take_dropped() == []


def test_what_was_forgotten_stays_closed_whatever_lateness_comes_to_be_allowed() -> None:
    panes = Panes()
    panes.add(REPLY, LABELS, HOUR + 1, 500, 1, ALWAYS_OPEN)
    panes.close(HOUR + MINUTE + 1)

    assert panes.add(REPLY, LABELS, HOUR + 1, 500, 1, ALWAYS_OPEN)
    assert "1m" not in windows(panes)


def test_counts_add_and_are_taken_back() -> None:
    panes = Panes()
    for sign in (1, 1, -1):
        panes.add(BY_ID["messages"], LABELS, 0, 1, sign, ALWAYS_OPEN)

    assert Count(1, 2) == bodies(panes)[key("total", None, "messages")]


results = st.lists(
    st.tuples(st.integers(0, 3 * DAY_MS), st.integers(0, 10**6), st.integers(0, 4 * HOUR)),
    max_size=40,
)
"""Instant, duration, and how far the clock of the conversation is ahead of the instant."""


@given(results)
def test_minutes_add_up_to_every_coarser_window_but_for_what_came_late(
    told: list[tuple[int, int, int]],
) -> None:
    lateness = HOUR
    panes, late = Panes(), 0
    taken: Counter[tuple[str, int]] = Counter()
    taken_late: Counter[tuple[str, int]] = Counter()
    for at, duration, behind in told:
        missed = panes.add(REPLY, LABELS, at, duration, 1, at + behind - lateness)
        late += missed
        for window, size in SIZES.items():
            start = at - at % size
            if start + size >= at + behind - lateness:
                taken[window, start] += 1
                taken_late[window, start] += missed

    counted = {
        (pane.key.window, pane.key.start): pane.body.count
        for pane in panes
        if isinstance(pane.body, Distribution) and pane.key.start is not None
    }
    assert dict(taken) == counted
    for (window, start), count in taken.items():
        size = SIZES[window]
        minutes = sum(taken["1m", at] for at in range(start, start + size, MINUTE))
        assert count == minutes + taken_late[window, start]
    if told:
        total = bodies(panes)[key("total", None)]
        assert isinstance(total, Total)
        assert total.net.count == len(told)
        assert len(told) == late + sum(n for (window, _), n in taken.items() if window == "1m")


counted = st.tuples(
    st.sampled_from(("reply_time", "messages", "flow_ratio")),
    st.sampled_from((0, 30_000, MINUTE, 2 * MINUTE)),
    st.integers(0, 3),
    st.sampled_from((1, 1, -1)),
    st.sampled_from((ALWAYS_OPEN, MINUTE, MINUTE + 1)),
)
"""Metric, instant, value, whether it is added or taken back, and what is closed before it."""


@given(told=st.lists(counted, max_size=30), looks=st.sets(st.integers(0, 30)))
def test_panes_hold_the_same_bytes_whoever_looks_and_when(
    told: list[tuple[str, int, int, int, int]], looks: set[int]
) -> None:
    """Rows and snapshots show a pane as it is, down to the order of its buckets."""
    watched, left = Panes(), Panes()
    for number, (metric, at, value, sign, open_from) in enumerate(told):
        for panes in (watched, left):
            panes.add(BY_ID[metric], LABELS, at, value, sign, open_from, of=1)
        watched.take_touched()
        if number in looks:
            left.take_touched()

    packed = msgspec.msgpack.encode
    assert {k: packed(body) for k, body in bodies(watched).items()} == {
        k: packed(body) for k, body in bodies(left).items()
    }
