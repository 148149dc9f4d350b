"""What a run's report compares, and what it claims."""

from typing import Any

from chaos.report import Report
from support.verdicts import of_one_moment

KEY = b"series"


def point(window: str, end: str, count: int) -> dict[bytes | None, dict[str, Any]]:
    return {KEY: {"window": window, "end": end, "count": count}}


def test_a_rolling_window_of_another_minute_is_not_compared() -> None:
    found, wanted = point("last_15m", "10:16", 4), point("last_15m", "10:15", 5)

    assert of_one_moment(found, wanted, set()) == ({}, {})


def test_of_the_same_minute_it_is() -> None:
    found, wanted = point("last_15m", "10:15", 4), point("last_15m", "10:15", 5)

    assert of_one_moment(found, wanted, set()) == (found, wanted)


def test_any_other_window_is_compared_whatever_its_end_says() -> None:
    found, wanted = point("1d", "23:00", 5), point("1d", "22:00", 5)

    assert of_one_moment(found, wanted, set()) == (found, wanted)


def test_what_a_timer_has_changed_since_is_not_compared() -> None:
    found, wanted = point("total", "", 5), point("total", "", 4)

    assert of_one_moment(found, wanted, {KEY}) == ({}, {})


def test_one_that_is_missing_is_missed() -> None:
    wanted = point("last_1h", "10:15", 5)

    assert of_one_moment({}, wanted, set()) == ({}, wanted)


def test_a_single_difference_fails_the_run() -> None:
    assert Report(1, 1, differences={"oracle": []}).passed
    assert not Report(1, 1, differences={"oracle": [], "care.facts": ["f1"]}).passed
