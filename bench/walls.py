"""How long a point takes from Kafka to two hundred open walls, and what these cost the board.

    python bench/walls.py [--walls N] [--rate N] [--samples N] [--for SECONDS]

Writes points to `care.metrics` at a steady rate, in transactions of a tenth of a second, each with
a watermark that names it. Every wall is a connection of its own to `/api/v1/stream`. The time runs
from the acknowledgement of the commit to the arrival of the first message that says this watermark
or a later one, at each wall. The board has a core of its own; Kafka, the writing and the walls
share the other. What the walls cost is told beside what the board needs with none open.
"""

import argparse
import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

import rig
import scrape
from carewatch.domain.points import Moment, Point
from carewatch.domain.times import format_time
from carewatch.local.ports import HOST, free_port
from carewatch.wire import topics
from carewatch.wire.points import encode_point, point_key, point_partition
from carewatch.wire.rulebooks import encode_document, encode_publication

VIEWS = ("queue", "speed", "sla", "channels", "pipeline")
CHANNELS = ("", *scrape.CHANNELS[:3])

MINUTE, DAY = 60_000, 86_400_000
SIZES = {"last_15m": 15 * MINUTE, "last_1h": 60 * MINUTE}
EVERY_S = 0.1
WARM_UP_S = 5.0
AIM_MS = 1_000
MARK = b'"watermark":"'


class Record(NamedTuple):
    """A record of `care.metrics`."""

    partition: int
    key: bytes
    value: bytes


def record(point: Point) -> Record:
    """A point as merge would write it."""
    key = point_key(point.metric, point.labels, point.window, point.start)
    partition = point_partition(point.metric, point.labels, rig.PARTITIONS)
    return Record(partition, key, encode_point(point))


def present(point: Point, now: int) -> Point:
    """The point, moved to the present."""
    start, ends = point.start, point.ends
    if point.window in SIZES:
        start = now - now % MINUTE - SIZES[point.window]
        ends = start + SIZES[point.window]
    elif start is not None:
        start, ends = now - now % DAY, now - now % DAY + DAY
    value = Moment(now - 60_000) if isinstance(point.value, Moment) else point.value
    return msgspec.structs.replace(point, time=now, start=start, ends=ends, value=value)


def watermark(at: int) -> Record:
    """Says up to when the results are complete; the only partition there is."""
    return record(
        Point(
            metric="watermark", labels=("none", "none", "none", "none", "0"), window="now",
            start=None, pane="on_time", revision=1, time=at, value=Moment(at), gross=None,
        )
    )  # fmt: skip


class Writing:
    """Points at a steady rate, and when each of their transactions was acknowledged."""

    def __init__(self, producer: AIOKafkaProducer, records: Sequence[Record], rate: int) -> None:
        self._producer = producer
        self._records = itertools.cycle(records)
        self._each = max(1, int(rate * EVERY_S))
        self.stored: dict[str, float] = {}
        """By the watermark, as the stream writes it."""

    async def run(self) -> None:
        due = time.monotonic()
        while True:
            due += EVERY_S
            at = time.time_ns() // 1_000_000
            await self.write((*itertools.islice(self._records, self._each), watermark(at)))
            self.stored[format_time(at)] = time.monotonic()
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def write(self, records: Sequence[Record]) -> None:
        async with self._producer.transaction():
            for one in records:
                await self._producer.send(
                    topics.METRICS, one.value, key=one.key, partition=one.partition
                )


