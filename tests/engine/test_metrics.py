"""What a worker counts about itself, and what it says about it now and then."""

import logging

import pytest
from prometheus_client import CollectorRegistry

from carewatch.engine.metrics import ProcessMetrics
from carewatch.engine.news import LATE_SECONDS, RESTORE_SECONDS, News
from carewatch.engine.observer import Flushed
from carewatch.engine.ports import Lag
from carewatch.wire.topics import DEAD, EVENTS, FACTS, LATE

HOUR_MS = 3_600_000
NOW = 10 * 24 * HOUR_MS
HERE = {"topic": EVENTS, "partition": "3"}


class Told:
    """A worker's metrics, read as Prometheus would."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = ProcessMetrics(self.registry, lambda: NOW)
        self.metrics.expect("track", EVENTS, (FACTS, DEAD))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def told() -> Told:
    return Told()


def lag(records: int, reached: int) -> Lag:
    """A lag on a partition without open transactions."""
    return Lag(records, reached, stable=5_000, end=5_000)


def flushed(**outputs: int) -> Flushed:
    names = {"facts": FACTS, "late": LATE, "dead": DEAD}
    dead = {"schema": outputs["dead"]} if "dead" in outputs else {}
    return Flushed(
        outputs={names[name]: count for name, count in outputs.items()},
        dead=dead,
        rows=1,
        seconds=0.03,
    )


def test_every_series_that_can_be_named_is_there_from_the_start(told: Told) -> None:
    assert told.value("care_rebalances_total", stage="track") == 0
    assert told.value("care_dead_letters_total", topic=EVENTS, reason="schema") == 0
    assert told.value("care_events_total", topic=EVENTS, outcome="late") == 0
    assert told.value("care_flush_failures_total", stage="track") == 0
    assert told.value("care_fencings_total", stage="track") == 0


def test_a_flush_tells_what_became_of_the_records(told: Told) -> None:
    told.metrics.flushed("track", 3, flushed(facts=5, late=2, dead=1))

    assert told.value("care_metric_records_published_total", topic=FACTS) == 5
    assert told.value("care_events_total", topic=EVENTS, outcome="late") == 2
    assert told.value("care_events_total", topic=EVENTS, outcome="dead") == 1
    assert told.value("care_dead_letters_total", topic=EVENTS, reason="schema") == 1
    assert told.value("care_flush_duration_seconds_count", stage="track") == 1


def test_what_the_state_holds_is_told_by_kind_until_the_partition_is_given_up(told: Told) -> None:
    state = {"topic": "care.state.track", "partition": "3", "kind": "conversations"}
    held = Flushed(outputs={}, dead={}, rows=1, seconds=0.03, held={"conversations": 7})
    told.metrics.flushed("track", 3, held)
    during = told.value("care_state_entries", **state)
    told.metrics.closed("track", 3)

    assert (during, told.value("care_state_entries", **state)) == (7, None)


def test_a_restore_is_seen_while_it_lasts(told: Told) -> None:
    state = {"topic": "care.state.track", "partition": "3"}
    told.metrics.restoring("track", 3, read=10_000, left=40_000)
    during = told.value("care_restore_remaining_records", **state)
    told.metrics.opened("track", 3, rows=50_000, seconds=0.5)

    assert during == 40_000
    assert told.value("care_restore_remaining_records", **state) is None
    assert told.value("care_restored_rows_total", stage="track") == 50_000
    assert told.value("care_partition_assigned_timestamp_seconds", **HERE) == NOW / 1000


def test_lag_is_told_in_records_and_in_time_and_is_none_when_nothing_waits(told: Told) -> None:
    told.metrics.lag(EVENTS, 3, lag(700, NOW - 90_000))
    behind = told.value("care_consumer_lag_seconds", **HERE)
    told.metrics.lag(EVENTS, 3, lag(0, NOW - 90_000))

    assert behind == 90
    assert told.value("care_consumer_lag_seconds", **HERE) == 0
    assert told.value("care_consumer_lag_records", **HERE) == 0


def test_how_long_a_transaction_holds_readers_back_is_told_until_the_partition_is_given_up() -> (
    None
):
    now = NOW
    registry = CollectorRegistry()
    metrics = ProcessMetrics(registry, lambda: now)
    metrics.expect("track", EVENTS, (FACTS,))

    def told() -> float | None:
        metrics.lag(EVENTS, 3, Lag(0, now, stable=5_000, end=5_002))
        return registry.get_sample_value("care_stable_offset_lag_seconds", HERE)

    first = told()
    now += 45_000
    later = told()
    metrics.closed("track", 3)
    gone = registry.get_sample_value("care_stable_offset_lag_seconds", HERE)

    assert (first, later, gone, told()) == (0, 45, None, 0)


def test_who_is_far_behind_says_so_before_retention_removes_records(told: Told) -> None:
    """A week is kept: half of it is told."""
    told.metrics.lag(EVENTS, 3, lag(1, NOW - 84 * HOUR_MS))
    before = told.metrics.late_for_retention()
    told.metrics.lag(EVENTS, 3, lag(1, NOW - 85 * HOUR_MS))
    (notice,) = told.metrics.late_for_retention()
    told.metrics.closed("track", 3)

    assert before == []
    assert notice.startswith(f"{EVENTS} partition 3 is 85.0 h behind, and Kafka removes")
    assert told.metrics.late_for_retention() == []


def test_why_a_partition_stands_still_is_told_until_it_goes_on(told: Told) -> None:
    told.metrics.stopped("track", 3, "refused")
    told.metrics.stopped("track", 3, "dead_letters")
    during = [
        told.value("care_partition_stopped", **HERE, reason=reason)
        for reason in ("refused", "dead_letters", "paused")
    ]
    told.metrics.stopped("track", 3, None)

    assert during == [None, 1, None]
    assert told.value("care_partition_stopped", **HERE, reason="dead_letters") is None


def test_a_failure_by_fencing_counts_as_both_and_the_partition_is_no_longer_ours(
    told: Told,
) -> None:
    told.metrics.opened("track", 3, rows=1, seconds=0.1)
    told.metrics.failed("track", 3, fenced=True)
    told.metrics.failed("track", 4, fenced=False)

    assert told.value("care_flush_failures_total", stage="track") == 2
    assert told.value("care_fencings_total", stage="track") == 1
    assert told.value("care_partition_assigned_timestamp_seconds", **HERE) is None


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_late_events_are_one_line_in_a_while_and_none_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    news = News(lambda: now)
    with caplog.at_level(logging.INFO):
        for count in (3, 4, 5):
            news.flushed("track", 0, flushed(late=count))
            news.flushed("track", 0, flushed(facts=9))
        first = lines(caplog)
        now = LATE_SECONDS
        news.flushed("track", 1, flushed(late=1))

    assert [line[:32] for line in first] == ["track: 3 events came too late to"]
    assert lines(caplog)[1].startswith("track: 10 events came too late to count")


def test_a_long_restore_says_how_far_it_is_and_a_short_one_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    news = News(lambda: now)
    with caplog.at_level(logging.INFO):
        news.restoring("track", 3, read=10_000, left=90_000)
        now = RESTORE_SECONDS - 0.1
        news.restoring("track", 3, read=20_000, left=80_000)
        news.opened("track", 3, rows=20_000, seconds=4)
        now = RESTORE_SECONDS
        news.restoring("track", 3, read=10_000, left=90_000)
        early = lines(caplog)
        now = 2 * RESTORE_SECONDS
        news.restoring("track", 3, read=60_000, left=40_000)

    assert early == []
    assert lines(caplog) == [
        "restoring care.state.track partition 3: 60000 rows read, about 40000 left"
    ]
