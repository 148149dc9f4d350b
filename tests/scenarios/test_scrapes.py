"""Workers and boards are killed at random while Prometheus reads: its counters only ever grow."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import pytest

from carewatch.local import comparison, demo_config
from carewatch.local.child import Child
from carewatch.local.ports import HOST, free_port
from carewatch.wire import topics
from support.deployment import READY_S, Deployment, Stored, deployed
from support.eventually import eventually
from support.prometheus import promtool_says
from support.schemas import complaints_of
from support.scrapes import Scraper, growing, summed
from support.verdicts import Ran, Verdict, look_at, verified

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(480)]

SECONDS = 40
RATE = 40
SEED = 20260106
KILLS = 12
PROGRESS = (0, 1, 500, 3000)
"""By how much what is shown may grow before the next kill; a reply counts in some forty buckets."""
PATIENCE = 30

SHORT_TIMEOUTS = {
    "CAREWATCH_WORKER_SESSION_TIMEOUT_MS": "2000",
    "CAREWATCH_WORKER_TRANSACTION_TIMEOUT_MS": "4000",
    "CAREWATCH_WORKER_FLUSH_TIMEOUT_MS": "3000",
}

COUNTED = {
    "care_messages_total": "messages",
    "care_conversations_total": "conversations",
    "care_sla_evaluations_total": "sla_evaluations",
    "care_sla_breaches_total": "sla_breaches",
    "care_abandoned_total": "queue_abandoned",
    "care_corrections_total": "corrections",
    "care_late_events_total": "late_events",
}
"""Which counter shows which metric: written down anew, to be compared with what the board does."""

TIMED = {
    "first_response_time": ("care_first_response_seconds", {"by": "human"}),
    "first_response_time_any": ("care_first_response_seconds", {"by": "any"}),
    "first_response_after_handoff": ("care_first_response_seconds", {"by": "after_handoff"}),
    "reply_time": ("care_reply_seconds", {}),
    "queue_wait_time": ("care_queue_wait_seconds", {}),
    "resolution_time_first": ("care_resolution_seconds", {}),
}
ADDED_UP = frozenset({"priority", "queue"})

Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Scraped:
    """What a run left, and what was seen of two boards meanwhile."""

    ran: Ran
    verdict: Verdict
    scrapers: tuple[Scraper, Scraper]
    pages: tuple[str, str]
    kills: Counter[str]


class Boards:
    """Two replicas, each on a port of its own."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        first = deployment.board_url
        self.urls = (first, f"http://{HOST}:{free_port()}")
        self._children = [deployment.first_board, self._start(1)]

    def _start(self, number: int) -> Child:
        port = self.urls[number].rpartition(":")[2]
        return self._deployment.start("board", CAREWATCH_BOARD_PORT=port)

    def kill(self, number: int) -> None:
        """SIGKILL, whatever it is doing, its first reading included; another takes its place."""
        self._children[number].kill()
        self._children[number] = self._start(number)

    async def ready(self) -> None:
        for child, url in zip(self._children, self.urls, strict=True):
            await child.ready(f"{url}/readyz", timeout_s=READY_S)


async def disturb(deployment: Deployment, boards: Boards, clock: Scraper) -> Counter[str]:
    """Kills worker or board by a seeded draw, mostly when more is shown; then lets all be.

    Who kills faster than a worker starts would only ever look at empty pages.
    """
    chance, kills, worker = Random(SEED), Counter[str](), deployment.first_worker
    victims = ["worker", "board 0", "board 1"]
    for _ in range(KILLS):
        kills["with progress"] += await progress(clock, chance.choice(PROGRESS))
        # Nobody is spared by the draw: who was killed least is as likely as the other two.
        victim = chance.choice([*victims, min(victims, key=kills.__getitem__)])
        kills[victim] += 1
        if victim == "worker":
            worker.kill()
            worker = deployment.worker()
        else:
            boards.kill(int(victim[-1]))
    await worker.ready()
    await boards.ready()
    return kills


async def progress(scraper: Scraper, by: int) -> bool:
    """Waits until so much more is shown, or for some pages in vain; whether it was."""
    last, goal = scraper.pages + PATIENCE, scraper.shown + by

    async def seen() -> bool | None:
        if scraper.shown >= goal:
            return by > 0
        return False if scraper.pages >= last else None

    return await eventually(seen, within_s=60)


async def run(folder: Path) -> Scraped:
    """Traffic while workers and boards are killed, until everything has settled."""
    manifest_file = folder / "manifest.json"
    secrets = demo_config.random_secrets()
    async with deployed(folder, demo_config.FOLDER, secrets, **SHORT_TIMEOUTS) as deployment:
        boards = Boards(deployment)
        await boards.ready()
        scrapers = (Scraper(boards.urls[0]), Scraper(boards.urls[1]))
        reading = [asyncio.create_task(scraper.run()) for scraper in scrapers]
        try:
            traffic = deployment.start(
                "simulate",
                *("--gateway", deployment.gateway_url, "--manifest", str(manifest_file)),
                *("--for", str(SECONDS), "--rate", str(RATE), "--seed", str(SEED)),
                *("--policy", demo_config.POLICY, "--first-reply", demo_config.FIRST_REPLY),
                *("--next-reply", demo_config.NEXT_REPLY),
            )
            kills = await disturb(deployment, boards, scrapers[0])
            await traffic.succeed()
            manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
            ran = await look_at(deployment, manifest)
            ran.records[topics.METRICS] = await deployment.committed(topics.METRICS)
            pages = await eventually(lambda: agreed(scrapers))
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        return Scraped(ran, await verified(deployment), scrapers, pages, kills)


