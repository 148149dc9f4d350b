"""What merge publishes, when, and that neither order, flushes nor restores change it."""

import pytest

from carewatch.domain.aggregates import Count, Distribution, Gauge, Instant, Total
from carewatch.domain.errors import Refused
from carewatch.domain.metric import ROLLING
from carewatch.domain.points import Moment, Spread, Tally
from carewatch.processors.base import Output
from carewatch.processors.panes import GRACE_MS, HOLD_MS
from carewatch.wire import points, topics
from support.partial_log import (
    BASE,
    T0,
    Changelog,
    as_records,
    build_merge,
    clock_record,
    newest,
    outputs_of,
    partial_record,
    points_of,
)

MINUTE = 60_000
MESSAGES = (*BASE, "inbound", "customer")


def editions(outputs: list[Output], metric: str) -> list[tuple[str, int, object]]:
    """What was published of a metric, but for its rolling windows."""
    return [
        (p.pane, p.revision, p.value)
        for p in points_of(outputs)
        if p.metric == metric and p.window not in ROLLING
    ]


def count_record(
    value: int, *, start: int | None = T0, position: int = 1, partition: int = 0
) -> tuple[bytes, bytes]:
    return partial_record(
        "messages",
        "total" if start is None else "1m",
        start,
        Count(value, value),
        labels=MESSAGES,
        position=position,
        partition=partition,
    )


def test_window_is_early_then_on_time_once_then_late() -> None:
    due = T0 + MINUTE + GRACE_MS
    log = as_records(
        [
            count_record(1),
            clock_record(T0 + 1000),
            count_record(2, position=2),
            clock_record(T0 + 2000),
            clock_record(due - 1),
            clock_record(due),
            clock_record(due + 1000),
            count_record(3, position=3),
            clock_record(due + 2000),
        ]
    )

    assert editions(outputs_of(log), "messages") == [
        ("early", 1, Tally(1)),
        ("early", 2, Tally(2)),
        ("on_time", 3, Tally(2)),
        ("late", 4, Tally(3)),
    ]


def test_window_that_was_empty_at_its_on_time_instant_begins_late() -> None:
    due = T0 + MINUTE + GRACE_MS
    log = as_records([clock_record(due), count_record(1), clock_record(due + 1000)])

    assert editions(outputs_of(log), "messages") == [("late", 1, Tally(1))]


def test_first_partial_within_grace_is_complete_at_the_on_time_instant() -> None:
    due = T0 + MINUTE + GRACE_MS
    log = as_records([clock_record(due - 500), count_record(1), clock_record(due + 500)])

    assert editions(outputs_of(log), "messages") == [("on_time", 1, Tally(1))]


def test_nothing_completes_before_every_source_partition_is_known() -> None:
    log = as_records(
        [
            count_record(1),
            clock_record(T0 + MINUTE, sources=2),
            clock_record(T0 + 2 * MINUTE, sources=2),
            clock_record(T0 + 1000, partition=1, sources=2),
        ]
    )

    assert editions(outputs_of(log), "messages") == [("early", 1, Tally(1))]


def test_lagging_source_delays_completion_but_not_early_points() -> None:
    clocks = [clock_record(T0 + s * 1000, sources=2) for s in range(1, 6)]
    log = as_records(
        [
            clock_record(T0, sources=2),
            clock_record(T0, partition=1, sources=2),
            count_record(1),
            *clocks,
        ]
    )

    seen = [p for p in points_of(outputs_of(log)) if p.metric == "messages"]
    assert [(p.pane, p.time) for p in seen] == [("early", T0 + 2000)]


def test_changes_between_two_seconds_of_the_watermark_are_published_once() -> None:
    log = as_records(
        [
            clock_record(T0 + 1000, sources=2),
            clock_record(T0 + 1000, partition=1, sources=2),
            count_record(1),
            clock_record(T0 + 2000, sources=2),
            count_record(2, position=2),
            clock_record(T0 + 2000, partition=1, sources=2),
        ]
    )

    assert editions(outputs_of(log), "messages") == [("early", 1, Tally(2))]


