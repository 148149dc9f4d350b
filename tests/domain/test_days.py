"""Local days: clock changes, odd starts, and rules that change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.calendar import zone
from carewatch.domain.days import Day, Days
from carewatch.domain.policy import BEGINNING, Book, Books
from carewatch.domain.rulebook import Document, Tenant
from carewatch.domain.times import format_time, parse_time
from support.properties import examples

HOUR = 3_600_000
MINUTE = 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def book(number: int, effective_at: int, **tenants: Tenant) -> Book:
    return Book(number, "", effective_at, Document(tenants=dict(tenants)))


def days(timezone: str, day_starts_at: str = "00:00") -> Days:
    tenant = Tenant(timezone=timezone, day_starts_at=day_starts_at)
    return Days(Books([book(1, BEGINNING, acme=tenant)]))


def at(text: str) -> int:
    return parse_time(f"{text}.000Z")


def told(day: Day) -> tuple[str, str]:
    return format_time(day.start)[:16], format_time(day.end)[:16]


@pytest.mark.parametrize(
    ("zone_", "starts", "instant", "start", "end"),
    [
        ("UTC", "00:00", "2026-01-05T10:00:00", "2026-01-05T00:00", "2026-01-06T00:00"),
        ("Europe/Berlin", "00:00", "2026-01-05T09:05:30", "2026-01-04T23:00", "2026-01-05T23:00"),
        ("Europe/Berlin", "04:00", "2026-01-05T02:59:59", "2026-01-04T03:00", "2026-01-05T03:00"),
        # 23 and 25 hours
        ("Europe/Berlin", "00:00", "2026-03-29T12:00:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "00:00", "2026-10-25T12:00:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # the start falls into the hour that is left out, and into the one that comes twice
        ("Europe/Berlin", "02:30", "2026-03-29T01:00:00", "2026-03-29T01:00", "2026-03-30T00:30"),
        ("Europe/Berlin", "02:30", "2026-10-25T01:10:00", "2026-10-25T00:30", "2026-10-26T01:30"),
        # half an hour of summer time; a zone that left a whole day out
        ("Australia/Lord_Howe", "00:00", "2026-04-05T01:00:00", "2026-04-04T13:00",
         "2026-04-05T13:30"),
        ("Pacific/Apia", "00:00", "2011-12-30T12:00:00", "2011-12-30T10:00", "2011-12-31T10:00"),
    ],
)  # fmt: skip
def test_a_day_begins_at_the_first_instant_that_reads_so(
    zone_: str, starts: str, instant: str, start: str, end: str
) -> None:
    assert (start, end) == told(days(zone_, starts).day("acme", at(instant)))


def test_a_tenant_without_a_zone_has_the_days_of_utc() -> None:
    assert told(Days(Books()).day("globex", at("2026-01-05T23:59:59"))) == (
        "2026-01-05T00:00",
        "2026-01-06T00:00",
    )


def test_the_day_in_progress_ends_as_it_began_and_the_next_goes_by_the_new_zone() -> None:
    change = at("2026-01-05T12:00:00")
    cut = Days(
        Books([
            book(1, BEGINNING, acme=Tenant(timezone="UTC")),
            book(2, change, acme=Tenant(timezone="America/New_York")),
        ])
    )  # fmt: skip

    assert [told(cut.day("acme", change + hours * HOUR)) for hours in (1, 12, 30)] == [
        ("2026-01-05T00:00", "2026-01-06T00:00"),
        ("2026-01-06T00:00", "2026-01-06T05:00"),
        ("2026-01-06T05:00", "2026-01-07T05:00"),
    ]


def test_rules_that_change_twice_within_a_day_count_from_its_end() -> None:
    cut = Days(
        Books([
            book(1, BEGINNING, acme=Tenant(day_starts_at="00:00")),
            book(2, at("2026-01-05T08:00:00"), acme=Tenant(day_starts_at="12:00")),
            book(3, at("2026-01-05T10:00:00"), acme=Tenant(day_starts_at="06:00")),
        ])
    )  # fmt: skip

    assert [told(cut.day("acme", at(f"2026-01-0{day}T03:00:00"))) for day in (5, 6)] == [
        ("2026-01-05T00:00", "2026-01-06T00:00"),
        ("2026-01-06T00:00", "2026-01-06T06:00"),
    ]


def test_what_others_do_to_the_rulebook_moves_no_day() -> None:
    berlin = Tenant(timezone="Europe/Berlin")
    cut = Days(
        Books([
            book(1, BEGINNING, acme=berlin),
            book(2, at("2026-01-05T08:00:00"), acme=berlin, globex=Tenant()),
        ])
    )  # fmt: skip

    assert told(cut.day("acme", at("2026-01-05T09:00:00"))) == (
        "2026-01-04T23:00",
        "2026-01-05T23:00",
    )


def reading(place: ZoneInfo, instant: int) -> int:
    """Local wall clock as milliseconds since 1970."""
    moment = (EPOCH + timedelta(milliseconds=instant)).astimezone(place)
    return (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def slow_day(place: ZoneInfo, starts: int, instant: int) -> tuple[int, int]:
    """Looks at every minute from four days before until the next day has begun."""
    look = instant - instant % MINUTE - 96 * HOUR
    newest = (reading(place, look) - starts) // (24 * HOUR)
    begun = look
    while True:
        number = (reading(place, look) - starts) // (24 * HOUR)
        if number > newest:
            newest = number
            if look > instant:
                return begun, look
            begun = look
        look += MINUTE


ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
    "America/St_Johns", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Beirut", "UTC",
)  # fmt: skip


@given(
    name=st.sampled_from(ZONES),
    minutes=st.integers(0, 1439),
    instant=st.integers(at("2005-01-01T00:00:00"), at("2030-01-01T00:00:00")),
    near=st.booleans(),
)
@examples(60)
def test_days_are_those_that_a_look_at_every_minute_finds(
    name: str, minutes: int, instant: int, near: bool
) -> None:
    place = zone(name)
    if near:  # a day and a half around the next change of the clocks, if one comes
        offset = reading(place, instant) - instant
        for step in range(1, 300):
            if reading(place, instant + step * 24 * HOUR) - instant - step * 24 * HOUR != offset:
                instant += step * 24 * HOUR - (instant % 36 - 18) * HOUR
                break

    found = days(name, f"{minutes // 60:02}:{minutes % 60:02}").day("acme", instant)

    assert slow_day(place, minutes * MINUTE, instant) == found


@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 10 * 24), st.sampled_from(ZONES), st.sampled_from(["00:00", "04:30"])
        ),
        max_size=5,
    )
)
@examples(60)
def test_days_follow_each_other_without_gap_or_overlap(changes: list[tuple[int, str, str]]) -> None:
    begin = at("2026-03-25T00:00:00")
    books = [
        book(number, begin + hour * HOUR, acme=Tenant(timezone=name, day_starts_at=starts))
        for number, (hour, name, starts) in enumerate(sorted(changes), 1)
    ]
    cut = Days(Books(books))

    day = cut.day("acme", begin)
    while day.start < begin + 14 * 24 * HOUR:
        assert day == cut.day("acme", day.end - 1)
        following = Days(Books(books)).day("acme", day.end)
        assert following.start == day.end
        day = following
