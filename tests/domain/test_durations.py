"""Durations: three units, and a reason for everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.durations import MOST_MS, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"),
    [("20s", 20_000), ("10m", 600_000), ("24h", 86_400_000), ("8784h", 31_622_400_000)],
)
def test_a_number_and_a_unit_are_milliseconds(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


def test_days_are_refused_with_the_reason_and_what_to_write() -> None:
    with pytest.raises(ValueError, match="24 hours or as one working day; write 48h"):
        parse_duration("2d")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no duration"),
        ("10", "is no duration"),
        ("m", "is no duration"),
        ("10 m", "is no duration"),
        ("-10m", "is no duration"),
        ("1.5h", "is no duration"),
        ("1h30m", "is no duration"),
        ("10M", "is no duration"),
        ("\N{ARABIC-INDIC DIGIT ONE}m", "is no duration"),
        ("10ms", "unit 'ms' is unknown"),
        ("0s", "longer than zero"),
        ("8785h", "longer than a year; write 8784h or less"),
        ("31622401s", "longer than a year"),
        ("999999999h", "longer than a year"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_duration(text)


@given(st.text())
def test_no_text_does_anything_but_parse_or_raise_value_error(text: str) -> None:
    try:
        parsed = parse_duration(text)
    except ValueError:
        return

    assert 0 < parsed <= MOST_MS