def test_repeated_tick_closes_what_came_since() -> None:
    """The last tick of a replay may repeat a second: what came in between is complete, too."""
    log = as_records(
        [
            clock_record(T0 + 1000),
            count_record(1),
            clock_record(T0 + 1400),
        ]
    )

    assert editions(outputs_of(log), "messages") == [("early", 1, Tally(1))]


def test_equal_content_is_not_published_again() -> None:
    log = as_records(
        [
            count_record(1, start=None),
            clock_record(T0 + 1000),
            count_record(1, start=None, position=2),
            clock_record(T0 + 2000),
        ]
    )

    assert editions(outputs_of(log), "messages") == [("on_time", 1, Tally(1))]


def test_newest_position_of_a_source_wins() -> None:
    log = as_records(
        [count_record(5, position=9), count_record(1, position=3), clock_record(T0 + 1000)]
    )

    assert editions(outputs_of(log), "messages") == [("early", 1, Tally(5))]


def test_sources_are_added() -> None:
    log = as_records(
        [
            count_record(2),
            count_record(3, partition=1),
            partial_record("waiting_conversations", "now", None, Gauge(1)),
            partial_record("waiting_conversations", "now", None, Gauge(4), partition=1),
            partial_record("oldest_unanswered", "now", None, Instant(T0 - 5)),
            partial_record("oldest_unanswered", "now", None, Instant(T0 - 9), partition=1),
            clock_record(T0 + 1000, sources=2),
            clock_record(T0 + 1000, sources=2, partition=1),
        ]
    )

    values = {p.metric: p.value for p in points_of(outputs_of(log))}
    assert values["messages"] == Tally(5)
    assert values["waiting_conversations"] == Tally(5)
    assert values["oldest_unanswered"] == Moment(T0 - 9)


def test_instant_that_ends_is_published_as_none() -> None:
    log = as_records(
        [
            partial_record("oldest_unanswered", "now", None, Instant(T0)),
            clock_record(T0 + 1000),
            partial_record("oldest_unanswered", "now", None, Instant(None), position=2),
            clock_record(T0 + 2000),
        ]
    )

    assert editions(outputs_of(log), "oldest_unanswered") == [
        ("on_time", 1, Moment(T0)),
        ("on_time", 2, Moment(None)),
    ]


def test_total_carries_net_and_gross_with_classic_counts() -> None:
    total = Total()
    for value, sign in ((1500, 1), (90_000, 1), (90_000, -1)):
        total.add(value, sign)
    log = as_records(
        [
            partial_record("reply_time", "total", None, total),
            clock_record(T0 + 1000),
        ]
    )

    [point] = [p for p in points_of(outputs_of(log)) if p.metric == "reply_time"]
    assert isinstance(point.value, Spread)
    assert isinstance(point.gross, Spread)
    assert (point.value.count, point.value.sum) == (1, 1500)
    assert (point.gross.count, point.gross.sum) == (2, 91_500)
    assert (point.gross.min, point.gross.max) == (1500, 90_000)
    assert point.value.min is not None
    assert point.value.min <= 1500 <= (point.value.max or 0)
    assert point.value.classic is not None
    assert point.gross.classic is not None
    assert (sum(point.value.classic), sum(point.gross.classic)) == (1, 2)


def test_watermark_and_heartbeats_are_published_by_one_partition_each() -> None:
    log = as_records([clock_record(T0 + 1500, partition=p, sources=4) for p in range(4)])

    seen = [
        (p.metric, p.labels, p.value)
        for number in range(2)
        for p in points_of(outputs_of(log, partition=number, partials_partitions=2))
    ]
    none = ("none",) * 4
    assert seen == [
        ("heartbeat", (*none, "0"), Moment(T0 + 1000)),
        ("heartbeat", (*none, "2"), Moment(T0 + 1000)),
        ("watermark", (*none, "0"), Moment(T0 + 1500)),
        ("heartbeat", (*none, "1"), Moment(T0 + 1000)),
        ("heartbeat", (*none, "3"), Moment(T0 + 1000)),
        ("watermark", (*none, "1"), Moment(T0 + 1500)),
    ]


