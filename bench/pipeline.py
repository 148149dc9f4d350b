"""Throughput and CPU of the whole worker on a real Kafka, beside two baselines of the same run.

    python bench/pipeline.py [--events N] [--conversations N] [--faust-events N]

A backlog of simulated events is written to `care.events`; then each of these drains it, alone, on
one core, with Kafka on the other:

    plain   an aiokafka loop that fetches and decodes, and does nothing else
    worker  `carewatch worker`: exactly-once, facts, SLA, panes, merge
    faust   a stock Faust agent that counts in a table (on a part of the backlog: it is slow)

CPU seconds are those of the draining process (user and system). A worker without backlog is
started first, so that what its start costs is not charged to the events.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

import fold
from carewatch.domain.times import parse_time
from carewatch.local import demo_config
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.wire import topics
from carewatch.wire.envelope import decode_envelope
from carewatch.wire.partitions import partition_of

PARTITIONS = 8
STOCK_FAUST = Path(__file__).with_name("stock_faust.py")
BATCH_BYTES = 512 * 1024
KAFKA_CORE, OWN_CORE = 1, 0
DRAIN_S = 3600
SMALL_LAG = 100
"""Ticks and clocks go on: a worker that has caught up is always some records behind."""


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


async def fill(servers: str, events: int, conversations: int) -> None:
    """Writes the backlog, stamped in the last hour, so that nothing of it is late."""
    began_at = time.time_ns() // 1_000_000 - 3_600_000
    shift = began_at - parse_time("2026-01-05T09:00:00.000Z")
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, max_batch_size=BATCH_BYTES, enable_idempotence=True
    )
    await producer.start()
    batches = {p: producer.create_batch() for p in range(PARTITIONS)}
    sent = []
    try:
        for number in range(events):
            step, conversation = divmod(number, conversations)
            at = fold.START + shift + number * 3_000_000 // events
            key, value = fold.event(number, conversation, step % len(fold.STORY), at)
            partition = partition_of(key, PARTITIONS)
            if batches[partition].append(key=key, value=value, timestamp=at) is None:
                full, batches[partition] = batches[partition], producer.create_batch()
                sent.append(await producer.send_batch(full, topics.EVENTS, partition=partition))
                batches[partition].append(key=key, value=value, timestamp=at)
            if number % 200_000 == 199_999:
                print(f"  {number + 1:,} events written", file=sys.stderr)
        for partition, batch in batches.items():
            sent.append(await producer.send_batch(batch, topics.EVENTS, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def drain_plainly(servers: str) -> Drained:
    """Fetches everything and decodes it."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False,
        isolation_level="read_committed", max_partition_fetch_bytes=1024 * 1024,
    )  # fmt: skip
    await consumer.start()
    try:
        places = [TopicPartition(topics.EVENTS, p) for p in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        events, wall, cpu = 0, time.perf_counter(), time.process_time()
        left = set(places)
        while left:
            fetched = await consumer.getmany(timeout_ms=200, max_records=20_000)
            for place, records in fetched.items():
                for record in records:
                    if record.key is not None:
                        decode_envelope(record.value)
                        events += 1
                if records and records[-1].offset + 1 >= ends[place]:
                    left.discard(place)
        return Drained(events, time.perf_counter() - wall, time.process_time() - cpu)
    finally:
        await consumer.stop()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def is_done(url: str, events: int) -> bool:
    """Whether a worker has taken in so many records of `care.events`, and merge what came of it."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):
            pass
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return False
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    taken = sum(
        sample.value
        for sample in samples
        if sample.name == "care_events_total" and sample.labels["topic"] == topics.EVENTS
    )
    lag = sum(sample.value for sample in samples if sample.name == "care_consumer_lag_records")
    return taken >= events and lag <= SMALL_LAG


@contextlib.contextmanager
def worker(environ: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    process = subprocess.Popen(
        ["taskset", "-c", str(OWN_CORE), sys.executable, "-m", "carewatch", "worker"],
        env={**environ, "CAREWATCH_WORKER_METRICS_PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(30)


def drain_by_worker(environ: dict[str, str], events: int) -> tuple[Drained, float]:
    """From the start of a worker until it has caught up."""
    began = time.perf_counter()
    with worker(environ) as (process, url):
        while not is_done(url, events):
            if process.poll() is not None or time.perf_counter() - began > DRAIN_S:
                raise SystemExit(f"the worker did not catch up (status {process.poll()})")
            time.sleep(0.2)
        wall, cpu = time.perf_counter() - began, cpu_seconds(process.pid)
        return Drained(max(1, events), wall, cpu), memory_mib(process.pid)


def drain_by_faust(servers: str, events: int) -> Drained:
    """A stock agent with a table, until it has counted so many events."""
    with tempfile.TemporaryDirectory(prefix="bench-faust-") as folder:
        told = subprocess.run(
            ["taskset", "-c", str(OWN_CORE), sys.executable, str(STOCK_FAUST),
             "worker", "-l", "error", "--without-web"],
            env={**os.environ, "BENCH_SERVERS": servers, "BENCH_EVENTS": str(events),
                 "BENCH_PARTITIONS": str(PARTITIONS)},
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    line = next(line for line in told.stdout.splitlines() if line.startswith(b"{"))
    return Drained(**json.loads(line))


def show(name: str, drained: Drained, plain: Drained) -> None:
    print(
        f"{name:7} {drained.events:>10,} events in {drained.wall_s:7.1f} s: "
        f"{drained.rate:>9,.0f} a second, {drained.cpu_us:6.1f} us CPU an event, "
        f"{drained.cpu_us / plain.cpu_us:5.1f} x plain"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--faust-events", type=int, default=30_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        pin(KAFKA_CORE)
        with LocalKafka(Path(folder) / "kafka") as kafka:
            pin(OWN_CORE)
            servers = kafka.bootstrap_servers
            environ = {
                **os.environ,
                **demo_config.random_secrets(),
                "CAREWATCH_CONFIG": str(demo_config.FOLDER),
                "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": servers,
                "CAREWATCH_KAFKA_PARTITIONS": str(PARTITIONS),
            }
            for arguments in (["topics", "apply"], ["rulebook", "publish"]):
                subprocess.run(
                    [sys.executable, "-m", "carewatch", *arguments],
                    env=environ, check=True, stdout=subprocess.DEVNULL,
                )  # fmt: skip
            idle, _ = drain_by_worker(environ, 0)
            asyncio.run(fill(servers, options.events, options.conversations))
            plain = asyncio.run(drain_plainly(servers))
            show("plain", plain, plain)
            ours, mib = drain_by_worker(environ, options.events)
            ours = Drained(ours.events, ours.wall_s - idle.wall_s, ours.cpu_s - idle.cpu_s)
            show("worker", ours, plain)
            print(
                f"        its start alone took {idle.wall_s:.1f} s and {idle.cpu_s:.1f} s CPU; "
                f"{mib:.0f} MiB at the end with {options.conversations:,} conversations"
            )
            faust = drain_by_faust(servers, min(options.faust_events, options.events))
            show("faust", faust, plain)
            print(f"the worker drains {ours.rate / faust.rate:.1f} x as fast as stock Faust")


if __name__ == "__main__":
    main()
