"""What a result counts in: by both clocks where a schedule is in force."""

from carewatch.domain.contributions import contributions
from carewatch.domain.facts import Labels, Sample
from carewatch.domain.metrics import BUSINESS, CATALOGUE, CORRECTABLE, Kind

LABELS = Labels("web", "web-1", "vip", "none", "normal", None, None, 1)
BASE = ("acme", "web", "vip", "normal")


def test_a_sample_counts_in_elapsed_time_and_in_business_time() -> None:
    sample = Sample(LABELS, "reply_time", 1000, 5000, business_ms=3000)

    assert [(part.metric.id, *part[1:]) for part in contributions("acme", sample)] == [
        ("reply_time", BASE, 5000, 4000),
        ("reply_time_business", BASE, 5000, 3000),
    ]


def test_a_wait_outside_of_the_hours_counts_as_no_business_time() -> None:
    sample = Sample(LABELS, "queue_wait_time", 1000, 5000, "answered", business_ms=0)

    assert [(part.metric.id, *part[1:]) for part in contributions("acme", sample)] == [
        ("queue_wait_time", (*BASE, "answered"), 5000, 4000),
        ("queue_wait_time_business", (*BASE, "answered"), 5000, 0),
    ]


def test_without_a_schedule_there_is_no_business_time() -> None:
    sample = Sample(LABELS, "reply_time", 1000, 5000)

    assert [part.metric.id for part in contributions("acme", sample)] == ["reply_time"]


def test_every_duration_has_its_twin_and_both_are_corrected_under_one_name() -> None:
    durations = {one.id for one in CATALOGUE if one.kind is Kind.DISTRIBUTION}
    twins = {id_ for id_ in durations if id_.endswith(BUSINESS)}

    assert twins == {id_ + BUSINESS for id_ in durations - twins}
    assert not twins & set(CORRECTABLE)
