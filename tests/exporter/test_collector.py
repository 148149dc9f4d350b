"""The families on /metrics."""

import re
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from carewatch.domain.aggregates import Count, Gauge
from carewatch.domain.board import Board
from carewatch.domain.rulebook import Document, Objective
from carewatch.exporter.collector import BoardCollector
from carewatch.exporter.families import FAMILIES
from carewatch.exporter.shown import View
from support.boards import HOUR, RULEBOOK, board_of, sample_outputs, total_of
from support.golden import check_golden
from support.partial_log import BASE, T0, as_records, clock_record, outputs_of, partial_record
from support.prometheus import promtool_says

GOLDEN = Path(__file__).parent / "golden"


def page(board: Board, **more: object) -> str:
    registry = CollectorRegistry()
    view = View(snapshot=board.snapshot(), **more)  # type: ignore[arg-type]
    registry.register(BoardCollector(lambda: view))
    return generate_latest(registry).decode()


def value(text: str, series: str) -> str:
    """The value of one series, whose labels stand in the order of their names."""
    [line] = [line for line in text.splitlines() if line.startswith(series + " ")]
    return line.removeprefix(series + " ")


SAMPLE = board_of(sample_outputs())
WEB = 'channel="web",queue="support",tenant="acme"'


def test_page_of_a_board_is_the_golden_one() -> None:
    text = re.sub(r'version="[^"]+"', 'version="X"', page(SAMPLE))

    check_golden(GOLDEN / "metrics.txt", text)


def test_priorities_are_added_and_withdrawals_never_lower_a_counter() -> None:
    text = page(SAMPLE)

    first = f'care_first_response_seconds_count{{by="human",{WEB}}}'
    assert value(text, first) == "3.0"
    breaches = 'care_sla_breaches_total{channel="web",policy="standard",queue="support"'
    assert value(text, breaches + ',target="first_reply",tenant="acme"}') == "3.0"
    assert value(text, f"care_waiting_conversations{{{WEB}}}") == "3.0"


def test_bucket_bounds_are_inclusive_and_cumulative() -> None:
    text = page(SAMPLE)

    series = 'care_queue_wait_seconds_bucket{channel="web",le="%s",' + WEB[14:] + "}"
    assert [value(text, series % le) for le in ("10.0", "15.0", "20.0", "+Inf")] == [
        "0.0",
        "1.0",
        "1.0",
        "1.0",
    ]


def test_ages_of_those_who_wait_are_cumulative_buckets_of_a_gauge_histogram() -> None:
    text = page(SAMPLE)

    series = 'care_open_wait_age_seconds_bucket{channel="web",le="%s",' + WEB[14:] + "}"
    assert [value(text, series % le) for le in ("10.0", "15.0", "90.0", "120.0", "+Inf")] == [
        "0.0",
        "1.0",
        "1.0",
        "3.0",
        "3.0",
    ]


def test_seconds_are_exact_decimals() -> None:
    text = page(SAMPLE)

    assert value(text, f"care_oldest_unanswered_timestamp_seconds{{{WEB}}}") == "1.76760713875e+09"
    assert value(text, f'care_first_response_seconds_sum{{by="human",{WEB}}}') == "133.2"


def test_nobody_waiting_means_no_series() -> None:
    text = page(SAMPLE)

    lines = [line for line in text.splitlines() if line.startswith("care_oldest_unanswered")]
    assert len(lines) == 1


def test_known_places_stand_at_zero_and_unknown_ones_are_other() -> None:
    text = page(SAMPLE)

    assert value(text, 'care_queue_length{channel="whatsapp",queue="none",tenant="acme"}') == "0.0"
    stray = 'channel="whatsapp",direction="inbound",queue="other",tenant="acme"'
    assert value(text, f'care_messages_total{{author="customer",{stray}}}') == "1.0"
    assert "Büro" not in text
    assert 'policy="gone"' not in text
    assert value(text, "care_board_relabelled_points") == "4.0"


def test_without_a_rulebook_configured_tenants_are_still_named() -> None:
    text = page(board_of(sample_outputs(), rulebook=None), tenants=("acme",))

    assert 'tenant="acme"' in text
    assert 'queue="support"' not in text


