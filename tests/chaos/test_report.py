"""What a run's report compares, and what it claims."""

import json
from typing import Any

from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from chaos.report import Report
from support.deployment import Stored
from support.verdicts import Ran, metric_points, net_results, of_one_moment

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


def said(topic: str, key: str, time: str, **data: Any) -> Stored:
    value = json.dumps({"id": key, "time": time, "data": {"sign": 1, "corrects": None, **data}})
    return Stored(topic, 0, 0, key.encode(), value.encode(), ())


def ran(*facts: Stored, points: tuple[Stored, ...] = ()) -> Ran:
    """A run whose log was read up to the tick of 10:00; an undisturbed replay says nothing."""
    tick = encode_tick(partition=0, at="2026-01-05T10:00:00.000Z")
    log = [Stored(topics.EVENTS, 0, 0, None, tick, ())]
    left = Ran({}, {}, {topics.EVENTS: log, topics.FACTS: [*facts], topics.METRICS: [*points]})
    vars(left)["replayed"] = {topics.FACTS: [], topics.METRICS: []}
    return left


def ended(time: str) -> Stored:
    return said(topics.FACTS, "f1", time, tenant="acme", channel="web")


def test_a_result_that_a_timer_brought_after_the_log_was_read_is_not_compared() -> None:
    assert net_results(ran(ended("2026-01-05T10:00:00.000Z")), topics.FACTS) == ({}, {})

    found, _ = net_results(ran(ended("2026-01-05T09:59:59.999Z")), topics.FACTS)
    assert list(found) == ["f1"]


def test_nor_are_ages_of_those_of_whom_it_tells() -> None:
    ages = tuple(
        said(
            topics.METRICS, f"acme|{channel}", "2026-01-05T09:59:00.000Z", tenant="acme",
            channel=channel, metric="backlog_age", window="now", classic=[1],
        )
        for channel in ("web", "email")
    )  # fmt: skip

    found, _ = metric_points(ran(ended("2026-01-05T10:00:01.000Z"), points=ages))

    assert list(found) == [b"acme|email"]


def test_a_single_difference_fails_the_run() -> None:
    assert Report(1, 1, differences={"oracle": []}).passed
    assert not Report(1, 1, differences={"oracle": [], "care.facts": ["f1"]}).passed
