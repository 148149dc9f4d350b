"""The worker's process, by both command lines, with the broker there, gone and never seen."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from carewatch.clock import system_clock
from carewatch.local.kafka import LocalKafka
from carewatch.streams.app import APP_ID, EXIT_STUCK
from carewatch.wire.hand_overs import is_hand_over
from carewatch.wire.partitions import partition_of
from carewatch.wire.topics import COMMANDS as COMMANDS_TOPIC
from carewatch.wire.topics import EVENTS, FACTS
from support import agent_worker, stuck_worker
from support.envelopes import START, Event, encode, event, message
from support.lab import eventually, produce, read_committed
from support.small_kafka import small_kafka

pytestmark = pytest.mark.broker

COMMANDS = {
    "carewatch": ("carewatch", "worker"),
    "faust": ("faust", "-A", "carewatch.worker", "worker", "-l", "info"),
}
CONFIG = Path(__file__).with_name("config")
RESTORED = "exactly once"
WAITING = "waiting for Kafka"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka of this module's own, with all topics: it is taken away in between."""
    with small_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


class Worker:
    """A worker process and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def says(self, text: str) -> None:
        """Waits until a line holds `text`; the lines are the report when it never comes."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while line := await self.process.stdout.readline():
                self.said.append(line.decode())
                if text in self.said[-1]:
                    return
        raise AssertionError("".join(self.said))

    async def stopped_by(self, what: signal.Signals) -> int:
        """The exit code; a stop that took too long ends by force, with another code than 0."""
        self.process.send_signal(what)
        out, _ = await asyncio.wait_for(self.process.communicate(), 30)
        self.said.append(out.decode())
        assert self.process.returncode is not None
        return self.process.returncode


async def groups_of_orders(kafka: LocalKafka) -> set[str]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await client.start()
    try:
        found = await client.list_consumer_groups()
    finally:
        await client.close()
    return {name for name, _ in found if name.startswith(f"{APP_ID}-orders")}