def test_unreadable_records_are_counted() -> None:
    text = page(Board(), unreadable={("care.metrics", "not_json"): 2})

    series = 'care_board_unreadable_records_total{reason="not_json",topic="care.metrics"}'
    assert value(text, series) == "2.0"


def test_results_that_a_transaction_holds_back_are_told_by_partition() -> None:
    text = page(Board(), held_ms={("care.metrics", "3"): 12_500, ("care.metrics", "0"): 0})

    series = 'care_stable_offset_lag_seconds{partition="%s",topic="care.metrics"}'
    assert [value(text, series % partition) for partition in "03"] == ["0.0", "12.5"]


def test_how_far_behind_the_board_is_is_told_by_partition() -> None:
    text = page(Board(), behind={("care.metrics", "10"): 7, ("care.metrics", "0"): 0})

    series = 'care_board_lag_records{partition="%s",topic="care.metrics"}'
    assert [value(text, series % partition) for partition in ("0", "10")] == ["0.0", "7.0"]


def test_exposed_series_is_the_number_of_lines() -> None:
    text = page(SAMPLE)

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert float(value(text, "care_exposed_series")) == len(lines) - 1


def test_business_twins_stand_under_their_own_names() -> None:
    total = total_of(60_000, 120_000)
    board = board_of(outputs_of(as_records([
        partial_record("first_response_time_business", "total", None, total),
        partial_record(
            "queue_wait_time_business", "total", None, total, labels=(*BASE, "abandoned")
        ),
        clock_record(T0),
    ])))  # fmt: skip
    text = page(board)

    first = f'care_first_response_business_seconds_sum{{by="human",{WEB}}}'
    assert value(text, first) == "180.0"
    assert value(text, f"care_queue_wait_business_seconds_count{{{WEB}}}") == "0.0"
    assert value(text, f"care_reply_business_seconds_count{{{WEB}}}") == "0.0"


