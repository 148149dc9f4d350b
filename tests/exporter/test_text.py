"""The page that Prometheus reads, compared with what prometheus-client writes."""

import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from carewatch.domain.board import Board
from carewatch.domain.rulebook import Document
from carewatch.exporter.collector import BoardCollector
from carewatch.exporter.exposition import Exposition
from carewatch.exporter.showing import Showing
from carewatch.exporter.shown import View
from carewatch.exporter.text import Text, number_text
from support.boards import RULEBOOK, board_of, sample_outputs, total_of
from support.partial_log import BASE, T0, as_records, clock_record, outputs_of, partial_record
from support.properties import examples

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def by_client(view: View) -> tuple[bytes, bytes]:
    """Both formats of a view as prometheus-client writes them."""
    registry = CollectorRegistry()
    registry.register(BoardCollector(lambda: view))
    said: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), said


def by_us(view: View, text: Text) -> tuple[bytes, bytes]:
    """The same by the renderer of the board."""
    shown = list(Showing().families(view))
    return (
        b"".join(text.write(shown, openmetrics=False)),
        b"".join((*text.write(shown, openmetrics=True), b"# EOF\n")),
    )


NAMES = st.text(min_size=1, max_size=8)
"""Whatever a tenant may be called: quotes, newlines, percent signs."""


@examples(40)
@given(
    durations=st.lists(st.integers(0, 10**9), max_size=4),
    many=st.integers(0, 10**8),
    tenant=NAMES,
)
def test_the_page_is_what_prometheus_client_would_write(
    durations: list[int], many: int, tenant: str
) -> None:
    total = total_of(*durations)
    total.gross.count, total.gross_classic[3] = many, many
    labels = (tenant, *BASE[1:])
    log = [
        partial_record("reply_time", "total", None, total, labels=labels),
        partial_record("open_wait_age", "now", None, None, labels=labels),
        clock_record(T0),
    ]
    document = Document(
        tenants={tenant: RULEBOOK.tenants["acme"]}, policies=list(RULEBOOK.policies)
    )
    view = View(snapshot=board_of(outputs_of(as_records(log)), rulebook=document).snapshot())

    assert by_us(view, Text()) == by_client(view)


def test_remembered_texts_change_nothing() -> None:
    text = Text()
    full = View(
        snapshot=board_of(sample_outputs()).snapshot(),
        unreadable={("care.metrics", "not_json"): 2_000_000},
    )

    for view in (full, View(snapshot=Board().snapshot()), full):
        assert by_us(view, text) == by_client(view)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12))
def test_numbers_are_written_as_go_writes_them(value: float) -> None:
    assert number_text(value) == floatToGoString(value)  # type: ignore[no-untyped-call]
    assert math.isclose(float(number_text(value)), value, rel_tol=1e-15, abs_tol=0)


async def test_compressed_page_is_the_same_page() -> None:
    view = View(snapshot=board_of(sample_outputs()).snapshot())
    exposition = Exposition(CollectorRegistry(), lambda: view)
    plain, _ = await exposition.page(TEXT)
    compressed, _ = await exposition.page(TEXT, gzipped=True)

    assert len(compressed) < len(plain) // 5
    assert gzip.decompress(compressed) == plain


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS, ""])
async def test_the_page_ends_with_what_else_the_registry_holds(accept: str) -> None:
    exposition = Exposition(CollectorRegistry(), lambda: View(snapshot=Board().snapshot()))
    first, _ = await exposition.page(accept)
    again, content_type = await exposition.page(accept)

    assert first == again  # within a second one rendering serves all
    assert first.endswith(b"# EOF\n") == ("openmetrics" in content_type)
    if "openmetrics" in content_type:
        families = text_string_to_metric_families(again.decode())  # type: ignore[no-untyped-call]
        assert "care_exposed_series" in {family.name for family in families}
