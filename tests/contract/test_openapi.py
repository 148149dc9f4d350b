"""schemas/board.openapi.yaml describes the board: all that it answers, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from ruamel.yaml import YAML

from carewatch.domain.board import Board
from carewatch.domain.points import Aged, Moment, Share, Soonest, Spread, Tally
from carewatch.exporter.api import board_document, encode_document
from carewatch.exporter.openapi import document
from carewatch.secrets import Secret
from carewatch.settings import BoardSettings
from carewatch.wall.view import Wall
from carewatch.wall.views import VIEWS
from support.asyncapi import as_yaml
from support.boards import FilledFeed, board_of, running_board, sample_outputs
from support.replays import replay
from support.schemas import FOLDER, objects
from support.weeks import Manner, week

FILE = FOLDER / "board.openapi.yaml"
SAYS = "The board's HTTP interface in OpenAPI 3.1"
COMPLETE = ("Board", "Series", "Now", "Total", "Rolling", "Window")
"""Shapes that no other shape adds fields to."""

each_path = pytest.mark.parametrize("path", document()["paths"])


@pytest.fixture(scope="module")
def lived() -> Board:
    """A board after a week of care."""
    manners = {"web": Manner.PROMPT, "email": Manner.LATE_REPLIES}
    return board_of(replay(week(7, 6, manners)))


@pytest.fixture(scope="module")
def check() -> Draft202012Validator:
    """Of a board, with no room for fields that are not described."""
    shapes = document()["components"]["schemas"]
    deadline = shapes["Deadlines"]["properties"]["due"]["items"]
    gross = shapes["Total"]["properties"]["gross"]
    for shape in (deadline, gross, *(shapes[name] for name in COMPLETE)):
        shape["unevaluatedProperties"] = False
    schema = {"$ref": "#/components/schemas/Board", "components": {"schemas": shapes}}
    return Draft202012Validator(schema, validate_formats=True)


def complaints(check: Draft202012Validator, found: object) -> list[str]:
    return [f"{error.instance_path}: {error.message}" for error in check.iter_errors(found)]


@asynccontextmanager
async def asked(board: Board, **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with running_board(FilledFeed(board), BoardSettings(port=0, **settings)) as (_, session):
        yield session


def test_the_document_is_that_of_the_code(pytestconfig: pytest.Config) -> None:
    expected = as_yaml(document(), SAYS)

    if pytestconfig.getoption("update_tables"):
        FILE.write_text(expected, "utf-8")
    assert FILE.read_text("utf-8") == expected


def test_it_is_valid_openapi() -> None:
    written = YAML(typ="safe").load(FILE.read_text("utf-8"))

    assert [error.message for error in OpenAPIV31SpecValidator(written).iter_errors()] == []


def test_what_is_no_openapi_would_be_found() -> None:
    broken = document()
    del broken["components"]["responses"]["Wrong"]["description"]

    assert list(OpenAPIV31SpecValidator(broken).iter_errors()) != []


async def test_the_board_serves_it() -> None:
    async with (
        asked(Board()) as session,
        session.get("/api/v1/openapi.json") as response,
    ):
        assert orjson.loads(await response.read()) == document()


async def test_what_a_board_answers_is_what_is_described(
    lived: Board, check: Draft202012Validator
) -> None:
    for board in (lived, board_of(sample_outputs()), Board()):
        async with asked(board) as session:
            for query in ("", "?recent=1560", "?channel=web&metric=messages"):
                async with session.get(f"/api/v1/board{query}") as response:
                    found = orjson.loads(await response.read())
                assert complaints(check, found) == []


def test_the_messages_of_the_wall_have_the_fields_that_are_promised(lived: Board) -> None:
    answer = document()["paths"]["/api/v1/stream"]["get"]["responses"]["200"]
    promised = Draft202012Validator(
        answer["content"]["text/event-stream"]["schema"]["contentSchema"], validate_formats=True
    )
    wall = Wall()
    for board in (lived, Board()):
        for view in VIEWS:
            message = wall.build_view(board.snapshot(), 0, {"view": view.name})
            assert complaints(promised, orjson.loads(orjson.dumps(message))) == []


def test_the_week_has_values_of_every_kind(lived: Board) -> None:
    snapshot = lived.snapshot()
    kinds = {type(point.value) for window in snapshot.windows for point in snapshot.points(window)}

    assert kinds == {Spread, Tally, Share, Moment, Aged, Soonest}


def test_a_field_that_is_not_described_would_be_found(check: Draft202012Validator) -> None:
    shown = orjson.loads(
        encode_document(board_document(board_of(sample_outputs()).snapshot(), now=0))
    )
    places = list(objects(shown))
    for place in places:
        place["more"] = 1  # no label either, which are texts
        assert complaints(check, shown) != []
        del place["more"]
    assert complaints(check, shown) == []
    assert len(places) > 50


@each_path
async def test_each_path_answers_in_a_way_that_is_described(path: str) -> None:
    described = document()["paths"][path]["get"]["responses"]
    locked = Secret("0123456789abcdef")
    found = {}
    for settings, query in (({}, ""), ({}, "?no=1"), ({"token": locked}, "")):
        async with (
            asked(board_of(sample_outputs()), **settings) as session,
            session.get(f"{path}{query}") as response,
        ):
            found[str(response.status)] = response.content_type
    unready = FilledFeed()
    unready.caught_up.clear()
    async with running_board(unready) as (_, session), session.get(path) as response:
        found[str(response.status)] = response.content_type

    kinds = {status: content_types(answer) for status, answer in described.items()}
    assert [one for one in found.items() if one[1] not in kinds.get(one[0], ())] == []
    # A probe that fails because of a defect is not tried here.
    assert kinds.keys() - found.keys() <= ({"503"} if path == "/livez" else set())


def content_types(answer: dict[str, Any]) -> list[str]:
    """The forms in which an answer may come."""
    if "$ref" in answer:
        answer = document()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return list(answer["content"])