async def agreed(scrapers: tuple[Scraper, Scraper]) -> tuple[str, str] | None:
    """The newest pages of both, as soon as what only grows is the same on them."""
    first, second = (scraper.newest for scraper in scrapers)
    return (first, second) if dict(growing(first)) == dict(growing(second)) else None


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Scraped:
    """One run; the tests look at what it left."""
    return asyncio.run(run(tmp_path_factory.mktemp("scrapes")))


def test_no_counter_ever_falls_whoever_is_killed(seen: Scraped) -> None:
    assert [scraper.shrunk for scraper in seen.scrapers] == [[], []]


def test_everybody_was_killed_and_came_back_while_the_scraper_read(seen: Scraped) -> None:
    """Otherwise the test before says nothing."""
    assert min(seen.kills[name] for name in ("board 0", "board 1", "worker")) >= 3
    assert seen.kills["with progress"] >= 3
    for scraper in seen.scrapers:
        assert scraper.pages > SECONDS
        assert scraper.returns >= 2


def test_final_totals_are_those_of_the_oracle_and_of_the_simulator(seen: Scraped) -> None:
    lines = comparison.compare(seen.ran.manifest, seen.ran.board)

    assert seen.verdict.told == ()
    assert seen.verdict.compared["care.metrics"] > 1000
    assert [str(line) for line in lines if not line.equal] == []
    assert comparison.all_equal(lines)


@pytest.mark.parametrize("replica", [0, 1])
def test_the_last_page_shows_the_gross_totals_that_the_oracle_has_judged(
    seen: Scraped, replica: int
) -> None:
    expected = Counter[Series]()
    for labels, data in totals(seen.ran.records[topics.METRICS]):
        expected.update(shown(data, labels))

    names = {name for name, _ in expected}
    found = summed(seen.pages[replica], names, without=ADDED_UP)
    assert {series: value for series, value in found.items() if value} == pytest.approx(
        {series: value for series, value in expected.items() if value}
    )
    assert len(expected) > 100


def test_every_record_is_as_its_schema_says(seen: Scraped) -> None:
    """Those of the demo are alike: this is its configuration and its traffic."""
    written = [record for records in seen.ran.records.values() for record in records]

    assert complaints_of(written) == []
    assert {record.topic for record in written} == set(seen.ran.records)


@pytest.mark.parametrize("replica", [0, 1])
async def test_promtool_finds_nothing_to_say_about_a_live_page(seen: Scraped, replica: int) -> None:
    assert await promtool_says(seen.pages[replica]) == (0, "")


def totals(records: Iterable[Stored]) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """The newest `total` points, and the labels that a page keeps of them."""
    newest = {record.key: record.value for record in records}
    for value in newest.values():
        data = json.loads(value or b"null")["data"] if value else {"window": ""}
        if data["window"] == "total":
            kept = ("tenant", "channel", "direction", "author", "transition", "policy", "target")
            labels = {name: data[name] for name in kept if name in data}
            if "corrected_metric" in data:
                labels["metric"] = data["corrected_metric"]
            yield labels, data


def shown(data: dict[str, Any], labels: dict[str, str]) -> dict[Series, float]:
    """What a `total` point must come to on the page; priorities and queues are added up."""
    gross = data["gross"]
    for name, metric in COUNTED.items():
        if metric == data["metric"]:
            return {series(name, labels): gross["value"]}
    if data["metric"] not in TIMED or data.get("outcome", "answered") != "answered":
        return {}
    name, further = TIMED[data["metric"]]
    own = labels | further
    bounds = [str(bound) for bound in BOUNDS_S]
    counts = dict(zip((*bounds, "+Inf"), accumulate(gross["classic"]), strict=True))
    return {
        series(f"{name}_count", own): gross["count"],
        series(f"{name}_sum", own): gross["sum_ms"] / 1000,
        **{series(f"{name}_bucket", own | {"le": le}): n for le, n in counts.items()},
    }


def series(name: str, labels: dict[str, str]) -> Series:
    return name, tuple(sorted(labels.items()))


BOUNDS_S = (
    *(1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 900.0),
    *(1200.0, 1800.0, 2700.0, 3600.0, 5400.0, 7200.0, 10800.0, 14400.0, 21600.0, 28800.0),
    *(43200.0, 64800.0, 86400.0, 129600.0, 172800.0, 259200.0, 432000.0, 604800.0),
)
