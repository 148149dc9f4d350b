"""What a scrape of the board costs: on one core, and for everybody else in its event loop.

    python bench/scrape.py [--samples N] [--scrapes N]

Runs without Kafka, on a board whose counts change between scrapes. The baseline of the same run is
prometheus-client writing the same families. The stall is how much this process computed, at the
most, while a task that wants to run every millisecond could not: its own work, in milliseconds of
one core, whatever else the machine does. The time by the clock is told beside it. The first scrape,
which makes all texts, is told apart.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from copy import copy
from typing import NamedTuple

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from carewatch.domain.aggregates import CLASSIC, Distribution, Total
from carewatch.domain.board import Board
from carewatch.domain.known import known_values
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Aged, Moment, Point, Tally, Value, values_of
from carewatch.domain.rulebook import Document, Policy, QueueRules, TargetRule, Tenant
from carewatch.exporter import exposition
from carewatch.exporter.collector import BoardCollector
from carewatch.exporter.exposition import Exposition
from carewatch.exporter.families import FAMILIES
from carewatch.exporter.shown import View

T0 = 1_767_607_200_000
CHANNELS = ("whatsapp", "messenger", "instagram", "email", "web", "voice")
PRIORITIES = ("normal", "urgent")
PER_PLACE = 580
"""Samples of one queue on one channel, about."""
ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def rulebook(queues: int) -> Document:
    """A tenant with so many queues and two policies."""
    return Document(
        tenants={"acme": Tenant(queues={f"queue-{n}": QueueRules() for n in range(queues)})},
        policies=[
            Policy(
                policy=name,
                version=1,
                effective_from="2026-01-01T00:00:00.000Z",
                order=order,
                targets={"first_reply": TargetRule(all="10m"), "next_reply": TargetRule(all="1h")},
            )
            for order, name in enumerate(("standard", "vip"))
        ],
    )


def points(document: Document) -> Iterator[Point]:
    """A point for every label set that feeds a family, in two priorities."""
    known = known_values(document)
    for metric_id in dict.fromkeys(source.metric for one in FAMILIES for source in one.sources):
        metric = BY_ID[metric_id]
        windows = [
            window for window in ("total", "now", "last_15m", "last_1h", "1d")
            if window in metric.windows or (window[:4] == "last" and "1m" in metric.windows)
        ]  # fmt: skip
        for channel in CHANNELS:
            for queue in known.queues["acme"]:
                for own in known.combinations(metric.labels):
                    for priority in PRIORITIES:
                        labels = ("acme", channel, queue, priority, *own)
                        for window in windows:
                            yield point(metric_id, labels, window, 7)


def point(metric: str, labels: tuple[str, ...], window: str, value: int) -> Point:
    """A point that says something, whatever the metric is."""
    start = None if window in {"total", "now"} else T0
    gross: Value | None = None
    shown: Value
    match BY_ID[metric].kind:
        case "distribution":
            shown, gross = spread(metric, window)
        case "count":
            shown, gross = Tally(value), Tally(value) if window == "total" else None
        case "instant":
            shown = Moment(T0 - value * 1000)
        case "ages":
            shown = Aged(value, (value, *[0] * (CLASSIC - 1)))
        case _:
            shown = Tally(value)
    return Point(
        metric=metric, labels=labels, window=window, start=start, pane="on_time", revision=1,
        time=T0 + 5_000, value=shown, gross=gross, ends=None if start is None else T0 + 86_400_000,
    )  # fmt: skip


_SPREADS: dict[tuple[str, bool], tuple[Value, Value | None]] = {}


def spread(metric: str, window: str) -> tuple[Value, Value | None]:
    """A distribution of 200 values, an object of its own; they are all alike, which costs nobody
    less."""
    unit = BY_ID[metric].unit
    key = unit, window == "total"
    if key not in _SPREADS:
        kept = Total() if window == "total" else Distribution()
        for n in range(200):
            kept.add(n * 7919 % (1_000 if unit == "permille" else 900_000), 1)
        _SPREADS[key] = values_of(kept, window, unit)
    value, gross = _SPREADS[key]
    return copy(value), copy(gross)


class Busy:
    """A board that goes on: between scrapes a hundredth of its points come anew."""

    def __init__(self, samples: int) -> None:
        document = rulebook(max(1, samples // PER_PLACE // len(CHANNELS)))
        self.board = Board()
        self.board.fold_rulebook(1, document)
        self._points = {str(n).encode(): one for n, one in enumerate(points(document))}
        for key, one in self._points.items():
            self.board.fold(key, one)
        self._round = 0

    def __len__(self) -> int:
        return len(self._points)

    def go_on(self) -> None:
        """What arrives between two scrapes."""
        self._round += 1
        for key in list(self._points)[self._round % 100 :: 100]:
            before = self._points[key]
            value, gross = copy(before.value), copy(before.gross)
            self.board.fold(key, msgspec.structs.replace(before, value=value, gross=gross))

    def view(self) -> View:
        return View(snapshot=self.board.snapshot())


def cpu_ms(work: Callable[[], object]) -> float:
    """Milliseconds of one core."""
    gc.collect()
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


class Scrape(NamedTuple):
    """What one scrape cost, all in milliseconds."""

    cpu: float
    stall_cpu: float
    stall: float


async def scraped(busy: Busy, scrapes: int, *, gzipped: bool) -> list[Scrape]:
    """Scrapes one after the other, the board going on in between."""
    page = Exposition(CollectorRegistry(), busy.view)
    done: list[Scrape] = []
    for _ in range(scrapes):
        busy.go_on()
        over = asyncio.Event()
        watching = asyncio.create_task(watch(over))
        await asyncio.sleep(0.01)
        started = time.process_time()
        await page.page(ACCEPT, gzipped=gzipped)
        cost = time.process_time() - started
        over.set()
        done.append(Scrape(cost * 1000, *await watching))
    return done


async def watch(over: asyncio.Event) -> tuple[float, float]:
    """The most that a millisecond's sleep took too long: of our own work, and by the clock."""
    worst_cpu = worst = 0.0
    while not over.is_set():
        cpu, at = time.process_time(), time.perf_counter()
        await asyncio.sleep(0.001)
        worst_cpu = max(worst_cpu, time.process_time() - cpu)
        worst = max(worst, time.perf_counter() - at - 0.001)
    return worst_cpu * 1000, worst * 1000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--samples", type=int, default=100_000)
    asked.add_argument("--scrapes", type=int, default=12)
    options = asked.parse_args()
    exposition.KEPT_S = 0.0
    sys.setswitchinterval(exposition.SWITCH_S)
    gc.freeze()
    busy = Busy(options.samples)

    registry = CollectorRegistry()
    registry.register(BoardCollector(busy.view))
    text = generate_latest(registry)
    lines = sum(1 for line in text.splitlines() if not line.startswith(b"#"))
    baseline = statistics.median(cpu_ms(lambda: generate_latest(registry)) for _ in range(3))
    print(f"{lines:,} samples from {len(busy):,} points, {len(text) / 1e6:.1f} MB")
    print(f"prometheus-client      {baseline:7.0f} ms of one core")
    for gzipped in (False, True):
        first, *others = asyncio.run(scraped(busy, options.scrapes, gzipped=gzipped))
        cost = statistics.median(one.cpu for one in others)
        stalls = [one.stall_cpu for one in others]
        print(
            f"/metrics{' gzipped' if gzipped else '        '}       {cost:7.0f} ms"
            f" ({cost / baseline:.2f}x), stall median {statistics.median(stalls):.1f} ms, most"
            f" {max(stalls):.1f} ms of its own work ({max(one.stall for one in others):.1f} ms by"
            f" the clock); first scrape {first.cpu:.0f} ms, stall {first.stall_cpu:.1f} ms"
        )


if __name__ == "__main__":
    main()
