"""The wall in a real browser: what people see, hear and can do, and that it asks nobody else."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from prometheus_client import CollectorRegistry

from carewatch.domain.points import Moment, Tally
from carewatch.exporter.feed import Feed
from carewatch.exporter.server import BoardServer
from carewatch.settings import BoardSettings
from carewatch.wall.routes import wall_routes
from carewatch.wall.view import Wall
from carewatch.wall.views import VIEWS
from carewatch.wall.views.age import STALE_MS
from support.busy import AT, Busy, remember
from support.eventually import eventually

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".venv" / "wall" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "artefacts" / "wall"
SIZES = {"1920x1080": (1920, 1080), "3840x2160": (3840, 2160), "390x844": (390, 844)}
NAMES = [view.name for view in VIEWS]
SHOWN = ".tile[data-id=waiting] .digits"


class MadeFeed(Feed):
    """A feed that has read a board, or not yet."""

    def __init__(self, busy: Busy) -> None:
        super().__init__({})
        self._board = busy.board
        self.caught_up.set()

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Boards:
    """A board that can be stopped and started on the same port, and its browser."""

    browser: Browser
    wall: Wall = field(default_factory=Wall)
    now: int = AT + 1_000
    port: int = 0
    asked: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.busy = remember(self.wall)
        self.feed = MadeFeed(self.busy)

    async def start(self) -> None:
        self.server = BoardServer(
            BoardSettings(port=self.port),
            feed=self.feed,
            clock=lambda: self.now,
            message=self.wall.build_view,
            routes=wall_routes(),
            registry=CollectorRegistry(),
        )
        await self.server.start()
        self.port = int(self.server.url.rpartition(":")[2])

    async def open(self, query: str = "", **options: Any) -> Page:
        """The page with its first figures."""
        options = {"viewport": {"width": 1920, "height": 1080}, "locale": "en-GB"} | options
        page = await self.browser.new_page(timezone_id="Europe/Berlin", **options)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("console", lambda line: self.trouble.append(line.text))
        await page.goto(f"{self.server.url}/wall{query}")
        await page.wait_for_selector(".tile")
        return page


@pytest.fixture
async def boards() -> AsyncIterator[Boards]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing: it comes with the Debian package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        running = Boards(browser)
        await running.start()
        try:
            yield running
        finally:
            await browser.close()
            await running.server.stop()


async def told(page: Page, selector: str) -> str:
    return (await page.inner_text(selector)).strip()


async def becomes(page: Page, selector: str, expected: str) -> None:
    """Waits until an element says something; a function in the page may not wait for it, since the
    page's policy forbids to make functions of texts."""

    async def look() -> bool | None:
        return True if await page.text_content(selector) == expected else None

    await eventually(look, every_s=0.1)


async def test_first_figures_come_with_words_targets_and_lines_and_nobody_else_is_asked(
    boards: Boards,
) -> None:
    page = await boards.open()

    assert await told(page, SHOWN) == "29"
    assert await told(page, ".tile[data-id=waiting] .word") == "Breach"
    assert await told(page, ".tile[data-id=due_15m] .word") == "At risk"
    assert await told(page, ".tile[data-id=data_age] .word") == "OK"
    assert await told(page, ".tile[data-id=oldest] .value") == "1:30\nhrs"
    assert await told(page, ".tile[data-id=oldest] .goal") == "target 10 mins \u2013 4 hrs"
    assert await told(page, "#asof") == "Data of 15:00:00, 1 sec ago"
    assert await page.locator(".tile canvas").count() == 6
    assert await page.is_hidden("#banner")
    assert [url for url in boards.asked if not url.startswith(boards.server.url)] == []
    assert boards.trouble == []


async def test_numbers_and_times_are_in_the_viewers_language(boards: Boards) -> None:
    page = await boards.open("?view=sla", locale="de-DE")

    assert await told(page, ".tile[data-id=kept_today] .digits") == "88,7"
    assert await told(page, ".tile[data-id=kept_28d] .note") == "48.020 of 54.124"


async def test_change_of_the_board_is_seen_at_once(boards: Boards) -> None:
    page = await boards.open()
    boards.now += 1_000
    boards.busy.put("waiting_conversations", Tally(40))

    await becomes(page, SHOWN, "57")


async def test_countdown_and_ages_go_on_between_messages(boards: Boards) -> None:
    page = await boards.open()
    await boards.server.stop()
    first = await told(page, "#panels li:first-child time")

    async def moved() -> bool | None:
        return await told(page, "#panels li:first-child time") != first or None

    await eventually(moved, every_s=0.1)


async def test_old_figures_are_called_stale_though_the_stream_is_open(boards: Boards) -> None:
    page = await boards.open()
    boards.now = AT + STALE_MS + 60_000
    await page.wait_for_selector("#banner:not(:empty)")

    assert "old." in await told(page, "#banner")
    assert (await told(page, "#banner")).startswith("Stale: these figures are 1:0")
    assert await told(page, SHOWN) == "29"
    assert await page.get_attribute("#banner", "role") == "alert"

    boards.now = AT + 1_000
    await page.wait_for_selector("#banner:empty", state="attached")


async def test_board_that_stops_is_missed_and_welcome_again_on_the_same_port(
    boards: Boards,
) -> None:
    page = await boards.open()
    await boards.server.stop()
    await page.wait_for_selector("#banner:not(:empty)")
    assert await told(page, SHOWN) == "29"
    assert await page.evaluate("document.body.className") == "stale"

    boards.busy.put("waiting_conversations", Tally(13))
    await boards.start()
    await page.wait_for_selector("#banner:empty", state="attached")
    assert await told(page, SHOWN) == "30"