@asynccontextmanager
async def worker(
    kafka: LocalKafka, folder: Path, command: str, script: tuple[str, ...] = ()
) -> AsyncIterator[Worker]:
    program, *arguments = script or COMMANDS[command]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name(program)),
        *arguments,
        cwd=folder,
        env={
            **os.environ,
            "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "CAREWATCH_WORKER_METRICS_PORT": "0",
            "CAREWATCH_CONFIG": str(CONFIG),
            "DEAD_LETTER_KEY": "a key of the tests, 32 bytes long",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Worker(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_an_agent_gets_raw_values_and_outlives_one_it_cannot_carry_out(
    kafka: LocalKafka, tmp_path: Path
) -> None:
    script = (Path(sys.executable).name, str(Path(agent_worker.__file__)))
    async with worker(kafka, tmp_path, "agent", script) as started:
        await started.says(RESTORED)
        await produce(kafka.bootstrap_servers, COMMANDS_TOPIC, ["k"], 0, b"fail")
        await produce(kafka.bootstrap_servers, COMMANDS_TOPIC, ["k"], 0, b"pause")
        await started.says("was not carried out")
        await started.says("agent read b'pause', with frozen state: True")

        assert await started.stopped_by(signal.SIGTERM) == 0


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("what", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_restores_says_so_and_stops_when_told(
    kafka: LocalKafka, tmp_path: Path, command: str, what: signal.Signals
) -> None:
    async with worker(kafka, tmp_path, command) as started:
        await started.says(RESTORED)

        assert await started.stopped_by(what) == 0
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a folder of Faust's would show here


async def test_a_worker_without_a_slot_leaves_no_group_behind(
    kafka: LocalKafka, tmp_path: Path
) -> None:
    async with worker(kafka, tmp_path, "carewatch") as started:
        await started.says(RESTORED)
        during = await groups_of_orders(kafka)
        await started.stopped_by(signal.SIGTERM)
    # Others may be there of workers that were killed, and show late after Kafka's restart.
    mine = {name for name in during if name.endswith(f"-{started.process.pid}")}

    assert len(mine) == 1
    assert mine & await groups_of_orders(kafka) == set()


async def test_a_worker_stops_while_the_broker_is_gone(kafka: LocalKafka, tmp_path: Path) -> None:
    """In order, or on a busy machine cut off in time: it never hangs."""
    async with worker(kafka, tmp_path, "carewatch") as started:
        await started.says(RESTORED)
        await asyncio.to_thread(kafka.kill)
        try:
            assert await started.stopped_by(signal.SIGTERM) in (0, EXIT_STUCK)
        finally:
            await asyncio.to_thread(kafka.start)


async def test_a_stop_that_takes_too_long_ends_by_force(kafka: LocalKafka, tmp_path: Path) -> None:
    """Nothing is lost by it: what was not committed never happened."""
    script = (Path(sys.executable).name, str(Path(stuck_worker.__file__)))
    async with worker(kafka, tmp_path, "stuck", script) as started:
        await started.says(RESTORED)

        assert await started.stopped_by(signal.SIGTERM) == EXIT_STUCK


async def test_a_worker_waits_for_the_broker_and_then_works(
    kafka: LocalKafka, tmp_path: Path
) -> None:
    await asyncio.to_thread(kafka.stop)
    try:
        async with worker(kafka, tmp_path, "carewatch") as started:
            await started.says(WAITING)
            await asyncio.to_thread(kafka.start)
            await started.says(RESTORED)

            assert await started.stopped_by(signal.SIGTERM) == 0
    finally:
        await asyncio.to_thread(kafka.start)


@pytest.mark.parametrize("moment", ["ProducerBuffer", "_ConsumerThread", "EngineService"])
async def test_a_broker_that_goes_away_while_a_worker_starts_is_waited_for(
    kafka: LocalKafka, tmp_path: Path, moment: str
) -> None:
    """It has answered already, and the clients of Faust and of the engine are yet to start."""
    try:
        async with worker(kafka, tmp_path, "carewatch") as started:
            await started.says(f"{moment}]: Starting")
            await asyncio.to_thread(kafka.kill)
            await asyncio.to_thread(kafka.start)
            await started.says(RESTORED)

            assert await started.stopped_by(signal.SIGTERM) == 0
    finally:
        await asyncio.to_thread(kafka.start)
    assert [line for line in started.said if "Traceback" in line] == []


async def test_a_worker_that_never_saw_a_broker_stops(kafka: LocalKafka, tmp_path: Path) -> None:
    await asyncio.to_thread(kafka.stop)
    try:
        async with worker(kafka, tmp_path, "faust") as started:
            await started.says(WAITING)

            assert await started.stopped_by(signal.SIGTERM) == 0
    finally:
        await asyncio.to_thread(kafka.start)


PARTITIONS = {"c2": 1, "c4": 0}
"""A child and its parent, and where they stand."""


async def send(kafka: LocalKafka, one: Event) -> None:
    key = one["partitionkey"]
    assert PARTITIONS[key] == partition_of(key.encode(), len(PARTITIONS))
    await produce(kafka.bootstrap_servers, EVENTS, [key], PARTITIONS[key], encode(one))


async def test_a_merge_reaches_the_parent_in_another_partition_once_whoever_is_killed(
    kafka: LocalKafka, tmp_path: Path
) -> None:
    """The one record that flows upstream is part of the transaction of what caused it."""
    began = system_clock() - START - 5000
    lifecycle = {"to": "merged", "merged_into": "c4"}
    merged = event(
        "conversation.merged", began + 1000, id_="m", key="c2", actor="agent", lifecycle=lifecycle
    )

    async def handed_over() -> int:
        found = await read_committed(kafka.bootstrap_servers, EVENTS, PARTITIONS["c4"])
        return sum(is_hand_over(one.value) for one in found)

    async def arrived() -> bool:
        return await handed_over() > 0

    async def answered() -> bool:
        found = await read_committed(kafka.bootstrap_servers, FACTS, PARTITIONS["c4"])
        said = [orjson.loads(one.value)["data"] for one in found if one.value is not None]
        waited = [one["calendar_ms"] for one in said if one.get("metric") == "reply_time"]
        return waited == [3000]

    async with worker(kafka, tmp_path, "carewatch") as first:
        await first.says(RESTORED)
        await send(kafka, message(began, id_="q", key="c2"))
        await send(kafka, merged)
        await eventually(arrived)
        await first.stopped_by(signal.SIGKILL)
    async with worker(kafka, tmp_path, "carewatch") as second:
        await second.says(RESTORED)
        reply = message(began + 3000, id_="r", key="c4", actor="agent", actor_key="a1")
        await send(kafka, reply)
        await eventually(answered)
        assert await second.stopped_by(signal.SIGTERM) == 0

    assert (await answered(), await handed_over()) == (True, 1)
