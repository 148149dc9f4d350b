"""The families on /metrics."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from carewatch.domain.aggregates import Gauge
from carewatch.domain.board import Board
from carewatch.domain.rulebook import Document
from carewatch.exporter.collector import BoardCollector, View
from carewatch.exporter.families import FAMILIES
from support.boards import RULEBOOK, board_of, sample_outputs
from support.golden import check_golden
from support.partial_log import T0, as_records, clock_record, outputs_of, partial_record

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


def test_exposed_series_is_the_number_of_lines() -> None:
    text = page(SAMPLE)

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert float(value(text, "care_exposed_series")) == len(lines) - 1


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
        if family.kind != "instant"
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


def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: it comes with the Debian package prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=page(SAMPLE).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
