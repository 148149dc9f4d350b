"""How long a worker takes from its start to its first new result, by what it has to restore.

    python bench/restore.py [--conversations N] [--events-each N]

A worker folds N conversations (one open question each, if not said otherwise) and ends. Then, in
the same run:

    plain    the changelogs of track are read with aiokafka, and nothing is done with their rows
    restore  the engine's own reading of them, and a processor that takes the rows in
    worker   a process is started, with an event waiting for it: until the first new result of it
             can be read by a reader of committed records; before, the same with nothing to restore

On one core, with Kafka on the other; rates by the CPU of the reader. A row is a record of a
changelog, also one that a newer one has replaced since: compaction may not have come yet.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import fold
from carewatch.engine.changelog import KafkaLog, read_newest
from carewatch.processors.base import PartitionContext
from carewatch.processors.track import TRACK
from carewatch.wire import topics
from carewatch.wire.partitions import partition_of
from rig import PARTITIONS, drain, fill, memory_mib, rig, worker

COUNTS = {topics.EVENTS: PARTITIONS, topics.PARTIALS: 4, topics.CUSTOMER: PARTITIONS}
NEW = 10**12
"""Numbers of events and conversations that `fill` does not use."""


@dataclass
class Taken:
    """Rows, and what taking them took."""

    rows: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.rows / self.cpu_s


class Watch:
    """What passes from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def taken(self, rows: int) -> Taken:
        return Taken(rows, time.perf_counter() - self._wall, time.process_time() - self._cpu)


async def read_plainly(servers: str) -> Taken:
    """Every record of the changelogs, fetched and counted."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False,
        isolation_level="read_committed",
    )  # fmt: skip
    await consumer.start()
    try:
        places = [TopicPartition(TRACK.changelog, p) for p in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        rows, watch = 0, Watch()
        left = {place for place in places if ends[place]}
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                rows += len(records)
            left = {place for place in left if await consumer.position(place) < ends[place]}
        return watch.taken(rows)
    finally:
        await consumer.stop()


async def restore(servers: str) -> Taken:
    """What a worker does before its first record, all partitions side by side."""
    log = KafkaLog({"bootstrap_servers": servers})

    async def take(partition: int) -> int:
        found = await read_newest(log, TRACK.changelog, partition, owned=False)
        stage = TRACK.build(PartitionContext(partition=partition, partitions=COUNTS))
        stage.restore(found.take_rows(), found.marker)
        return found.read

    watch = Watch()
    rows = sum(await asyncio.gather(*(take(partition) for partition in range(PARTITIONS))))
    return watch.taken(rows)


async def ask(servers: str, number: int) -> None:
    """A first message of a conversation that nobody knows."""
    now = time.time_ns() // 1_000_000
    key, value = fold.event(NEW + number, NEW + number, 0, now)
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        partition = partition_of(key, PARTITIONS)
        await producer.send_and_wait(topics.EVENTS, value, key=key, partition=partition)
    finally:
        await producer.stop()


async def first_result(environ: dict[str, str], servers: str, number: int) -> tuple[float, float]:
    """Seconds from the start of a worker to its first new fact; then its memory in MiB."""
    await ask(servers, number)
    facts = AIOKafkaConsumer(
        topics.FACTS, bootstrap_servers=servers, enable_auto_commit=False,
        isolation_level="read_committed", auto_offset_reset="latest",
    )  # fmt: skip
    await facts.start()
    try:
        await facts.seek_to_end()
        began = time.perf_counter()
        with worker(environ) as (process, _):
            while not await facts.getmany(timeout_ms=50):
                if process.poll() is not None:
                    raise SystemExit(f"the worker ended with status {process.poll()}")
            return time.perf_counter() - began, memory_mib(process.pid)
    finally:
        await facts.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--events-each", type=int, default=1)
    options = parser.parse_args()
    count, each = options.conversations, options.events_each
    with rig() as kafka:
        empty_s, empty_mib = asyncio.run(first_result(kafka.environ, kafka.servers, 0))
    with rig() as kafka:
        asyncio.run(fill(kafka.servers, count * each, count))
        drained, _ = drain(kafka.environ, count * each)
        print(
            f"restore: {count:,} conversations of {each} events, folded in {drained.wall_s:.0f} s"
        )
        plain = asyncio.run(read_plainly(kafka.servers))
        taken = asyncio.run(restore(kafka.servers))
        for name, one in (("plain", plain), ("restore", taken)):
            print(
                f"  {name:8} {one.rows:>9,} rows in {one.wall_s:6.1f} s, {one.cpu_s:5.1f} s CPU: "
                f"{one.rate:>9,.0f} a second of CPU, {one.cpu_s / plain.cpu_s:4.1f} x plain"
            )
        full_s, full_mib = asyncio.run(first_result(kafka.environ, kafka.servers, 1))
        print(
            f"  worker   first new result after {full_s:.1f} s, {full_s / plain.wall_s:.1f} x "
            f"the plain read; with nothing to restore after {empty_s:.1f} s"
        )
        held = (full_mib - empty_mib) * 2**20 / count
        print(f"           {full_mib:.0f} MiB, {held:.0f} bytes more for each conversation")


if __name__ == "__main__":
    main()
