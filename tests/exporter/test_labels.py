"""Names that nobody should give, on the page as it is served."""

import re

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from carewatch.domain.aggregates import Count, Gauge
from carewatch.domain.known import LONGEST
from carewatch.domain.rulebook import Document, Policy, QueueRules, TargetRule, Tenant
from carewatch.exporter.exposition import Exposition
from carewatch.exporter.shown import View
from support.boards import board_of
from support.partial_log import T0, as_records, clock_record, outputs_of, partial_record
from support.prometheus import promtool_says

QUOTED = 'say "hi"\\ and\nnothing else'
LONG = "x" * 10_240
ALIKE = LONG + " and more"
SHOWN = "x" * (LONGEST - 1) + "…"

RULEBOOK = Document(
    tenants={QUOTED: Tenant(queues={name: QueueRules() for name in (QUOTED, LONG, ALIKE)})},
    policies=[
        Policy(
            policy=name,
            version=1,
            effective_from="2026-01-01T00:00:00.000Z",
            order=order,
            targets={"first_reply": TargetRule(all="10m")},
        )
        for order, name in enumerate((QUOTED, LONG))
    ],
)


async def page(*, accept: str = "") -> str:
    """What /metrics says when three people wait, each in a queue with an odd name."""
    log = [
        partial_record(
            "queue_length", "now", None, Gauge(1), labels=(QUOTED, "web", queue, "normal")
        )
        for queue in (QUOTED, LONG, ALIKE, "nobody knows this one" * 1000)
    ]
    log += [
        partial_record(
            "sla_breaches",
            "total",
            None,
            Count(1, 1),
            labels=(QUOTED, "web", "none", "normal", policy, "first_reply"),
        )
        for policy in (QUOTED, LONG)
    ]
    board = board_of(outputs_of(as_records([*log, clock_record(T0)])), rulebook=RULEBOOK)
    exposition = Exposition(CollectorRegistry(), lambda: View(snapshot=board.snapshot()))
    body, _ = await exposition.page(accept)
    return body.decode()


def values(text: str, name: str, label: str) -> dict[str, float]:
    """The samples that are not 0, by a label."""
    return {
        sample.labels[label]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.value
    }


async def test_names_are_escaped_and_cut_and_what_is_cut_is_counted() -> None:
    """Two names that begin alike become one series, with both in it."""
    text = await page()

    assert values(text, "care_queue_length", "queue") == {QUOTED: 1.0, SHOWN: 2.0, "other": 1.0}
    assert values(text, "care_sla_breaches_total", "policy") == {QUOTED: 1.0, SHOWN: 1.0}
    assert values(text, "care_sla_objective_ratio", "policy").keys() == {QUOTED, SHOWN}
    assert re.search(r"^care_board_relabelled_points (.+)$", text, re.MULTILINE)[1] == "4.0"  # type: ignore[index]
    assert max(map(len, text.splitlines())) < 1000


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
async def test_every_label_set_stands_on_the_page_once(accept: str) -> None:
    text = await page(accept=accept)

    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))


async def test_promtool_finds_nothing_to_say_about_them() -> None:
    assert await promtool_says(await page()) == (0, "")