@pytest.mark.parametrize("marks", range(2, 11))
def test_ratings_of_every_usual_scale_count_by_their_exact_mark(marks: int) -> None:
    ratings = [step * 1000 // (marks - 1) for step in range(marks)]
    total = total_of(*ratings)
    board = board_of(
        outputs_of(
            as_records([partial_record("csat_mean", "total", None, total), clock_record(T0)])
        )
    )
    text = page(board)

    upper = [
        float(value(text, f'care_csat_score_bucket{{channel="web",le="{mark}.0",{WEB[14:]}}}'))
        for mark in range(1, 6)
    ]
    rounded = [1 + (rating * 4 + 500) // 1000 for rating in ratings]
    assert upper == [sum(one <= mark for one in rounded) for mark in range(1, 6)]
    exact = float(value(text, f"care_csat_score_sum{{{WEB}}}"))
    assert exact == pytest.approx(sum(1 + rating * 4 / 1000 for rating in ratings))


def percentile_board(at: int = T0 + 30 * 60_000) -> Board:
    """Quick replies to the urgent, slow ones to the others, as of `at` on 5 January, 10:30 UTC."""
    slow, quick = total_of(100_000, 100_000, 100_000).net, total_of(1_000).net
    urgent = (*BASE[:3], "urgent")
    day, minute = T0 - 11 * HOUR, at - at % 60_000
    records = [partial_record("queue_length", "now", None, Gauge(0))]
    for labels, durations in ((BASE, slow), (urgent, quick)):
        records += [
            partial_record("reply_time", "1m", minute - 60_000, durations, labels=labels),
            partial_record("reply_time", "1d", day, durations, labels=labels, end=day + 24 * HOUR),
        ]
    records += [
        partial_record(
            "reply_time", "1d", day - 24 * HOUR, quick, labels=BASE, end=day
        ),
        partial_record(
            "messages", "1d", day, Count(5, 7), labels=(*BASE, "inbound", "customer"),
            end=day + 24 * HOUR,
        ),
        partial_record(
            "messages", "1d", day - 24 * HOUR, Count(90, 90), labels=(*BASE, "inbound", "customer"),
            end=day,
        ),
        clock_record(at),
    ]  # fmt: skip
    return board_of(outputs_of(as_records(records)))


@pytest.mark.parametrize("window", ["last_15m", "last_1h", "1d"])
def test_percentiles_are_those_of_all_priorities_together(window: str) -> None:
    """The median of 1 s and three times 100 s; the mean of the two medians would be 50 s."""
    text = page(percentile_board())

    series = 'care_reply_percentile_seconds{channel="web",percentile="p50",queue="support",'
    assert value(text, f'{series}tenant="acme",window="{window}"}}') == "99.328"
    samples = f'care_reply_percentile_samples{{{WEB},window="{window}"}}'
    assert value(text, samples) == "4.0"


def test_percentiles_of_nothing_are_absent_and_their_samples_are_zero() -> None:
    text = page(percentile_board())

    assert "care_queue_wait_percentile_seconds{" not in text
    samples = f'care_queue_wait_percentile_samples{{{WEB},window="last_1h"}}'
    assert value(text, samples) == "0.0"


def test_today_is_net_and_forgets_yesterday() -> None:
    told = f'author="customer",channel="web",direction="inbound",{WEB[14:]}'

    assert value(page(percentile_board()), f"care_messages_today{{{told}}}") == "5.0"


def test_promises_in_force_are_shown_with_their_objective() -> None:
    later = msgspec.structs.replace(
        RULEBOOK.policies[0],
        version=2,
        effective_from="2026-01-06T00:00:00.000Z",
        objective=Objective(attainment=95),
    )
    document = msgspec.structs.replace(RULEBOOK, policies=[later, *RULEBOOK.policies])
    series = 'care_sla_objective_ratio{policy="standard"}'

    board = board_of(sample_outputs(), rulebook=document)
    assert value(page(board), series) == "0.9"
    promised = 'care_sla_target_seconds{policy="standard",priority="urgent",target="first_reply"}'
    assert value(page(board), promised) == "600.0"
    assert value(page(board), 'care_config_info{rulebook="1"}') == "1.0"
    board = board_of(sample_outputs(T0 + 24 * HOUR), rulebook=document)
    assert value(page(board), series) == "0.95"


def test_what_is_remembered_from_one_scrape_to_the_next_changes_nothing() -> None:
    """The same collector, asked again and again while points come, go and are named anew."""
    view = View(snapshot=SAMPLE.snapshot())
    registry = CollectorRegistry()
    registry.register(BoardCollector(lambda: view))
    boards = [
        SAMPLE,
        percentile_board(),
        Board(),
        board_of(sample_outputs(), rulebook=None),
        SAMPLE,
    ]

    for board in boards:
        view = View(snapshot=board.snapshot())
        assert generate_latest(registry).decode() == page(board)


def test_openmetrics_says_the_same_and_has_no_created_samples() -> None:
    registry = CollectorRegistry()
    registry.register(BoardCollector(lambda: View(snapshot=SAMPLE.snapshot())))
    text = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]

    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    names = {sample.name for one in families for sample in one.samples}
    assert {name for name in names if name.endswith("_created")} == set()
    assert {family.name for family in FAMILIES if family.kind == "counter"} <= names


def test_every_family_stands_at_zero_before_its_first_result() -> None:
    log = as_records([partial_record("queue_length", "now", None, Gauge(0)), clock_record(T0)])
    text = page(board_of(outputs_of(log), rulebook=RULEBOOK))

    absent = [
        family.name
        for family in FAMILIES
        if family.kind not in {"instant", "percentiles"}
        and not re.search(rf"^{family.name}(_count|_bucket)?\{{", text, re.MULTILINE)
    ]
    assert absent == []


def test_labels_are_escaped() -> None:
    tenant = 'a"b\\c\nd'
    document = Document(tenants={tenant: RULEBOOK.tenants["acme"]})
    log = as_records(
        [
            partial_record(
                "queue_length", "now", None, Gauge(3), labels=(tenant, "web", "none", "normal")
            ),
            clock_record(T0),
        ]
    )
    text = page(board_of(outputs_of(log), rulebook=document))

    series = 'care_queue_length{channel="web",queue="none",tenant="a\\"b\\\\c\\nd"}'
    assert value(text, series) == "3.0"


async def test_promtool_finds_nothing_to_say() -> None:
    assert await promtool_says(page(SAMPLE)) == (0, "")
