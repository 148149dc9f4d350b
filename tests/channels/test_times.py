"""Timestamps as providers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.channels.drafts import Occurred
from carewatch.channels.times import EARLIEST_MS, Unit, ahead, occurred, to_ms
from carewatch.domain.errors import InvalidRecord

NOON = 1_767_607_200_000


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1767607200, "s", NOON),
        ("1767607200", "s", NOON),
        ("1767607200.123456", "s", NOON + 123),
        (1767607200.5, "s", NOON + 500),
        (NOON, "ms", NOON),
        (str(NOON), "s_or_ms", NOON),
        (1767607200, "s_or_ms", NOON),
        ("2026-01-05T10:00:00Z", "iso", NOON),
        ("2026-01-05T11:00:00.123456789+01:00", "iso", NOON + 123),
        ("2026-01-05 10:00:00 UTC", "iso", NOON),
        ("Mon, 05 Jan 2026 10:00:00 +0000", "rfc2822", NOON),
        ("5 Jan 2026 11:00:00 +0100", "rfc2822", NOON),
        ("Mon, 05 Jan 2026 10:00:00 GMT", "rfc2822", NOON),
    ],
)
def test_a_documented_form_is_read(value: object, unit: Unit, expected: int) -> None:
    assert to_ms(value, unit) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "iso", "s_or_ms", "rfc2822"])
@pytest.mark.parametrize(
    "value", [None, True, "", "junk", "12x", "1.2.3", "1e9", [], {}, "٣", "9" * 30, float("inf")]
)
def test_junk_is_no_time(value: object, unit: Unit) -> None:
    with pytest.raises(InvalidRecord):
        to_ms(value, unit)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("2026-01-05T10:00:00", "iso"),
        ("Mon, 05 Jan 2026 10:00:00", "rfc2822"),
        ("Mon, 05 Jan 2026 10:00:00 CET", "rfc2822"),
        ("Mon, 35 Jan 2026 10:00:00 GMT", "rfc2822"),
        ("Mon, 05 Jux 2026 10:00:00 GMT", "rfc2822"),
    ],
)
def test_a_local_time_or_an_impossible_one_is_refused(text: str, unit: Unit) -> None:
    with pytest.raises(InvalidRecord):
        to_ms(text, unit)


def test_an_unbelievable_time_is_replaced_by_the_arrival_and_kept() -> None:
    late = str((NOON + 300_001) // 1000 + 1)

    assert occurred("1262303999", "s", NOON) == Occurred(
        at=NOON, quality="arrival", original="1262303999"
    )
    assert occurred(late, "s", NOON) == Occurred(at=NOON, quality="arrival", original=late)
    assert occurred("Ada Example", "s", NOON) == Occurred(at=NOON, quality="arrival")


def test_a_clock_may_run_five_minutes_ahead() -> None:
    assert occurred(NOON + 300_000, "ms", NOON, "ms") == Occurred(at=NOON + 300_000, quality="ms")


@given(value=st.one_of(st.integers(), st.floats(), st.text(), st.none()))
def test_an_event_always_has_a_time_that_can_be_written(value: object) -> None:
    for unit in ("s", "ms", "s_or_ms", "iso"):
        found = occurred(value, unit, NOON)
        assert EARLIEST_MS <= found.at <= NOON + 300_000


def test_an_instant_ahead_is_written_as_it_is() -> None:
    assert ahead(1767693600, "s") == "2026-01-06T10:00:00.000Z"


@pytest.mark.parametrize("value", [0, -1, 999_999_999_999, "999999999999999", "tomorrow", None])
def test_an_instant_that_no_calendar_has_is_refused(value: object) -> None:
    with pytest.raises(InvalidRecord) as refused:
        ahead(value, "s")

    assert refused.value.reason == "time"
