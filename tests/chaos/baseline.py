"""`python -m chaos.baseline`: the same kills on a plain stock-Faust table, for honesty.

Events that each count one are written at a steady rate, while the worker is killed (SIGKILL) and
started again. Afterwards what the table's changelog says is compared with what was written: a
count too low is an event lost, one too high an event counted twice. It always exits 0: it measures
what carewatch is compared with.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carewatch.local.kafka import LocalKafka
from support.eventually import eventually

APP = Path(__file__).with_name("stock_app.py")
EVENTS, CHANGELOG = "stock-events", "stock-counts-changelog"
PARTITIONS = 4
CONVERSATIONS = 200
STARTED_S = 180
SETTLED_S = 15
"""So long nothing has changed in the changelog: the worker has caught up."""


def _start(servers: str, folder: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, str(APP), "worker", "-l", "warn", "--without-web"],
            env={
                **os.environ,
                "STOCK_SERVERS": servers,
                "STOCK_PARTITIONS": str(PARTITIONS),
            },
            cwd=folder,
            stdout=out,
            stderr=out,
        )


async def _feed(servers: str, rate: int, stop: asyncio.Event, random: Random) -> Counter[str]:
    written: Counter[str] = Counter()
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True)
    await producer.start()
    try:
        while not stop.is_set():
            sends = []
            for _ in range(rate // 10):
                key = f"c{random.randrange(CONVERSATIONS)}"
                written[key] += 1
                sends.append(await producer.send(EVENTS, b"{}", key=key.encode()))
            await asyncio.gather(*sends)
            await asyncio.sleep(0.1)
    finally:
        await producer.stop()
    return written


async def _counted(servers: str) -> tuple[Counter[str], int]:
    """The newest count of each key, and where the changelog ends."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(CHANGELOG, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        counted: Counter[str] = Counter()
        left = {place for place in places if ends[place]}
        while left:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    counted[json.loads(record.key)] = json.loads(record.value or b"0")
                if records and records[-1].offset + 1 >= ends[place]:
                    left.discard(place)
        return counted, sum(ends.values())
    finally:
        await consumer.stop()


async def _at_work(servers: str) -> None:
    """Returns when the worker that was started last counts: its start takes what it takes."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        places = [TopicPartition(CHANGELOG, number) for number in range(PARTITIONS)]

        async def grown() -> bool | None:
            return sum((await consumer.end_offsets(places)).values()) > before or None

        before = sum((await consumer.end_offsets(places)).values())
        await eventually(grown, within_s=STARTED_S)
    finally:
        await consumer.stop()


async def _settled(servers: str) -> Counter[str]:
    seen, quiet = -1, 0
    while True:
        counted, end = await _counted(servers)
        quiet = quiet + 1 if end == seen else 0
        if quiet >= SETTLED_S:
            return counted
        seen = end
        await asyncio.sleep(1)


async def _create(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(EVENTS, PARTITIONS, 1), NewTopic(CHANGELOG, PARTITIONS, 1)]
        )
    finally:
        await admin.close()


async def baseline(kills: int, seed: int, rate: int) -> dict[str, int]:
    """What became of the events: written, counted, lost, doubled (sums over conversations)."""
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="stock-") as folder:
        log = Path(folder) / "worker.log"
        with LocalKafka(Path(folder) / "kafka") as kafka:
            servers = kafka.bootstrap_servers
            await _create(servers)
            worker = _start(servers, folder, log)
            stop = asyncio.Event()
            feeding = asyncio.create_task(_feed(servers, rate, stop, random))
            try:
                for number in range(kills):
                    await _at_work(servers)
                    await asyncio.sleep(random.uniform(2, 8))
                    worker.kill()
                    worker.wait()
                    worker = _start(servers, folder, log)
                    click.echo(f"{number + 1}/{kills} kills", err=True)
                stop.set()
                written = await feeding
                counted = await _settled(servers)
            finally:
                worker.kill()
                worker.wait()
        if not counted:
            raise SystemExit(f"the stock app counted nothing:\n{log.read_text()[-4000:]}")
    keys = [*written, *(key for key in counted if key not in written)]
    return {
        "kills": kills,
        "written": written.total(),
        "counted": counted.total(),
        "lost": sum(max(0, written[key] - counted[key]) for key in keys),
        "doubled": sum(max(0, counted[key] - written[key]) for key in keys),
    }


@click.command()
@click.option("--kills", type=click.IntRange(1), default=10, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--rate", type=click.IntRange(10), default=200, show_default=True,
              help="Events a second.")  # fmt: skip
@click.option("--append", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Add what came of it to the list in this file.")  # fmt: skip
def main(*, kills: int, seed: int, rate: int, append: Path | None) -> None:
    """Kill a stock Faust table app and count what it has lost and doubled."""
    done = asyncio.run(baseline(kills, seed, rate))
    click.echo(json.dumps(done))
    if append is not None:
        earlier = json.loads(append.read_text(encoding="utf-8")) if append.exists() else []
        append.write_text(json.dumps([*earlier, done], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
