"""`/api/v1/board`: which series are shown of what was asked for, and what is refused."""

from typing import Any

import aiohttp
import orjson
import pytest

from carewatch.exporter.api import Wanted, board_document, encode_document
from carewatch.exporter.query import read_query
from support.boards import FilledFeed, board_of, sample_outputs
from support.boards import running_board as running
from support.partial_log import T0

SNAPSHOT = board_of(sample_outputs()).snapshot()
FILTERS = ("metric", "tenant", "channel", "queue")


def series(*query: tuple[str, str]) -> list[dict[str, Any]]:
    """The series that are shown of the sample board."""
    wanted = Wanted.of(read_query(query, FILTERS))
    found = board_document(SNAPSHOT, now=T0, wanted=wanted)
    shown: list[dict[str, Any]] = orjson.loads(encode_document(found))["series"]
    return shown


def test_without_filters_every_series_is_shown() -> None:
    assert series() == board_document(SNAPSHOT, now=T0)["series"] != []


def test_values_of_one_filter_are_alternatives_and_filters_hold_together() -> None:
    asked = [("metric", "messages"), ("metric", "conversations"), ("channel", "web")]
    found = [(one["metric"], one["labels"]["priority"]) for one in series(*asked)]

    assert found == [("conversations", "normal"), ("messages", "normal"), ("messages", "urgent")]


def test_series_are_chosen_by_place() -> None:
    assert {one["labels"]["channel"] for one in series(("queue", "Büro <2>"))} == {"whatsapp"}
    assert {one["metric"] for one in series(("queue", "none"))} == {"corrections", "late_events"}
    assert series(("tenant", "zoo")) == series(("tenant", "acme"), ("channel", "")) == []


async def get(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as response:
        return response.status, await response.text()


async def test_filters_are_parameters_and_the_watermark_is_always_there() -> None:
    async with running(FilledFeed()) as (_, session):
        status, text = await get(session, "/api/v1/board?metric=queue_length&tenant=zoo")
        board = orjson.loads(text)

    assert (status, board["series"]) == (200, [])
    assert board["watermark"] == "2026-01-05T10:00:05.250Z"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("x=1", "'x' is no parameter here; known: recent, metric, tenant, channel, queue\n"),
        ("metric=waiting", "metric: 'waiting' is unknown; docs/metrics.md lists them all\n"),
        ("recent=0", "recent: '0' is not a number of windows from 1 to 1560\n"),
        ("recent=1561", "recent: '1561' is not a number of windows from 1 to 1560\n"),
        ("recent=²", "recent: '²' is not a number of windows from 1 to 1560\n"),
        ("recent=2&recent=2", "recent: given more than once; give it once\n"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_says_what_could(query: str, says: str) -> None:
    async with running(FilledFeed()) as (_, session):
        assert await get(session, f"/api/v1/board?{query}") == (400, says)