def test_minute_is_forgotten_with_its_tombstone_and_totals_stay() -> None:
    stage, changelog = build_merge(), Changelog()
    log = as_records(
        [
            count_record(1),
            count_record(1, start=None),
            clock_record(T0 + 1000),
            clock_record(T0 + MINUTE + HOLD_MS - 1),
            clock_record(T0 + MINUTE + HOLD_MS),
        ]
    )
    outputs: list[Output] = []
    for record in log:
        stage.on_records([record])
        flushed = stage.flush()
        assert flushed is not None
        changelog.take(flushed)
        outputs += flushed.outputs

    key = points.point_key("messages", MESSAGES, "1m", T0)
    assert [o.value is None for o in outputs if o.key == key] == [False, False, True]
    assert newest(outputs)[points.point_key("messages", MESSAGES, "total", None)] == (
        Tally(1),
        Tally(1),
    )
    assert [name for name in changelog.rows if b"1m" in name] == []


def test_a_point_says_its_content_type_and_a_tombstone_has_none() -> None:
    log = as_records(
        [count_record(1), clock_record(T0 + 1000), clock_record(T0 + MINUTE + HOLD_MS)]
    )
    key = points.point_key("messages", MESSAGES, "1m", T0)

    said = [(o.value is None, o.headers) for o in outputs_of(log) if o.key == key]

    assert said == [
        (False, (("content-type", b"application/cloudevents+json"),)),
        (False, (("content-type", b"application/cloudevents+json"),)),
        (True, ()),
    ]


def test_hour_outlives_its_partials() -> None:
    stage, changelog = build_merge(), Changelog()
    hour = 3_600_000
    log = [
        partial_record("messages", "1h", T0, Count(1, 1), labels=MESSAGES),
        clock_record(T0 + 1000),
        clock_record(T0 + hour + HOLD_MS),
    ]
    stage.on_records(as_records(log))
    flushed = stage.flush()
    assert flushed is not None
    changelog.take(flushed)
    kept = sorted(name.split(b"|")[0] for name in changelog.rows if b"1h" in name)
    assert kept == [b"point"]
    assert flushed.held["partials"] == 0

    again = build_merge()
    offset = again.restore(changelog.as_rows(), changelog.marker)
    last = clock_record(T0 + hour + 60 * 24 * hour)
    again.on_records([r._replace(offset=offset) for r in as_records([last])])
    ended = again.flush()
    assert ended is not None
    key = points.point_key("messages", MESSAGES, "1h", T0)
    assert [o.value for o in ended.outputs if o.key == key] == [None]


def test_what_the_state_holds_is_told_and_the_same_after_a_restore() -> None:
    stage, changelog = build_merge(), Changelog()
    log = [
        count_record(1, start=T0 + MINUTE * late, position=at) for at, late in enumerate((0, 0, 1))
    ]
    stage.on_records(as_records(log))
    before = stage.flush()
    assert before is not None
    changelog.take(before)

    again = build_merge()
    offset = again.restore(changelog.as_rows(), changelog.marker)
    last = count_record(1, position=9)
    again.on_records([r._replace(offset=offset) for r in as_records([last])])
    after = again.flush()

    assert after is not None
    assert before.held == after.held == {"points": 2, "partials": 2}


def test_partial_of_a_forgotten_window_is_a_dead_letter() -> None:
    log = as_records([clock_record(T0 + MINUTE + HOLD_MS), count_record(1)])

    [dead] = [o for o in outputs_of(log) if o.topic == topics.DEAD]
    assert dict(dead.headers)["reason"] == b"contradiction"
    assert dict(dead.headers)["original_offset"] == b"1"


