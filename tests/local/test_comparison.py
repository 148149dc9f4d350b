"""Published totals beside stated ones: every difference is seen."""

from datetime import UTC, datetime
from typing import Any

import pytest

from carewatch.local.comparison import all_equal, compare, has_passed, has_spooled


def manifest(*expected: dict[str, Any], repeated: int = 0) -> dict[str, Any]:
    return {
        "stated": ["messages", "conversations", "reply_time", "duplicate_events"],
        "transitions": ["opened", "resolved"],
        "requests": {"repeated": repeated},
        "expected": list(expected),
    }


def stated(metric: str, count: int, sum_ms: int | None = None, **labels: str) -> dict[str, Any]:
    row = {"tenant": "acme", "channel": "web", "metric": metric, "labels": labels, "count": count}
    return row if sum_ms is None else {**row, "sum_ms": sum_ms}


def published(
    metric: str, total: dict[str, Any], queue: str = "none", **labels: str
) -> dict[str, Any]:
    base = {"tenant": "acme", "channel": "web", "queue": queue, "priority": "normal"}
    return {"metric": metric, "labels": {**base, **labels}, "total": total}


def board(*series: dict[str, Any]) -> dict[str, Any]:
    return {"series": list(series)}


def test_queues_are_added_up() -> None:
    lines = compare(
        manifest(stated("reply_time", 3, 700)),
        board(
            published("reply_time", {"count": 1, "sum_ms": 500}, queue="vip"),
            published("reply_time", {"count": 2, "sum_ms": 200}),
        ),
    )

    assert [(str(line.key), str(line.published)) for line in lines] == [
        ("reply_time", "3 (700 ms)")
    ]
    assert all_equal(lines)


def test_a_sum_that_differs_is_a_difference() -> None:
    lines = compare(
        manifest(stated("reply_time", 1, 700)),
        board(published("reply_time", {"count": 1, "sum_ms": 701})),
    )

    assert not all_equal(lines)


def test_a_series_that_was_not_published_is_a_difference() -> None:
    lines = compare(manifest(stated("messages", 2, author="bot", direction="outbound")), board())

    assert [(line.expected.count, line.published.count) for line in lines] == [(2, 0)]
    assert not all_equal(lines)


def test_a_series_that_nobody_stated_is_a_difference() -> None:
    lines = compare(
        manifest(stated("messages", 2, author="customer")),
        board(
            published("messages", {"value": 2}, author="customer"),
            published("messages", {"value": 1}, author="bot"),
        ),
    )

    assert [(str(line.key), line.equal) for line in lines] == [
        ("messages bot", False),
        ("messages customer", True),
    ]


def test_a_published_zero_says_the_same_as_nothing() -> None:
    lines = compare(
        manifest(stated("messages", 2, author="customer")),
        board(
            published("messages", {"value": 2}, author="customer"),
            published("messages", {"value": 0}, author="bot"),
            published("reply_time", {"count": 0, "sum_ms": 0}),
        ),
    )

    assert all_equal(lines)


def test_what_the_manifest_does_not_speak_of_is_left_out() -> None:
    lines = compare(
        manifest(stated("conversations", 1, transition="opened")),
        board(
            published("conversations", {"value": 1}, transition="opened"),
            published("conversations", {"value": 5}, transition="closed"),
            published("corrections", {"value": 7}),
            {"metric": "queue_length", "labels": {"tenant": "acme"}, "now": {"value": 3}},
        ),
    )

    assert all_equal(lines)
    assert len(lines) == 1


def test_an_attempt_that_was_repeated_may_count_as_a_duplicate() -> None:
    """A request that was answered 503 may have been stored all the same."""
    expected = stated("duplicate_events", 3)

    def equal(value: int) -> bool:
        series = published("duplicate_events", {"value": value})
        return all_equal(compare(manifest(expected, repeated=2), board(series)))

    assert [value for value in range(8) if equal(value)] == [3, 4, 5]


def test_what_the_spool_has_fed_again_counts_as_duplicates_and_as_nothing_else() -> None:
    def equal(metric: str, value: int) -> bool:
        series = published(metric, {"value": value})
        lines = compare(manifest(stated(metric, 3), repeated=0), board(series), spooled=True)
        return all_equal(lines)

    assert [value for value in (2, 3, 4, 227) if equal("duplicate_events", value)] == [3, 4, 227]
    assert [value for value in (2, 3, 4, 227) if equal("conversations", value)] == [3]


@pytest.mark.parametrize(
    ("metrics", "spooled"),
    [
        ("care_spool_written_total 0.0\ncare_spool_records 4.0\n", False),
        ("# TYPE care_spool_written_total counter\ncare_spool_written_total 3.0\n", True),
        ("care_spool_written_total 10.0\n", True),
        ("", False),
    ],
)
def test_the_gateway_says_whether_it_used_its_spool(metrics: str, spooled: bool) -> None:
    assert has_spooled(metrics) == spooled


def test_an_empty_comparison_proves_nothing() -> None:
    assert not all_equal(compare(manifest(), board()))


INSTANT = datetime(2026, 1, 5, 10, 0, 5, tzinfo=UTC)
EARLIER, THEN, LATER = (f"2026-01-05T10:00:0{second}.000Z" for second in (4, 5, 6))


@pytest.mark.parametrize(
    ("heartbeats", "watermarks", "passed"),
    [
        ([LATER, LATER], [LATER], True),
        ([LATER, THEN], [LATER], False),
        ([LATER], [LATER], False),
        ([LATER, LATER], [EARLIER], False),
        ([LATER, LATER], [], False),
    ],
)
def test_totals_count_when_every_partition_of_every_stage_is_past_the_instant(
    heartbeats: list[str], watermarks: list[str], passed: bool
) -> None:
    document = {
        "heartbeats": {str(place): text for place, text in enumerate(heartbeats)},
        "watermarks": {str(place): text for place, text in enumerate(watermarks)},
    }

    assert has_passed(document, INSTANT, sources=2, results=1) == passed


def test_a_board_that_has_not_answered_yet_has_passed_nothing() -> None:
    assert not has_passed({}, INSTANT, sources=1, results=1)
