"""What a result counts in: by both clocks where a schedule is in force."""

import ast
from pathlib import Path

from msgspec.structs import replace

from carewatch.domain import sessions
from carewatch.domain.contributions import contributions
from carewatch.domain.facts import Labels, Sample
from carewatch.domain.metric import BUSINESS, Kind
from carewatch.domain.metrics import COMPUTED, CORRECTABLE, SLA_TRANSITIONS
from carewatch.domain.sessions import SPENT_IN

LABELS = Labels("web", "web-1", "vip", "none", "normal", None, None, 1)
BASE = ("acme", "web", "vip", "normal")


def test_a_sample_counts_in_elapsed_time_and_in_business_time() -> None:
    sample = Sample(LABELS, "reply_time", 1000, 5000, business_ms=3000)

    assert [(part.metric.id, *part[1:4]) for part in contributions("acme", sample)] == [
        ("reply_time", BASE, 5000, 4000),
        ("reply_time_business", BASE, 5000, 3000),
    ]


def test_a_wait_outside_of_the_hours_counts_as_no_business_time() -> None:
    sample = Sample(LABELS, "queue_wait_time", 1000, 5000, "answered", business_ms=0)

    assert [(part.metric.id, *part[1:4]) for part in contributions("acme", sample)] == [
        ("queue_wait_time", (*BASE, "answered"), 5000, 4000),
        ("queue_wait_time_business", (*BASE, "answered"), 5000, 0),
    ]


def test_without_a_schedule_there_is_no_business_time() -> None:
    sample = Sample(LABELS, "reply_time", 1000, 5000)

    assert [part.metric.id for part in contributions("acme", sample)] == ["reply_time"]


def test_the_reply_of_an_agent_counts_for_the_agent_too() -> None:
    sample = Sample(replace(LABELS, agent="a1"), "reply_time", 1000, 5000, business_ms=3000)

    assert [(part.metric.id, *part[1:4]) for part in contributions("acme", sample)][2:] == [
        ("reply_time_by_agent", (*BASE, "a1"), 5000, 4000),
        ("reply_time_by_agent_business", (*BASE, "a1"), 5000, 3000),
    ]


def test_every_duration_has_its_twin_and_both_are_corrected_under_one_name() -> None:
    durations = {
        one.id
        for one in COMPUTED
        if one.kind is Kind.DISTRIBUTION and one.unit == "ms" and one.clock != "promise"
    }
    twins = {id_ for id_ in durations if id_.endswith(BUSINESS)}

    assert twins == {id_ + BUSINESS for id_ in durations - twins}
    assert not twins & set(CORRECTABLE)


def test_corrections_offer_exactly_the_durations_that_facts_are_told_of() -> None:
    """Another label value would stand at 0 for ever, and look as if nothing was taken back."""
    told = set(SPENT_IN)
    for path in Path(sessions.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "step.sample":
                name = call.args[0]
                told |= {str(name.value)} if isinstance(name, ast.Constant) else set()

    assert set(CORRECTABLE) - {"conversations", SLA_TRANSITIONS} == told