GOOD_KEY, GOOD_VALUE = count_record(1)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, GOOD_VALUE, "no_key"),
        (GOOD_KEY, None, "no_value"),
        (GOOD_KEY, b"\xc1 no messagepack", "schema"),
        (b"clock|track|0", GOOD_VALUE, "schema"),
        (GOOD_KEY + b"x", GOOD_VALUE, "wrong_key"),
        (*partial_record("messages", "1m", T0 + 1, Count(), labels=MESSAGES), "schema"),
        (*partial_record("messages", "total", T0, Count(), labels=MESSAGES), "schema"),
        (*partial_record("messages", "1m", T0, Count()), "schema"),
        (*partial_record("messages", "now", None, Count(), labels=MESSAGES), "schema"),
        (*partial_record("messages", "1m", 10**18, Count(), labels=MESSAGES), "time"),
        (*partial_record("oldest_unanswered", "now", None, Instant(10**18)), "time"),
        (*partial_record("reply_time", "1m", T0, Distribution(1, 1, {10**9: 1})), "schema"),
        (*partial_record("reply_time", "total", None, Total(net_classic=[0])), "schema"),
        (*partial_record("reply_time", "total", None, Count(1, 1)), "schema"),
        (*partial_record("no_such_metric", "total", None, Count(1, 1)), "unknown_metric"),
        (*clock_record(T0, partition=3, sources=3), "schema"),
        (*clock_record(10**18), "time"),
    ],
)
def test_what_cannot_be_understood_becomes_a_dead_letter(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    outputs = outputs_of(as_records([(key, value), clock_record(T0 + 1000)]))

    [dead] = [o for o in outputs if o.topic == topics.DEAD]
    assert (dict(dead.headers)["reason"].decode(), dead.key, dead.value) == (reason, key, value)
    assert [p.metric for p in points_of(outputs)] == ["heartbeat", "watermark"]


def test_offsets_below_the_next_one_are_ignored_and_gaps_are_legal() -> None:
    stage = build_merge()
    log = as_records([count_record(1), clock_record(T0 + 1000)])
    stage.on_records(log)
    stage.on_records(log)
    assert stage.next_offset == 2
    flushed = stage.flush()
    assert flushed is not None
    assert len(points_of(flushed.outputs)) == 3
    assert stage.flush() is None

    stage.on_records([log[1]._replace(offset=40)])
    assert stage.next_offset == 41
    again = stage.flush()
    assert again is not None
    assert (again.next_offset, list(again.outputs)) == (41, [])


def flushed_rows() -> Changelog:
    stage, changelog = build_merge(), Changelog()
    stage.on_records(as_records([count_record(1), clock_record(T0 + 1000)]))
    flushed = stage.flush()
    assert flushed is not None
    changelog.take(flushed)
    return changelog


@pytest.mark.parametrize("broken", ["bit", "version", "short", "key", "marker", "no marker"])
def test_rows_that_cannot_be_trusted_are_refused(broken: str) -> None:
    changelog = flushed_rows()
    rows, marker = changelog.as_rows(), changelog.marker
    assert marker is not None
    key, value = rows[0]
    assert value is not None
    match broken:
        case "bit":
            rows[0] = rows[0]._replace(value=value[:-1] + bytes((value[-1] ^ 1,)))
        case "version":
            rows[0] = rows[0]._replace(value=b"\x09" + value[1:])
        case "short":
            rows[0] = rows[0]._replace(value=b"\x01")
        case "key":
            rows[0] = rows[0]._replace(key=b"other|" + key)
        case "marker":
            marker = marker[:-1]
        case "no marker":
            marker = None

    with pytest.raises(Refused, match=r"care\.state\.merge partition 0"):
        build_merge().restore(rows, marker)


def test_all_windows_of_a_series_share_a_partition() -> None:
    log = as_records([count_record(1), count_record(1, start=None), clock_record(T0 + 1000)])

    found = {o.partition for o in outputs_of(log) if o.key and b"messages" in o.key}
    assert len(found) == 1
