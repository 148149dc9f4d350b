"""Opening hours: minutes of the day, into the next day if need be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.hours import parse_hours, parse_time_of_day


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("08:00-12:00", (480, 720)),
        ("22:00-06:00", (1320, 1800)),
        ("00:00-24:00", (0, 1440)),
        ("23:59-00:00", (1439, 1440)),
    ],
)
def test_an_interval_is_minutes_since_the_midnight_it_starts_after(
    text: str, minutes: tuple[int, int]
) -> None:
    assert parse_hours(text) == minutes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8:00-12:00", "is no interval"),
        ("08:00", "is no interval"),
        ("08:00 - 12:00", "is no interval"),
        ("24:00-06:00", "is no time of day"),
        ("08:60-12:00", "is no time of day"),
        ("08:00-25:00", "is no time of day"),
        ("08:00-08:00", 'opens and closes at one time; write "00:00-24:00" for all day'),
    ],
)
def test_anything_else_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_hours(text)


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_an_interval_is_never_empty_and_never_longer_than_a_day(start: int, end: int) -> None:
    text = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    if start == end:
        with pytest.raises(ValueError, match="one time"):
            parse_hours(text)
        return

    opens, closes = parse_hours(text)

    assert 0 < closes - opens < 1440
    assert (opens, closes % 1440) == (start, end)
    assert parse_time_of_day(text[:5]) == start
