"""Calendars: business time in both directions, checked against a clock read minute by minute."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from carewatch.domain.calendar import (
    ALWAYS,
    PAGE_MS,
    Calendar,
    compile_calendars,
    stretches,
    zone,
    zone_names,
)
from carewatch.domain.hours import WEEKDAYS, parse_hours
from carewatch.domain.rulebook import Holiday, Override, Schedule
from carewatch.domain.times import format_time, parse_time
from support.properties import examples

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
OFFICE = {key: ["09:00-17:00"] for key in WEEKDAYS[:5]}
NIGHTS = {key: ["22:00-06:00"] for key in WEEKDAYS}


def schedule(weekly: dict[Any, list[str]], **fields: Any) -> Schedule:
    known: dict[str, Any] = {
        "schedule": "s",
        "version": 1,
        "effective_from": "2020-01-01T00:00:00Z",
        "timezone": "Europe/Berlin",
    }
    return Schedule(weekly=weekly, **(known | fields))


def calendar(*versions: Schedule) -> Calendar:
    return compile_calendars(versions)["s"]


def due(of: Calendar, start: str, ms: int) -> str:
    return format_time(of.after(parse_time(start), ms))


def elapsed(of: Calendar, start: str, end: str) -> int:
    return of.open_ms(parse_time(start), parse_time(end))


# Vectors.


def test_one_hour_from_friday_evening_ends_on_monday_morning() -> None:
    assert (
        due(calendar(schedule(OFFICE)), "2026-11-20T15:30:00Z", HOUR) == "2026-11-23T08:30:00.000Z"
    )


def test_a_deadline_after_the_weekend_is_exact_to_the_millisecond() -> None:
    office = calendar(schedule(OFFICE))

    assert due(office, "2026-11-20T15:45:00Z", 30 * MINUTE) == "2026-11-23T08:15:00.000Z"
    assert due(office, "2026-11-20T15:45:00Z", 30 * MINUTE + 1) == "2026-11-23T08:15:00.001Z"
    assert due(office, "2026-11-20T15:45:00.001Z", 30 * MINUTE - 1) == "2026-11-23T08:15:00.000Z"


def test_twenty_four_business_hours_are_three_working_days() -> None:
    assert (
        due(calendar(schedule(OFFICE)), "2026-01-05T08:00:00Z", 24 * HOUR)
        == "2026-01-07T16:00:00.000Z"
    )


def test_the_clock_stands_still_over_lunch() -> None:
    lunch = calendar(schedule({key: ["08:00-12:00", "13:30-18:00"] for key in WEEKDAYS}))

    assert due(lunch, "2026-01-05T10:45:00Z", 30 * MINUTE) == "2026-01-05T12:45:00.000Z"
    assert elapsed(lunch, "2026-01-05T10:45:00Z", "2026-01-05T12:45:00Z") == 30 * MINUTE


def test_a_holiday_and_a_weekend_lie_between_start_and_deadline() -> None:
    office = calendar(schedule(OFFICE, holidays=[Holiday(day="12-25", open=[])]))

    assert due(office, "2026-12-24T15:00:00Z", 2 * HOUR) == "2026-12-28T09:00:00.000Z"


def test_the_spring_night_has_seven_hours_and_the_autumn_night_nine() -> None:
    nights = calendar(schedule(NIGHTS))

    assert elapsed(nights, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z") == 7 * HOUR
    assert elapsed(nights, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z") == 9 * HOUR
    assert due(nights, "2026-03-28T21:00:00Z", 8 * HOUR) == "2026-03-29T21:00:00.000Z"
    assert due(nights, "2026-10-24T20:00:00Z", 8 * HOUR) == "2026-10-25T04:00:00.000Z"


def test_a_shift_that_ends_after_midnight_belongs_to_the_day_it_starts_on() -> None:
    shifts = calendar(
        schedule({"mon": ["09:00-17:00"], "fri": ["09:00-12:00", "22:00-02:00"]}),
    )

    assert due(shifts, "2026-01-09T10:30:00Z", 4 * HOUR) == "2026-01-10T00:30:00.000Z"
    assert elapsed(shifts, "2026-01-09T10:30:00Z", "2026-01-12T08:15:00Z") == 17_100_000


def test_time_used_up_exactly_at_closing_is_due_at_closing() -> None:
    office = calendar(schedule(OFFICE))

    assert due(office, "2026-01-05T15:30:00Z", 30 * MINUTE) == "2026-01-05T16:00:00.000Z"
    assert due(office, "2026-01-05T15:30:00Z", 30 * MINUTE + 1) == "2026-01-06T08:00:00.001Z"


def test_a_holiday_removes_what_starts_on_it_and_leaves_the_tail_of_the_evening_before() -> None:
    nights = calendar(schedule(NIGHTS, holidays=[Holiday(day="12-25", open=[])]))

    assert elapsed(nights, "2026-12-25T04:00:00Z", "2026-12-26T06:00:00Z") == HOUR


def test_special_hours_replace_the_day_and_come_before_the_holiday() -> None:
    special = [Override(date="2026-12-24", open=["09:00-12:00"])]
    holidays = [Holiday(day="12-24", open=[]), Holiday(day="12-25", open=[])]
    office = calendar(schedule(OFFICE, overrides=special, holidays=holidays))

    assert elapsed(office, "2026-12-24T10:00:00Z", "2026-12-28T09:00:00Z") == 2 * HOUR
    assert elapsed(office, "2027-12-24T00:00:00Z", "2027-12-25T00:00:00Z") == 0


def test_special_hours_that_begin_before_the_evening_shift_ends_count_once() -> None:
    special = [Override(date="2026-01-10", open=["04:00-08:00"])]
    nights = calendar(schedule({"fri": ["22:00-06:00"]}, overrides=special))

    assert elapsed(nights, "2026-01-09T12:00:00Z", "2026-01-10T12:00:00Z") == 10 * HOUR


def test_each_instant_counts_by_the_version_in_force_at_it() -> None:
    longer = {key: ["08:00-20:00"] for key in WEEKDAYS[:5]}
    second = schedule(longer, version=2, effective_from="2026-03-03T23:00:00Z")
    both = calendar(second, schedule(OFFICE))

    assert due(both, "2026-03-03T15:00:00Z", 2 * HOUR) == "2026-03-04T08:00:00.000Z"
    assert elapsed(both, "2026-03-03T15:00:00Z", "2026-03-04T08:30:00Z") == 9_000_000


def test_a_version_can_begin_in_the_middle_of_a_shift() -> None:
    moved = schedule(
        OFFICE, version=2, effective_from="2026-03-03T12:00:00Z", timezone="Asia/Tokyo"
    )
    both = calendar(schedule(OFFICE), moved)

    # Berlin opens at 08:00Z and hands over at noon, when Tokyo has closed for the day.
    assert elapsed(both, "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z") == 4 * HOUR
    assert elapsed(both, "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z") == 8 * HOUR


def test_before_the_first_version_the_first_holds() -> None:
    office = calendar(schedule(OFFICE, effective_from="2026-06-01T00:00:00Z"))

    assert elapsed(office, "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z") == 8 * HOUR


# Clock changes.


def test_a_shift_of_thirty_minutes_is_exact() -> None:
    nights = calendar(schedule(NIGHTS, timezone="Australia/Lord_Howe"))

    # On the night to 4 October 2026 the clock goes from 02:00 to 02:30, back on 5 April.
    assert elapsed(nights, "2026-10-03T03:00:00Z", "2026-10-04T03:00:00Z") == 7 * HOUR + 30 * MINUTE
    assert elapsed(nights, "2026-04-04T03:00:00Z", "2026-04-05T03:00:00Z") == 8 * HOUR + 30 * MINUTE


@pytest.mark.parametrize(
    ("hours", "spring", "autumn"),
    [
        ("02:00-03:00", 0, 120),
        ("02:30-03:30", 30, 90),
        ("01:30-02:15", 30, 60),
        ("02:15-02:45", 0, 60),
    ],
)
def test_a_skipped_hour_counts_not_at_all_and_a_repeated_one_twice(
    hours: str, spring: int, autumn: int
) -> None:
    sundays = calendar(schedule({"sun": [hours]}))

    assert spring * MINUTE == elapsed(sundays, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")
    assert autumn * MINUTE == elapsed(sundays, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z")


def test_a_day_that_a_country_left_out_has_no_opening_hours() -> None:
    samoa = calendar(schedule({key: ["09:00-17:00"] for key in WEEKDAYS}, timezone="Pacific/Apia"))

    # Thursday 29 December 2011 was followed by Saturday the 31st.
    assert elapsed(samoa, "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z") == 16 * HOUR
    assert elapsed(samoa, "2011-12-28T10:00:00Z", "2012-01-01T10:00:00Z") - 8 * HOUR == 24 * HOUR


def test_an_offset_of_half_a_minute_is_exact() -> None:
    monrovia = calendar(schedule(OFFICE, timezone="Africa/Monrovia"))

    # 44 minutes and 30 seconds behind, until the 7th, a Friday, when it took over UTC.
    assert due(monrovia, "1972-01-06T00:00:00Z", 1) == "1972-01-06T09:44:30.001Z"
    assert due(monrovia, "1972-01-07T00:00:00Z", 1) == "1972-01-07T09:00:00.001Z"


def test_changes_of_offset_are_found_to_the_millisecond() -> None:
    berlin = zone("Europe/Berlin")
    first, last = parse_time("2026-01-01T00:00:00Z"), parse_time("2027-01-01T00:00:00Z")

    assert [
        (format_time(start), offset) for start, _, offset in stretches(berlin, first, last)
    ] == [
        ("2026-01-01T00:00:00.000Z", HOUR),
        ("2026-03-29T01:00:00.000Z", 2 * HOUR),
        ("2026-10-25T01:00:00.000Z", HOUR),
    ]


# The edges of the questions.


def test_always_is_elapsed_time() -> None:
    assert ALWAYS.open_ms(10, 15) == 5
    assert ALWAYS.open_ms(15, 10) == 0
    assert ALWAYS.after(10, 5) == 15
    assert ALWAYS.is_open(10)
    assert ALWAYS is compile_calendars([])["24x7"]


def test_nothing_passes_backwards_and_nothing_asked_is_due_at_once() -> None:
    office = calendar(schedule(OFFICE))
    sunday = parse_time("2026-01-04T12:00:00Z")

    assert office.open_ms(sunday + DAY, sunday) == 0
    assert sunday == office.after(sunday, 0)


def test_opening_belongs_to_the_hours_and_closing_does_not() -> None:
    office = calendar(schedule(OFFICE))
    opens, closes = parse_time("2026-01-05T08:00:00Z"), parse_time("2026-01-05T16:00:00Z")

    assert [office.is_open(at) for at in (opens - 1, opens, closes - 1, closes)] == [
        False,
        True,
        True,
        False,
    ]


def test_every_zone_of_the_package_is_known_and_no_other() -> None:
    assert {"Europe/Berlin", "UTC", "Australia/Lord_Howe"} <= zone_names()
    with pytest.raises(ValueError, match="'Europe/Berlinn' is no known time zone"):
        zone("Europe/Berlinn")


# Against a slow clock.

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Gaza",
    "Pacific/Chatham",
    "UTC",
)
FIRST, LAST = parse_time("2026-01-01T00:00:00Z"), parse_time("2028-01-01T00:00:00Z")
CHANGES = tuple(end for name in ZONES for _, end, _ in stretches(zone(name), FIRST, LAST))
"""When one of these zones changes its offset."""

DAYS = 3


def read_clock(versions: Sequence[tuple[int, Schedule]], at: int) -> bool:
    """Whether a schedule is open at an instant: what a person with a calendar and a watch says."""
    in_force = versions[0][1]
    for since, version in versions:
        if since <= at:
            in_force = version
    wall = datetime.fromtimestamp(at // 1000, UTC).astimezone(zone(in_force.timezone))
    reading = wall.hour * 60 + wall.minute
    today = wall.date()
    return any(
        opens <= reading + late < closes
        for day, late in ((today, 0), (today - timedelta(days=1), 1440))
        for opens, closes in hours_of(in_force, day)
    )


def hours_of(of: Schedule, day: date) -> list[tuple[int, int]]:
    hours: list[str] = of.weekly.get(WEEKDAYS[day.weekday()], [])
    for holiday in of.holidays:
        if holiday.day == f"{day:%m-%d}":
            hours = holiday.open
    for override in of.overrides:
        if override.date == day.isoformat():
            hours = override.open
    return [parse_hours(text) for text in hours]


def slowly(versions: Sequence[Schedule], start: int, end: int, *, every: int = MINUTE) -> int:
    """Open time by looking at the clock every minute, and whenever a version begins."""
    dated = sorted(((parse_time(one.effective_from), one) for one in versions), key=lambda v: v[0])
    looks = {start, end, *range(start - start % every + every, end, every)}
    looks |= {since for since, _ in dated if start < since < end}
    return sum(after - at for at, after in pairwise(sorted(looks)) if read_clock(dated, at))


@st.composite
def opening_hours(draw: st.DrawFn) -> list[str]:
    """Up to three intervals of a day, the last perhaps into the next."""
    cuts = sorted(draw(st.lists(st.integers(0, 1439), max_size=6, unique=True)))
    if len(cuts) % 2:
        cuts.append(draw(st.integers(1440, 1440 + max(0, cuts[0] - 1))))
    return [
        f"{clock(opens)}-{clock(closes)}"
        for opens, closes in zip(cuts[::2], cuts[1::2], strict=True)
    ]


def clock(minutes: int) -> str:
    of_day = minutes if minutes == 1440 else minutes % 1440
    return f"{of_day // 60:02}:{of_day % 60:02}"


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[Schedule], int]:
    """Versions of a schedule, and an instant: often that of a clock change."""
    near = draw(st.sampled_from(CHANGES) | st.integers(FIRST, LAST))
    today = datetime.fromtimestamp(near // 1000, UTC).date()
    days = [today + timedelta(days=number) for number in range(-2, 3)]
    special = st.lists(st.sampled_from(days), max_size=2, unique=True)
    sinces = draw(st.lists(st.integers(-DAY, DAY), max_size=2, unique=True))
    versions = [
        schedule(
            {day: draw(opening_hours()) for day in WEEKDAYS},
            version=number,
            effective_from=format_time(since),
            timezone=draw(st.sampled_from(ZONES)),
            overrides=[
                Override(date=day.isoformat(), open=draw(opening_hours())) for day in draw(special)
            ],
            holidays=[
                Holiday(day=f"{day:%m-%d}", open=draw(opening_hours())) for day in draw(special)
            ],
        )
        for number, since in enumerate([0, *(near + since for since in sinces)], start=1)
    ]
    return versions, near


@given(schedules(), st.integers(-DAYS * DAY, 0), st.integers(DAY, DAYS * DAY))
@examples(60)
def test_business_time_agrees_with_a_clock_read_every_minute(
    found: tuple[list[Schedule], int], before: int, length: int
) -> None:
    versions, near = found
    start = near + before

    assert slowly(versions, start, start + length) == calendar(*versions).open_ms(
        start, start + length
    )


@given(schedules(), st.integers(-2 * HOUR, 0), st.integers(MINUTE, 3 * HOUR))
@examples(25)
def test_business_time_agrees_with_a_clock_read_every_second(
    found: tuple[list[Schedule], int], before: int, length: int
) -> None:
    versions, near = found
    start = near + before

    slow = slowly(versions, start, start + length, every=1000)

    assert slow == calendar(*versions).open_ms(start, start + length)


@given(schedules(), st.integers(-DAY, DAY), st.integers(1, 400 * HOUR))
def test_a_deadline_is_the_first_instant_at_which_the_time_has_passed(
    found: tuple[list[Schedule], int], offset: int, ms: int
) -> None:
    versions, near = found
    last = max(versions, key=lambda one: (parse_time(one.effective_from), one.version))
    assume(any(last.weekly.values()))
    of, start = calendar(*versions), near + offset

    due_at = of.after(start, ms)

    assert (ms - 1, ms) == (of.open_ms(start, due_at - 1), of.open_ms(start, due_at))


@given(schedules(), st.lists(st.integers(-2 * PAGE_MS, 2 * PAGE_MS), min_size=3, max_size=3))
def test_business_time_of_the_parts_is_that_of_the_whole(
    found: tuple[list[Schedule], int], offsets: list[int]
) -> None:
    versions, near = found
    of = calendar(*versions)
    first, middle, last = sorted(near + offset for offset in offsets)

    assert of.open_ms(first, last) == of.open_ms(first, middle) + of.open_ms(middle, last)


@given(schedules(), st.lists(st.integers(-2 * PAGE_MS, 2 * PAGE_MS), max_size=4))
def test_what_was_asked_before_changes_no_answer(
    found: tuple[list[Schedule], int], earlier: list[int]
) -> None:
    versions, near = found
    used = calendar(*versions)
    for offset in earlier:
        used.open_ms(near + offset, near + offset + DAY)

    assert calendar(*versions).open_ms(near, near + 9 * DAY) == used.open_ms(near, near + 9 * DAY)
