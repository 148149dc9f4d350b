"""The oracle's own clocks: open hours, local days and buckets, each against something plainer."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.verify.buckets import bounds, bucket, summary
from carewatch.verify.days import days
from carewatch.verify.hours import DAYS, Hours, zone
from carewatch.verify.instants import BEGINNING, EPOCH, HOUR, MINUTE, instant, written
from carewatch.verify.rulebook import Rulebooks, read_rulebook
from support.properties import examples

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu")
CHANGES = ("2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z", "2026-04-04T10:00:00Z")
"""Shortly before clocks change somewhere, by an hour or by half of one."""


def schedule(name: str, *texts: str) -> dict[str, Any]:
    return {
        "schedule": "s",
        "version": 1,
        "effective_from": "2020-01-01T00:00:00Z",
        "timezone": name,
        "weekly": {day: list(texts) for day in DAYS},
    }


def reads_open(name: str, at: int, opens: int, closes: int) -> bool:
    """Whether the wall clock reads a time inside the interval; it may run over night."""
    local = (EPOCH + timedelta(milliseconds=at)).astimezone(zone(name))
    minute = local.hour * 60 + local.minute
    if opens < closes:
        return opens <= minute < closes
    return minute >= opens or minute < closes


@given(
    name=st.sampled_from(ZONES),
    around=st.sampled_from(CHANGES),
    first=st.integers(0, 400),
    length=st.integers(1, 900),
    opens=st.integers(0, 1439),
    closes=st.integers(0, 1439),
)
@examples(60)
def test_elapsed_counts_the_minutes_in_which_the_wall_clock_reads_open(
    name: str, around: str, first: int, length: int, opens: int, closes: int
) -> None:
    if opens == closes:
        closes = (closes + 1) % 1440
    text = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
    start = instant(around) + first * MINUTE
    minutes = range(start, start + length * MINUTE, MINUTE)

    elapsed = Hours.of([schedule(name, text)]).elapsed(start, start + length * MINUTE)

    assert elapsed == MINUTE * sum(reads_open(name, at, opens, closes) for at in minutes)


@given(start=st.integers(0, 10_000), wanted=st.integers(1, 100 * HOUR))
@examples(60)
def test_a_deadline_is_the_least_instant_with_enough_elapsed(start: int, wanted: int) -> None:
    hours = Hours.of([schedule("Europe/Berlin", "09:00-12:00", "13:00-17:30")])
    since = instant("2026-03-27T00:00:00Z") + start * MINUTE

    due = hours.after(since, wanted)

    assert due is not None
    assert hours.elapsed(since, due) == wanted
    assert hours.elapsed(since, due - 1) == wanted - 1


def test_a_target_used_up_at_closing_time_is_due_at_closing_time() -> None:
    hours = Hours.of([schedule("UTC", "09:00-17:00")])

    due = hours.after(instant("2026-01-05T16:00:00Z"), HOUR)

    assert due == instant("2026-01-05T17:00:00Z")


@pytest.mark.parametrize(
    ("name", "starts_at", "at", "start", "end"),
    [
        ("UTC", "00:00", "2026-01-05T09:00:00Z", "2026-01-05T00:00", "2026-01-06T00:00"),
        ("Europe/Berlin", "00:00", "2026-03-29T12:00:00Z", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "00:00", "2026-10-25T12:00:00Z", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("Europe/Berlin", "06:00", "2026-01-05T04:59:00Z", "2026-01-04T05:00", "2026-01-05T05:00"),
        ("Europe/Berlin", "02:30", "2026-03-29T01:00:00Z", "2026-03-29T01:00", "2026-03-30T00:30"),
        ("Europe/Berlin", "02:30", "2026-10-25T01:00:00Z", "2026-10-25T00:30", "2026-10-26T01:30"),
    ],
    ids=["utc", "23 h", "25 h", "from six", "start in the gap", "start that comes twice"],
)
def test_a_day_begins_at_the_first_instant_that_reads_it(
    name: str, starts_at: str, at: str, start: str, end: str
) -> None:
    tenants = {"tenants": {"acme": {"timezone": name, "day_starts_at": starts_at}}}

    day = days(Rulebooks([read_rulebook(1, BEGINNING, tenants)]))("acme", instant(at))

    assert [written(one)[:16] for one in day] == [start, end]


@given(value=st.integers(0, 1 << 40))
def test_a_bucket_holds_its_value_and_is_narrow(value: int) -> None:
    least, greatest = bounds(bucket(value))

    assert least <= value <= greatest
    assert (greatest - least) * 32 <= least


def test_a_summary_says_rank_and_bounds() -> None:
    said = summary(Counter([3000] * 9 + [420_000]), exact=False, classic=True)

    assert (said["count"], said["sum_ms"], said["min_ms"], said["max_ms"]) == (
        *(10, 447_000),
        *(2944, 425_983),
    )
    assert (said["p50_ms"], said["p90_ms"], said["p95_ms"]) == (2976, 2976, 421_888)
    assert (said["classic"][1], said["classic"][12], sum(said["classic"])) == (9, 1, 10)


def test_nothing_has_no_percentiles() -> None:
    said = summary(Counter(), exact=True, classic=False)

    assert (said["count"], said["min_ms"], said["p50_ms"], said["buckets"]) == (0, None, None, [])
