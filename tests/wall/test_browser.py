"""The wall in a real browser: what a person sees, and that it asks nobody else."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, async_playwright
from prometheus_client import CollectorRegistry

from carewatch.exporter.feed import Feed
from carewatch.exporter.server import BoardServer
from carewatch.settings import BoardSettings
from carewatch.wall.routes import wall_routes
from carewatch.wall.view import STALE_MS, build_view
from support.boards import board_of, sample_outputs
from support.partial_log import T0

WATERMARK = T0 + 5_250


class FilledFeed(Feed):
    """A feed that has read the sample board."""

    def __init__(self) -> None:
        super().__init__({})
        self._board = board_of(sample_outputs())
        self.caught_up.set()

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Wall:
    """The open page, the clock of its server, and what went on."""

    page: Page
    server: BoardServer
    now: int
    asked: list[str]
    trouble: list[str]


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing: it comes with the Debian package chromium")
    server = BoardServer(
        BoardSettings(port=0),
        feed=FilledFeed(),
        clock=lambda: seen.now,
        message=build_view,
        routes=wall_routes(),
        registry=CollectorRegistry(),
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page()
        seen = Wall(page, server, WATERMARK + 1_000, [], [])
        page.on("request", lambda request: seen.asked.append(request.url))
        page.on("pageerror", lambda error: seen.trouble.append(str(error)))
        page.on("console", lambda line: seen.trouble.append(line.text))
        await server.start()
        try:
            await page.goto(f"{server.url}/wall")
            yield seen
        finally:
            await browser.close()
            await server.stop()


async def test_wall_shows_the_board_and_asks_nobody_else(wall: Wall) -> None:
    await wall.page.wait_for_selector("#channels tr")

    assert await wall.page.inner_text('[data-all="waiting"]') == "3"
    assert await wall.page.inner_text('[data-all="first_response.p50_ms"]') == "42s"
    assert await wall.page.inner_text('[data-all="oldest_ms"]') == "1m 08s"
    assert await wall.page.inner_text("#channels tr:first-child th") == "web"
    assert "1s ago" in await wall.page.inner_text("#asof")
    assert await wall.page.is_hidden("#banner")
    assert [url for url in wall.asked if not url.startswith(wall.server.url)] == []
    assert wall.trouble == []


async def test_old_figures_are_called_stale_though_the_stream_is_open(wall: Wall) -> None:
    await wall.page.wait_for_selector("#channels tr")
    wall.now = WATERMARK + STALE_MS + 60_000
    await wall.page.wait_for_selector("#banner:not([hidden])")

    assert await wall.page.inner_text("#banner") == "STALE: these figures are 1m 05s old."
    assert await wall.page.inner_text('[data-all="waiting"]') == "3"

    wall.now = WATERMARK + 1_000
    await wall.page.wait_for_selector("#banner", state="hidden")


async def test_wall_says_that_the_board_is_gone(wall: Wall) -> None:
    await wall.page.wait_for_selector("#channels tr")
    await wall.server.stop()
    await wall.page.wait_for_selector("#banner:not([hidden])")

    told = await wall.page.inner_text("#banner")
    assert told == "No connection to the board." or told.startswith("STALE")
