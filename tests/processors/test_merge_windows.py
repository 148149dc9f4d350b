"""Windows of merge that more than one length or one series decides: days, cohorts, the last
minutes, and gauges that are forgotten."""

import pytest

from carewatch.domain.aggregates import Ages, Count, Deadline, Deadlines, Gauge, Instant
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Aged, Point, Soonest, Tally
from carewatch.processors.base import Output
from carewatch.processors.merge import Merge
from carewatch.processors.panes import GRACE_MS, HOLD_MS, RETENTION_MS
from carewatch.wire import points, topics
from support.partial_log import (
    BASE,
    T0,
    Changelog,
    as_records,
    build_merge,
    clock_record,
    outputs_of,
    partial_record,
    points_of,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MESSAGES = (*BASE, "inbound", "customer")
COHORT = BY_ID["turns_opened"]
START = T0 - 11 * HOUR
"""Midnight in Berlin."""

Pair = tuple[bytes, bytes]


def day(value: int, *, position: int = 1, partition: int = 0, end: int = START + DAY) -> Pair:
    return partial_record(
        "messages", "1d", START, Count(value, value),
        labels=MESSAGES, position=position, partition=partition, end=end,
    )  # fmt: skip


def cohort(value: int, *, position: int = 1, closes: int | None = None) -> Pair:
    end = START + DAY
    return partial_record(
        "turns_opened", "1d", START, Count(value, value), position=position, end=end,
        closes=end + COHORT.horizon_ms + HOUR if closes is None else closes,
    )  # fmt: skip


def minute(number: int, value: int, *, position: int = 1) -> Pair:
    """A count in the minute of that number after T0."""
    start = T0 + number * MINUTE
    count = Count(value, value)
    return partial_record("messages", "1m", start, count, labels=MESSAGES, position=position)


def said(outputs: list[Output], window: str) -> list[Point]:
    return [point for point in points_of(outputs) if point.window == window]


def rolled(outputs: list[Output], window: str = "last_15m") -> list[tuple[int, str, int]]:
    """What was published of a rolling window: its end in minutes after T0, edition and count."""
    return [
        ((point.end - T0) // MINUTE, point.pane, point.value.value)
        for point in said(outputs, window)
        if point.end is not None and isinstance(point.value, Tally)
    ]


def test_a_day_ends_where_its_source_partitions_say() -> None:
    end = START + 25 * HOUR
    log = as_records(
        [
            day(1, end=end),
            clock_record(T0),
            clock_record(end + GRACE_MS - 1),
            clock_record(end + GRACE_MS),
        ]
    )

    assert [(p.pane, p.start, p.end) for p in said(outputs_of(log), "1d")] == [
        ("early", START, end),
        ("on_time", START, end),
    ]


def test_a_day_is_tombstoned_after_four_hundred_days() -> None:
    stage, changelog = build_merge(), Changelog()
    over = START + DAY + RETENTION_MS["1d"]
    last = drive(stage, changelog, [day(1), clock_record(T0), clock_record(over - 1)])
    assert said(last, "1d") != []
    assert [o for o in last if o.value is None] == []

    ended = drive(stage, changelog, [clock_record(over)])

    key = points.point_key("messages", MESSAGES, "1d", START)
    assert [o.key for o in ended if o.value is None and o.topic == topics.METRICS] == [key]
    assert [name for name in changelog.rows if b"1d" in name] == []


def test_the_day_of_a_cohort_is_provisional_until_its_horizon_and_lateness_have_passed() -> None:
    end = START + DAY
    closes = end + COHORT.horizon_ms + HOUR
    log = as_records(
        [
            cohort(1),
            clock_record(T0),
            clock_record(end + GRACE_MS),
            cohort(2, position=2),
            clock_record(end + 3 * HOUR),
            cohort(3, position=3),
            clock_record(closes),
            clock_record(closes + 1),
            clock_record(closes + HOUR),
        ]
    )

    assert [(p.pane, p.value, p.provisional) for p in said(outputs_of(log), "1d")] == [
        ("early", Tally(1), True),
        ("on_time", Tally(1), True),
        ("late", Tally(2), True),
        ("late", Tally(3), True),
        ("late", Tally(3), False),
    ]


def test_a_cohort_is_held_as_long_as_its_sources_may_send() -> None:
    held = START + DAY + COHORT.horizon_ms + HOLD_MS
    other = partial_record(
        "turns_opened", "1d", START, Count(5, 5), partition=1, end=START + DAY, closes=held
    )
    log = [
        cohort(1),
        other,
        *(clock_record(held - 1, partition=p, sources=2) for p in (0, 1)),
        cohort(2, position=2),
        *(clock_record(held, partition=p, sources=2) for p in (0, 1)),
        cohort(3, position=3),
    ]
    outputs = outputs_of(as_records(log))

    assert said(outputs, "1d")[-1].value == Tally(7)
    [dead] = [o for o in outputs if o.topic == topics.DEAD]
    assert dict(dead.headers)["reason"] == b"contradiction"


def test_the_last_minutes_are_whole_ones_and_move_on_with_every_minute() -> None:
    log = as_records(
        [
            clock_record(T0),
            minute(0, 2),
            clock_record(T0 + 30_000),
            clock_record(T0 + MINUTE),
            minute(1, 3),
            clock_record(T0 + MINUTE + 30_000),
            clock_record(T0 + 2 * MINUTE),
        ]
    )

    assert rolled(outputs_of(log)) == [(1, "on_time", 2), (2, "on_time", 5)]


def test_a_minute_that_changes_within_the_last_ones_makes_them_late() -> None:
    log = as_records(
        [
            minute(0, 2),
            clock_record(T0 + MINUTE),
            minute(0, 4, position=2),
            clock_record(T0 + MINUTE + 1000),
        ]
    )

    assert rolled(outputs_of(log)) == [(1, "on_time", 2), (1, "late", 4)]


def test_rolling_windows_have_one_key_without_a_start() -> None:
    log = as_records([minute(0, 2), clock_record(T0 + MINUTE), clock_record(T0 + 2 * MINUTE)])

    keys = {o.key for o in outputs_of(log) if o.key is not None and b"|last_" in o.key}
    assert keys == {
        b"acme|web|support|normal|messages|author=customer,direction=inbound|last_15m|",
        b"acme|web|support|normal|messages|author=customer,direction=inbound|last_1h|",
    }


def test_a_minute_is_in_the_window_for_as_many_minutes_as_that_has() -> None:
    log = as_records([minute(0, 2), *(clock_record(T0 + at * MINUTE) for at in range(70))])

    outputs = outputs_of(log)
    assert rolled(outputs) == [(at, "on_time", 2 if at < 16 else 0) for at in range(1, 17)]
    assert [value for _, _, value in rolled(outputs, "last_1h")] == [*[2] * 60, 0]


def test_a_window_holds_the_minute_that_it_begins_with() -> None:
    log = as_records([minute(0, 2), minute(15, 4), clock_record(T0 + 15 * MINUTE)])

    assert rolled(outputs_of(log)) == [(15, "on_time", 2)]


def test_a_rolling_window_never_goes_back() -> None:
    late = [minute(3, 7), clock_record(T0 + 101 * MINUTE)]
    log = as_records([minute(20, 2), clock_record(T0 + 100 * MINUTE), *late])

    assert rolled(outputs_of(log)) == [(36, "on_time", 0)]


@pytest.mark.parametrize("clocks", [range(1, 90), (1, 80), (1, 16, 61, 200), (200,)])
def test_an_empty_window_is_told_once_as_of_when_it_became_empty(clocks: range) -> None:
    log = as_records([minute(0, 2), *(clock_record(T0 + at * MINUTE) for at in clocks)])

    outputs = outputs_of(log)
    assert rolled(outputs)[-1] == (16, "on_time", 0)
    assert rolled(outputs, "last_1h")[-1] == (61, "on_time", 0)


def test_rolling_windows_say_when_they_move_on() -> None:
    stage, changelog = build_merge(), Changelog()
    drive(stage, changelog, [minute(0, 1), clock_record(T0 + MINUTE + GRACE_MS)])
    assert stage.next_due == T0 + 2 * MINUTE

    drive(stage, changelog, [clock_record(T0 + 61 * MINUTE)])
    assert stage.next_due == T0 + MINUTE + HOLD_MS


def test_rolling_windows_go_on_after_a_restore() -> None:
    log = [minute(0, 2), clock_record(T0 + MINUTE), minute(1, 3), clock_record(T0 + 2 * MINUTE)]
    more = [clock_record(T0 + at * MINUTE) for at in (3, 16, 17, 70)]
    stage, changelog = build_merge(), Changelog()
    drive(stage, changelog, log)
    heir = build_merge()
    heir.restore(changelog.as_rows(), changelog.marker)

    assert rolled(drive(heir, changelog, more)) == rolled(drive(stage, changelog, more)) != []


def test_rolling_windows_hold_what_came_before_every_source_was_known_after_a_restore_too() -> None:
    """The wall does not wait for a source partition that lags, the last minutes do."""
    log = [clock_record(T0, sources=2), minute(0, 2), clock_record(T0 + MINUTE, sources=2)]
    more = [clock_record(T0 + MINUTE, partition=1, sources=2)]
    stage, changelog = build_merge(), Changelog()
    shown = said(drive(stage, changelog, log), "1m")
    heir = build_merge()
    heir.restore(changelog.as_rows(), changelog.marker)

    assert [point.value.value for point in shown if isinstance(point.value, Tally)] == [2]
    assert rolled(drive(heir, changelog, more)) == [(1, "on_time", 2)]
    assert rolled(drive(stage, changelog, more)) == [(1, "on_time", 2)]


def test_ages_and_deadlines_of_source_partitions_are_merged() -> None:
    due = [Deadline(T0 + number, "c", "p", "first_reply") for number in range(80)]
    tenant = ("acme", "none", "none", "normal")
    log = as_records(
        [
            partial_record("open_wait_age", "now", None, Ages(2, [2, *[0] * 32])),
            partial_record("open_wait_age", "now", None, Ages(1, [*[0] * 32, 1]), partition=1),
            partial_record("next_due", "now", None, Deadlines(due[1:80:2][:50]), labels=tenant),
            partial_record(
                "next_due", "now", None, Deadlines(due[0:80:2][:50]), labels=tenant, partition=1
            ),
            clock_record(T0 + 1000, sources=2),
            clock_record(T0 + 1000, sources=2, partition=1),
        ]
    )

    values = {point.metric: point.value for point in points_of(outputs_of(log))}
    assert values["open_wait_age"] == Aged(3, (2, *[0] * 31, 1))
    assert values["next_due"] == Soonest(tuple(due[:50]))


def test_a_gauge_is_tombstoned_when_no_source_partition_has_it_any_more() -> None:
    key = points.point_key("queue_length", BASE, "now", None)
    stage, changelog = build_merge(), Changelog()
    drive(
        stage,
        changelog,
        [
            partial_record("queue_length", "now", None, Gauge(0)),
            partial_record("queue_length", "now", None, Gauge(3), partition=1),
            clock_record(T0, sources=2),
            clock_record(T0, sources=2, partition=1),
        ],
    )

    one = drive(
        stage,
        changelog,
        [
            partial_record("queue_length", "now", None, None, position=2),
            clock_record(T0 + 1000, sources=2),
            clock_record(T0 + 1000, sources=2, partition=1),
        ],
    )
    both = drive(
        stage,
        changelog,
        [
            partial_record("queue_length", "now", None, None, position=2, partition=1),
            clock_record(T0 + 2000, sources=2),
            clock_record(T0 + 2000, sources=2, partition=1),
        ],
    )

    assert [o for o in one if o.key == key] == []
    assert [o.value for o in both if o.key == key] == [None]
    assert [name for name in changelog.rows if b"queue_length" in name] == []


def test_a_forgotten_gauge_that_comes_back_begins_anew() -> None:
    log = as_records(
        [
            partial_record("oldest_unanswered", "now", None, Instant(None)),
            clock_record(T0),
            partial_record("oldest_unanswered", "now", None, None, position=2),
            clock_record(T0 + 1000),
            partial_record("oldest_unanswered", "now", None, Instant(T0), position=3),
            clock_record(T0 + 2000),
        ]
    )

    key = points.point_key("oldest_unanswered", BASE, "now", None)
    told = [o.value for o in outputs_of(log) if o.key == key]
    assert [value is None for value in told] == [False, True, False]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        partial_record("messages", "1d", START, Count(), labels=MESSAGES),
        partial_record("messages", "1d", START, Count(), labels=MESSAGES, end=START),
        partial_record("messages", "1m", T0, Count(), labels=MESSAGES, end=T0 + MINUTE),
        partial_record("messages", "last_15m", T0, Count(), labels=MESSAGES, end=T0 + MINUTE),
        partial_record("messages", "1m", T0, None, labels=MESSAGES),
        partial_record("open_wait_age", "now", None, Ages(1, [1])),
    ],
)
def test_windows_that_do_not_fit_are_dead_letters(key: bytes, value: bytes) -> None:
    outputs = outputs_of(as_records([(key, value), clock_record(T0 + 1000)]))

    [dead] = [o for o in outputs if o.topic == topics.DEAD]
    assert dict(dead.headers)["reason"] == b"schema"


def drive(stage: Merge, changelog: Changelog, pairs: list[Pair]) -> list[Output]:
    """Folds records and flushes after each; what was written."""
    outputs: list[Output] = []
    for record in as_records(pairs):
        stage.on_records([record._replace(offset=stage.next_offset)])
        flushed = stage.flush()
        assert flushed is not None
        changelog.take(flushed)
        outputs += flushed.outputs
    return outputs
