"""Throughput and CPU of the whole worker on a real Kafka, beside two baselines of the same run.

    python bench/pipeline.py [--events N] [--conversations N] [--faust-events N] [--workers N]

A backlog of simulated events is written to `care.events`; then each of these drains it, alone, on
one core, with Kafka on the other:

    plain   an aiokafka loop that fetches and decodes, and does nothing else
    worker  `carewatch worker`: exactly-once, facts, SLA, panes, merge
    faust   a stock Faust agent that counts in a table (on a part of the backlog: it is slow)

With several workers, another backlog is drained by these, on all cores beside Kafka. CPU seconds
are those of the draining process (user and system). A worker without backlog is started first, so
that what its start costs is not charged to the events.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from carewatch.wire import topics
from carewatch.wire.envelope import decode_envelope
from rig import OWN_CORE, PARTITIONS, Drained, drain, fill, rig

STOCK_FAUST = Path(__file__).with_name("stock_faust.py")


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
    parser.add_argument(
        "--conversations", type=int, default=20_000, help="of so many at once, ten events each"
    )
    parser.add_argument("--faust-events", type=int, default=30_000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    events, conversations = options.events, options.conversations
    # Each in a Kafka of its own: a worker's ticks say "now", and before a backlog of the last hour
    # they would make all of it late.
    with rig() as kafka:
        idle, _ = drain(kafka.environ, 0)
    with rig() as kafka:
        asyncio.run(fill(kafka.servers, events, conversations))
        plain = asyncio.run(drain_plainly(kafka.servers))
        show("plain", plain, plain)
        ours, mib = drain(kafka.environ, events)
        ours = Drained(ours.events, ours.wall_s - idle.wall_s, ours.cpu_s - idle.cpu_s)
        show("worker", ours, plain)
        print(
            f"        its start alone took {idle.wall_s:.1f} s and {idle.cpu_s:.1f} s CPU; "
            f"{mib:.0f} MiB at the end, {conversations:,} conversations at once"
        )
        faust = drain_by_faust(kafka.servers, min(options.faust_events, events))
        show("faust", faust, plain)
        print(
            f"the worker drains {ours.rate / faust.rate:.1f} x as fast as stock Faust", flush=True
        )
    if options.workers > 1:
        with rig() as kafka:
            asyncio.run(fill(kafka.servers, events, conversations))
            several, _ = drain(kafka.environ, events, workers=options.workers)
        show(f"{options.workers} of it", several, plain)
        print(f"        {several.rate / ours.rate:.2f} x the rate of one, on all cores")


if __name__ == "__main__":
    main()
