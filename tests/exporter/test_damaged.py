"""Metric records that somebody damaged: passed over or shown, and the page goes on in any case."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.board import Board
from carewatch.domain.errors import InvalidRecord
from carewatch.exporter.api import board_document, encode_document
from carewatch.exporter.feed import fold_point
from carewatch.exporter.showing import Showing
from carewatch.exporter.shown import View
from carewatch.exporter.text import Text
from carewatch.wall.view import Wall
from carewatch.wire import topics
from support.boards import sample_outputs
from support.partial_log import T0
from support.properties import examples

Path = tuple[str | int, ...]


def one_of_each() -> dict[bytes, bytes]:
    """A record of every kind of value in every kind of window."""
    found: dict[tuple[str, ...], tuple[bytes, bytes]] = {}
    for output in sample_outputs():
        if output.topic == topics.METRICS and output.key is not None and output.value is not None:
            data = orjson.loads(output.value)["data"]
            fields = ",".join(sorted(data.keys() - {"direction", "author", "transition"}))
            found.setdefault((data["window"], fields), (output.key, output.value))
    return dict(found.values())


RECORDS = one_of_each()


def places(document: Any, path: Path = ()) -> Iterator[Path]:
    """Where something stands in a JSON document."""
    inside = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document[:3])
        if isinstance(document, list)
        else ()
    )
    for name, value in inside:
        yield (*path, name)
        yield from places(value, (*path, name))


PLACES = [(key, path) for key, value in RECORDS.items() for path in places(orjson.loads(value))]

REMOVED = object()
OTHERS: tuple[object, ...] = (
    REMOVED, None, True, -1, 0, 1.5, 10**9, 2**63 - 1, -(2**63), "", "x", "total", "now", "1d",
    "2026-01-05T10:00:00.000Z", [], {}, [1], [[1, 2]], [[-1, 2]], [[2**62, 2]], [0] * 34,
)  # fmt: skip


def damaged(value: bytes, path: Path, other: object) -> bytes:
    """The record with something else at a place, or nothing."""
    document = orjson.loads(value)
    at = document
    for step in path[:-1]:
        at = at[step]
    if other is REMOVED:
        del at[path[-1]]
    else:
        at[path[-1]] = other
    return orjson.dumps(document)


def shown(board: Board) -> bytes:
    """The page; the JSON and the wall's message are made, too."""
    snapshot = board.snapshot()
    encode_document(board_document(snapshot, now=T0))
    orjson.dumps(Wall().build_view(snapshot, T0, {}))
    families = Showing().families(View(snapshot=snapshot, tenants=("acme",)))
    return b"".join(Text().write(families, openmetrics=False))


@given(place=st.sampled_from(PLACES), other=st.sampled_from(OTHERS))
@examples(200)
def test_no_damage_of_a_record_takes_the_page_away(
    place: tuple[bytes, Path], other: object
) -> None:
    key, path = place
    board = Board()
    try:
        fold_point(board, key, damaged(RECORDS[key], path, other))
    except InvalidRecord:
        assert board.snapshot().windows == {}

    assert b"care_exposed_series" in shown(board)


def test_a_record_under_the_key_of_another_counts_nowhere() -> None:
    """Otherwise one series would be counted under both."""
    board = Board()
    for name, record in RECORDS.items():
        fold_point(board, name, record)
    before = shown(board)

    for name, record in RECORDS.items():
        with pytest.raises(InvalidRecord, match="wrong_key"):
            fold_point(board, name + b"x", record)

    assert shown(board) == before