@dataclass(eq=False)
class Wall:
    """What one open stream has heard: watermarks, and when; and how many bytes that took."""

    heard: list[tuple[str, float]] = field(default_factory=list)
    bytes: int = 0

    async def run(self, port: int, query: str) -> None:
        reader, writer = await asyncio.open_connection(HOST, port, limit=2**22)
        try:
            writer.write(f"GET /api/v1/stream{query} HTTP/1.1\r\nHost: board\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise SystemExit(f"{query or 'the stream'}: {head.decode()}")
            while True:
                message = await reader.readuntil(b"\n\n")
                self.bytes += len(message)
                place = message.find(MARK)
                if place >= 0:
                    at = place + len(MARK)
                    self.heard.append((message[at : at + 24].decode(), time.monotonic()))
        finally:
            writer.close()


@dataclass
class Told:
    """What a phase cost and how long points took, in milliseconds."""

    cpu: float
    mib: float
    messages: float
    bytes: float
    took: list[float]

    def at(self, percent: int) -> float:
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def took_ms(wall: Wall, stored: dict[str, float], since: float) -> Iterator[float]:
    """From each acknowledgement to the first message that says as much or more."""
    marks = sorted(mark for mark, at in stored.items() if at >= since)
    heard = iter(wall.heard)
    newest, at = "", 0.0
    for mark in marks:
        while newest < mark:
            newest, at = next(heard, ("", 0.0))
            if not newest:
                return
        yield max(0.0, at - stored[mark]) * 1000


@contextlib.contextmanager
def board(environ: dict[str, str], walls: int) -> Iterator[tuple[int, int]]:
    """A board on a core of its own: its process id and its port."""
    port = free_port()
    process = subprocess.Popen(
        ["taskset", "-c", str(rig.OWN_CORE), sys.executable, "-m", "carewatch", "board"],
        env={
            **environ,
            "CAREWATCH_BOARD_PORT": str(port),
            "CAREWATCH_BOARD_MAX_STREAMS": str(
                2 * walls
            ),  # those of the phase before may not be gone yet
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=2),
            ):
                break
            if time.monotonic() > deadline:
                raise SystemExit("the board was not ready within 120 s")
            time.sleep(0.2)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


async def phase(
    pid: int, port: int, writing: Writing, queries: Sequence[str], seconds: float
) -> Told:
    """So many walls open for so long, after a little time to settle."""
    walls = {Wall(): query for query in queries}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wall.run(port, query)) for wall, query in walls.items()]
        await asyncio.sleep(WARM_UP_S)
        began, cpu = time.monotonic(), rig.cpu_seconds(pid)
        heard, taken = sum(len(one.heard) for one in walls), sum(one.bytes for one in walls)
        await asyncio.sleep(seconds)
        spent = rig.cpu_seconds(pid) - cpu
        lasted = time.monotonic() - began
        heard = sum(len(one.heard) for one in walls) - heard
        taken = sum(one.bytes for one in walls) - taken
        mib = rig.memory_mib(pid)
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
    stored = {mark: at for mark, at in writing.stored.items() if at <= began + seconds}
    took = [ms for wall in walls for ms in took_ms(wall, stored, began)]
    each = heard / max(1, len(walls)) / lasted
    return Told(spent / lasted, mib, each, taken / max(1, heard), took)


async def measure(servers: str, environ: dict[str, str], options: argparse.Namespace) -> None:
    now = time.time_ns() // 1_000_000
    document = scrape.rulebook(max(1, options.samples // scrape.PER_PLACE // len(scrape.CHANNELS)))
    records = [record(present(one, now)) for one in scrape.points(document)]
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id="bench-walls")
    await producer.start()
    try:
        published = encode_publication(
            number=2**40, canonical=encode_document(document), effective_at=now, recorded_at=now
        )
        async with producer.transaction():
            await producer.send_and_wait(topics.RULEBOOKS, published, key=b"bench", partition=0)
        writing = Writing(producer, records, options.rate)
        for at in range(0, len(records), 5_000):
            await writing.write(records[at : at + 5_000])
        await writing.write([watermark(now)])
        print(f"{len(records):,} points, {options.rate:,} of them anew each second", flush=True)
        task = asyncio.create_task(writing.run())
        with board(environ, options.walls) as (pid, port):
            await told(pid, port, writing, options)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        await producer.stop()


async def told(pid: int, port: int, writing: Writing, options: argparse.Namespace) -> None:
    """Prints every phase beside the first."""
    different = [
        f"?view={view}" + (f"&channel={channel}" if channel else "")
        for view in VIEWS
        for channel in CHANNELS
    ]
    every = [different[n % len(different)] for n in range(options.walls)]
    phases = (
        ("no wall", []),
        ("1 wall", every[:1]),
        (f"{options.walls} walls that show the same", every[:1] * options.walls),
        (f"{options.walls} walls of {len(different)} kinds", every),
    )
    idle: Told | None = None
    for name, queries in phases:
        done = await phase(pid, port, writing, queries, options.seconds)
        idle = idle or done
        says = f"{name:<30} {done.cpu:6.1%} of a core ({done.cpu / idle.cpu:.2f}x), "
        says += f"{done.mib:.0f} MiB ({done.mib - idle.mib:+.0f})"
        if done.took:
            met = "met" if done.at(99) <= AIM_MS else "missed"
            says += (
                f"; record to page p50 {done.at(50):.0f} ms, p99 {done.at(99):.0f} ms"
                f" (aim {AIM_MS:,} ms: {met}), {done.messages:.1f} messages a second of"
                f" {done.bytes / 1000:.1f} kB"
            )
        print(says, flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--walls", type=int, default=200)
    asked.add_argument("--rate", type=int, default=1_000, help="points a second")
    asked.add_argument("--samples", type=int, default=20_000, help="size of the board")
    asked.add_argument("--for", dest="seconds", type=float, default=15.0)
    options = asked.parse_args()
    with rig.rig() as started:
        rig.pin(rig.KAFKA_CORE)
        asyncio.run(measure(started.servers, started.environ, options))


if __name__ == "__main__":
    main()
