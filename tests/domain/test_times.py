"""RFC 3339 text and milliseconds are two forms of one instant."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import format_time, parse_time

INSTANTS = st.integers(-62_135_596_800_000, 253_402_300_799_999)


@given(INSTANTS)
def test_what_is_written_is_read_back(at: int) -> None:
    assert at == parse_time(format_time(at))


@given(INSTANTS)
def test_the_text_is_that_of_the_standard_library(at: int) -> None:
    moment = datetime.fromisoformat(format_time(at))

    expected = datetime(1970, 1, 1, tzinfo=UTC).toordinal() + at // 86_400_000
    assert (expected, at % 1000) == (moment.toordinal(), moment.microsecond // 1000)


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("2026-01-05T10:00:00Z", 0),
        ("2026-01-05T11:00:00+01:00", 0),
        ("2026-01-05T10:00:00.123456789Z", 123),
    ],
)
def test_offsets_are_taken_and_finer_digits_cut_off(text: str, millis: int) -> None:
    assert parse_time("2026-01-05T10:00:00.000Z") + millis == parse_time(text)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-05", "2026-01-05T10:00:00", "2026-13-05T10:00:00.000Z",
     "2026-01-05T25:00:00.000Z", "2026-01-05T1 :00:00.000Z", "2026-01-05T10:60:00.000Z"],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidRecord, match="time"):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["2026-W02-1T10:00:00.000Z", "2026-01-05T10:00:00. 12Z", "2026-01-05T10:00:00.+12Z",
             "2026-01-05T10:00:00.\u0660\u0661\u0662Z"]
)  # fmt: skip
def test_what_only_looks_like_the_usual_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidRecord, match="time"):
        parse_time(text)
