"""The token of the board: who is let in, and that it is told to nobody."""

import logging

import aiohttp
import pytest
from aiohttp import web

from carewatch.domain.board import Snapshot
from carewatch.exporter.stream import Asked
from carewatch.secrets import Secret
from carewatch.settings import BoardSettings
from support.boards import FilledFeed, running_board

TOKEN = "3f" * 20
GUARDED = ("/metrics", "/api/v1/board", "/api/v1/stream", "/api/v1/openapi.json", "/wall", "/no")
OPEN = ("/livez", "/readyz", "/wall/wall.js")


async def page(_: web.Request) -> web.Response:
    return web.Response(text="a page")


ROUTES = [web.get("/wall", page), web.get("/wall/wall.js", page)]
LOCKED = BoardSettings(port=0, token=Secret(TOKEN, "env:T"))


def broken(snapshot: Snapshot, now: int, asked: Asked) -> object:
    raise ZeroDivisionError


async def status(
    session: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None
) -> int:
    async with session.get(path, headers=headers) as response:
        return response.status


async def test_without_a_token_everybody_is_let_in() -> None:
    async with running_board(FilledFeed(), routes=ROUTES) as (_, session):
        found = [await status(session, path) for path in (*OPEN, *GUARDED)]

    assert found == [200] * 8 + [404]


async def test_with_one_only_probes_and_files_of_the_wall_are_for_all() -> None:
    async with running_board(FilledFeed(), LOCKED, routes=ROUTES) as (_, session):
        assert [await status(session, path) for path in OPEN] == [200] * 3
        assert [await status(session, path) for path in GUARDED] == [401] * 6


async def test_token_is_taken_from_the_header_and_from_the_address() -> None:
    async with running_board(FilledFeed(), LOCKED, routes=ROUTES) as (_, session):
        for path in GUARDED[:-1]:
            for scheme in ("Bearer", "bearer"):
                assert await status(session, path, {"Authorization": f"{scheme} {TOKEN}"}) == 200
            assert await status(session, f"{path}?token={TOKEN}") == 200
        both = await status(session, f"/metrics?token={TOKEN}", {"Authorization": "Bearer x"})

    assert both == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}0"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \udcff\udc00"},
        {"Authorization": "Bearer é"},
    ],
)
async def test_anything_else_is_refused_and_told_how_to_ask(headers: dict[str, str]) -> None:
    async with (
        running_board(FilledFeed(), LOCKED) as (_, session),
        session.get("/api/v1/board", headers=headers) as response,
    ):
        text = await response.text()

    assert (response.status, "Authorization: Bearer TOKEN" in text) == (401, True)
    named = headers.get("Authorization", "").startswith("Bearer")
    invalid = ', error="invalid_token"' if named else ""
    assert response.headers["WWW-Authenticate"] == f'Bearer realm="carewatch"{invalid}'
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_token_stands_in_no_log_no_answer_and_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    async with running_board(FilledFeed(), LOCKED, message=broken) as (_, session):
        for path in ("/metrics", "/api/v1/stream", "/api/v1/board", "/no", "/api/v1/openapi.json"):
            for query in (f"token={TOKEN}", f"token={TOKEN}&tken=x", f"token={TOKEN}0"):
                async with session.get(f"{path}?{query}") as response:
                    told.append(f"{response.status} {response.headers} {await response.text()}")

    logged = [record for record in caplog.records if record.name.startswith("aiohttp")]
    assert logged != []  # of the message that could not be made
    assert [one for one in (*told, caplog.text, repr(LOCKED)) if TOKEN in one] == []
