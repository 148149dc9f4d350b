"""A real Prometheus evaluates every rule over what the processes really expose."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from carewatch.clock import system_clock
from carewatch.domain.board import Board
from carewatch.domain.metric import BASE_LABELS
from carewatch.domain.points import Moment, Point, Tally, Value
from carewatch.engine.metrics import ProcessMetrics
from carewatch.engine.ports import Lag
from carewatch.exporter.exposition import Exposition
from carewatch.exporter.shown import View
from carewatch.gateway.metrics import GatewayMetrics, SpoolMetrics
from carewatch.local.ports import HOST
from carewatch.wire import topics
from support.boards import RULEBOOK
from support.eventually import eventually
from support.prometheus import prometheus, promtool_says

PLACE = ("acme", "web", "support", "normal")
PROMISE = ("standard", "first_reply")
HOUR = 3_600_000


def point(metric: str, labels: tuple[str, ...], value: Value, *, at: int, window: str) -> Point:
    return Point(
        metric=metric, labels=labels, window=window, start=None, pane="on_time", revision=1,
        time=at, value=value, gross=value if window == "total" else None,
    )  # fmt: skip


def board_at(at: int) -> Board:
    """A board whose newest tick is of `at`, with somebody who waits since the hour before."""
    board = Board()
    nobody = ("none",) * len(BASE_LABELS)
    points = [
        point("heartbeat", (*nobody, "0"), Moment(at), at=at, window="now"),
        point("queue_length", PLACE, Tally(1), at=at, window="now"),
        point("oldest_unanswered", PLACE, Moment(at - HOUR), at=at, window="now"),
        point("sla_evaluations", (*PLACE, *PROMISE), Tally(1), at=at, window="total"),
        point("sla_breaches", (*PLACE, *PROMISE), Tally(1), at=at, window="total"),
    ]
    for number, one in enumerate(points):
        board.fold(str(number).encode(), one)
    board.fold_rulebook(1, RULEBOOK)
    return board


@asynccontextmanager
async def served(board: Callable[[], Board]) -> AsyncIterator[dict[str, str]]:
    """The pages of a board, a worker and a gateway: host and port by job."""
    worker = CollectorRegistry()
    metrics = ProcessMetrics(worker, system_clock)
    metrics.expect("track", topics.EVENTS, (topics.METRICS,))
    metrics.partitions(topics.EVENTS, 1)
    metrics.state("running")
    metrics.opened("track", 0, rows=0, seconds=0.0)
    metrics.lag(topics.EVENTS, 0, Lag(0, None, 0, 0))
    gateway = GatewayMetrics(CollectorRegistry(), ("web",))
    gateway.clock_ahead.set(0.0)
    gateway.registry.register(SpoolMetrics(None, system_clock))
    exposition = Exposition(CollectorRegistry(), lambda: View(snapshot=board().snapshot()))

    async def show_board(request: web.Request) -> web.Response:
        body, content_type = await exposition.page(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    def plain(registry: CollectorRegistry) -> Callable[[web.Request], object]:
        async def show(_: web.Request) -> web.Response:
            return web.Response(body=generate_latest(registry), content_type="text/plain")

        return show

    runners, jobs = [], {}
    try:
        for job, show in (
            ("care-board", show_board),
            ("care-worker", plain(worker)),
            ("care-gateway", plain(gateway.registry)),
        ):
            app = web.Application()
            app.router.add_get("/metrics", show)  # type: ignore[arg-type]
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, HOST, 0).start()
            jobs[job] = f"{HOST}:{runner.addresses[0][1]}"
        yield jobs
    finally:
        await asyncio.gather(*(runner.cleanup() for runner in runners))


async def test_every_rule_is_evaluated_and_a_stalled_pipeline_is_told_until_it_goes_on(
    tmp_path: Path,
) -> None:
    at = system_clock() - HOUR

    async with served(lambda: board_at(at)) as jobs, prometheus(tmp_path / "p", jobs) as running:
        await running.until("CarePipelineStalled", fires=True)

        async def evaluated() -> list[str] | None:
            rules = await running.rules()
            done = all(rule["health"] != "unknown" for rule in rules)
            return [f"{r['name']}: {r}" for r in rules if r["health"] != "ok"] if done else None

        assert await eventually(evaluated) == []
        assert await running.values('channel:care_queue_length:max{queue="support"}') == [1]
        budget = await running.values("policy:care_sla_budget:ratio")
        assert budget == pytest.approx([0.1])
        await running.until("CareOldestUnanswered", fires=True)
        await running.until("CareQueueStuck", fires=True)
        expected = {"CarePipelineStalled", "CareOldestUnanswered", "CareQueueStuck", "Watchdog"}
        assert await running.firing() == expected

        at = system_clock()
        await running.until("CarePipelineStalled", fires=False)


async def test_promtool_finds_nothing_to_say_about_the_page_of_any_process() -> None:
    async with served(lambda: board_at(0)) as jobs, aiohttp.ClientSession() as session:
        for job, target in jobs.items():
            async with session.get(f"http://{target}/metrics") as page:
                assert (job, *await promtool_says(await page.text())) == (job, 0, "")