async def test_board_that_is_still_reading_is_waited_for_with_its_reason(boards: Boards) -> None:
    page = await boards.open()
    await boards.server.stop()
    boards.feed = MadeFeed(boards.busy)
    boards.feed.caught_up.clear()
    await boards.start()

    async def reason() -> bool | None:
        return "not ready" in await told(page, "#banner") or None

    await eventually(reason, every_s=0.1)
    boards.feed.caught_up.set()
    await page.wait_for_selector("#banner:empty", state="attached")


async def test_new_version_reloads_the_page(
    boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await boards.open()
    await page.evaluate("document.body.id = 'before'")
    monkeypatch.setattr("carewatch.wall.view.__version__", "99")
    boards.now += 1_000

    await page.wait_for_selector("#before", state="detached")
    await page.wait_for_selector(".tile")


async def test_board_without_results_is_honest_about_it(boards: Boards) -> None:
    boards.wall, boards.busy = Wall(), Busy()
    await boards.server.stop()
    boards.feed = MadeFeed(boards.busy)
    await boards.start()
    page = await boards.open()

    assert await told(page, "#banner") == "Waiting for data: no result has come yet."
    assert set(await page.locator(".tile .digits").all_inner_texts()) == {"\u2013"}
    assert set(await page.locator(".tile .word").all_inner_texts()) == {"No data"}


async def test_views_are_reached_by_keyboard_and_keep_what_was_asked(boards: Boards) -> None:
    page = await boards.open("?channel=web&theme=dark&token=secret")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".tile[data-id=first_p50]")

    assert page.url.partition("?")[2] == "channel=web&theme=dark&token=secret&view=speed"
    assert await page.inner_text("nav [aria-current]") == "Speed"
    assert boards.asked[-1].partition("?")[2] == "view=speed&channel=web&token=secret"


async def test_channel_is_chosen_from_those_that_were_heard(boards: Boards) -> None:
    page = await boards.open("?view=speed")
    await page.select_option("#channel", "messenger")
    await page.wait_for_url("**channel=messenger")
    await page.wait_for_selector(".tile[data-id=first_p50]")

    assert await page.input_value("#channel") == "messenger"
    assert await page.inner_text(".tile[data-id=first_p50] .word") == "OK"


async def test_those_who_do_not_see_are_told_what_is_wrong_and_have_tables(boards: Boards) -> None:
    page = await boards.open()

    assert await page.text_content("#summary[role=status]") == (
        "Breach: Waiting, Longest wait, Breached, open. At risk: Due in 15 min."
    )
    rows = page.locator(".tile[data-id=waiting] table tr")
    assert await rows.count() == 60
    assert await rows.last.inner_text() == "15:00\t29"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_to_mend(boards: Boards, theme: str) -> None:
    if not AXE.exists():
        pytest.skip(f"no axe-core at {AXE}: install npm, then make .venv/.wall")
    page = await boards.open(color_scheme=theme)
    for name in NAMES:
        await page.goto(f"{boards.server.url}/wall?view={name}")
        await page.wait_for_selector(".tile")
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("axe.run().then((result) => result.violations)")

        assert [(name, one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_view_fits_the_screen(boards: Boards, size: str, theme: str) -> None:
    """Nothing is wider than the screen, and on a wall nothing is below it or cut."""
    width, height = SIZES[size]
    page = await boards.open(viewport={"width": width, "height": height}, color_scheme=theme)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        await page.goto(f"{boards.server.url}/wall?view={name}")
        await page.wait_for_selector(".tile")
        await page.screenshot(path=PICTURES / f"{name}-{size}-{theme}.png", full_page=True)

        beyond = await page.evaluate(
            """() => {
              const whole = document.documentElement;
              const parts = ".tile h2, .value, .goal, .foot, .judged, .panel h2, .panel table";
              return {
                right: whole.scrollWidth - innerWidth,
                below: whole.scrollHeight - innerHeight,
                cut: [...document.querySelectorAll(parts)]
                  .filter((one) => one.scrollWidth > one.clientWidth + 1 ||
                    one.getBoundingClientRect().right > innerWidth)
                  .map((one) => one.textContent)
                  .concat([...document.querySelectorAll(".panel")]
                    .filter((one) => one.querySelector("table")?.offsetWidth >
                      one.querySelector("h2").offsetWidth)
                    .map((one) => one.textContent)),
              };
            }"""
        )
        assert (beyond["right"], beyond["cut"]) == (0, [])
        assert width < height or beyond["below"] == 0


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (3840, 2160)])
async def test_figures_are_read_from_across_a_room(boards: Boards, width: int, height: int) -> None:
    """In points of a screen of 1080 lines: figures 96, labels 36, what is beside them 32."""
    page = await boards.open(viewport={"width": width, "height": height})

    async def points(selector: str) -> float:
        size = await page.evaluate(
            "one => parseFloat(getComputedStyle(document.querySelector(one)).fontSize)", selector
        )
        return float(size) * 0.75 * 1080 / height

    assert await points(".value") >= 96
    assert await points(".tile h2") >= 36
    assert await points(".goal") >= 32
    assert await points("h1") >= 48


async def test_wait_that_ends_is_shown_as_none(boards: Boards) -> None:
    page = await boards.open("?channel=web")
    boards.now += 1_000
    boards.busy.put("oldest_unanswered", Moment(None))

    await becomes(page, ".tile[data-id=oldest] .digits", "\u2013")
    assert await told(page, ".tile[data-id=oldest] .note") == "nobody waits"
