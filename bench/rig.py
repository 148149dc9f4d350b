"""What the benchmarks of the whole worker have in common: a Kafka, a backlog, a worker to drain it.

Kafka has a core of its own, and whatever is measured the other. The backlog is the simulated one
of `fold.py`, written as a stream: its size is bounded by the disk alone.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

import fold
from carewatch.domain.times import parse_time
from carewatch.local import demo_config
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.wire import topics
from carewatch.wire.partitions import partition_of

PARTITIONS = 8
KAFKA_CORE, OWN_CORE = 1, 0
BATCH_BYTES = 512 * 1024
BATCHES_AT_ONCE = 64
DRAIN_S = 3600
PROGRESS_S = 15
SMALL_LAG = 100
"""Ticks and clocks go on: a worker that has caught up is always some records behind."""


@dataclass
class Rig:
    """A running Kafka with the topics of carewatch and nothing in them."""

    servers: str
    environ: dict[str, str]


@dataclass
class Drained:
    """What draining took."""

    events: int
    wall_s: float
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.events * 1e6

    @property
    def rate(self) -> float:
        return self.events / self.wall_s


def pin(core: int) -> None:
    """One core for this process and what it starts; without several cores nothing happens."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """Kafka on one core; the caller and what it starts are on the other from now on."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        pin(KAFKA_CORE)
        with LocalKafka(Path(folder) / "kafka") as kafka:
            pin(OWN_CORE)
            environ = {
                **os.environ,
                **demo_config.random_secrets(),
                "CAREWATCH_CONFIG": str(demo_config.FOLDER),
                "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
                "CAREWATCH_KAFKA_PARTITIONS": str(PARTITIONS),
            }
            subprocess.run(
                [sys.executable, "-m", "carewatch", "topics", "apply"],
                env=environ, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            yield Rig(kafka.bootstrap_servers, environ)


def say(progress: str) -> None:
    """Something for whoever waits, beside the figures."""
    print(f"  {progress}", file=sys.stderr, flush=True)


async def fill(servers: str, events: int, conversations: int) -> None:
    """Writes the backlog, stamped in the last hour, and before it the rulebook it goes by.

    So many conversations at once go through their story, then as many others. No worker may have
    ticked before: its ticks say "now", and all of this would be late.
    """
    began_at = time.time_ns() // 1_000_000 - 3_600_000
    shift = began_at - parse_time("2026-01-05T09:00:00.000Z")
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, max_batch_size=BATCH_BYTES, enable_idempotence=True
    )
    await producer.start()
    batches = {p: producer.create_batch() for p in range(PARTITIONS)}
    sent: set[asyncio.Future[object]] = set()
    book = fold.rulebook(began_at)
    try:
        for batch in batches.values():
            batch.append(key=None, value=book, timestamp=began_at)
        for number in range(events):
            wave, place = divmod(number, conversations * len(fold.STORY))
            step, one = divmod(place, conversations)
            at = fold.START + shift + number * 3_000_000 // events
            key, value = fold.event(number, wave * conversations + one, step, at)
            partition = partition_of(key, PARTITIONS)
            if batches[partition].append(key=key, value=value, timestamp=at) is None:
                full, batches[partition] = batches[partition], producer.create_batch()
                sent.add(await producer.send_batch(full, topics.EVENTS, partition=partition))
                batches[partition].append(key=key, value=value, timestamp=at)
            if len(sent) >= BATCHES_AT_ONCE:
                stored, sent = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
                for one in stored:
                    one.result()
            if number % 500_000 == 499_999:
                say(f"{number + 1:,} of {events:,} events written")
        for partition, batch in batches.items():
            sent.add(await producer.send_batch(batch, topics.EVENTS, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


@contextlib.contextmanager
def worker(
    environ: dict[str, str], *, cores: Sequence[int] = (OWN_CORE,), slot: str = "bench"
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A worker and the address of its metrics, until the end of the block."""
    port = free_port()
    process = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "carewatch", "worker"],
        env={
            **environ,
            "CAREWATCH_WORKER_METRICS_PORT": str(port),
            "CAREWATCH_WORKER_SLOT": slot,
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(30)


def taken(url: str) -> tuple[int, int] | None:
    """How many records of `care.events` a worker has taken in, and its lag; None: not ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):
            pass
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    events = sum(
        sample.value
        for sample in samples
        if sample.name == "care_events_total" and sample.labels["topic"] == topics.EVENTS
    )
    lag = sum(sample.value for sample in samples if sample.name == "care_consumer_lag_records")
    return int(events), int(lag)


def drain(environ: dict[str, str], events: int, *, workers: int = 1) -> tuple[Drained, float]:
    """From the start of workers until they have caught up; and the memory of the first (MiB).

    One worker has a core; several have all of them, beside Kafka.
    """
    cores = [OWN_CORE] if workers == 1 else range(os.cpu_count() or 1)
    began = told = time.perf_counter()
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(worker(environ, cores=cores, slot=f"bench-{number}"))
            for number in range(workers)
        ]
        while True:
            now, found = time.perf_counter(), [taken(url) for _, url in started]
            known = [one for one in found if one is not None]
            done = sum(one[0] for one in known)
            lag = sum(one[1] for one in known)
            if len(known) == workers and done >= events and lag <= SMALL_LAG:
                break
            ended = [process.poll() for process, _ in started if process.poll() is not None]
            if ended or now - began > DRAIN_S:
                raise SystemExit(f"the workers did not catch up (status {ended})")
            if now - told > PROGRESS_S:
                told = now
                say(f"{done:,} of {events:,} taken in after {now - began:.0f} s")
            time.sleep(0.2)
        wall = time.perf_counter() - began
        cpu = sum(cpu_seconds(process.pid) for process, _ in started)
        return Drained(max(1, events), wall, cpu), memory_mib(started[0][0].pid)
