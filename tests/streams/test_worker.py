"""The worker's process, by both command lines, with the broker there, gone and never seen."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from carewatch.engine.catalogue import plan_topics
from carewatch.engine.topics import apply_topics
from carewatch.local.kafka import LocalKafka
from carewatch.settings import KafkaSettings
from carewatch.wire.topics import COMMANDS as COMMANDS_TOPIC
from support import agent_worker
from support.lab import produce

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
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as started:
        settings = KafkaSettings(
            bootstrap_servers=started.bootstrap_servers,
            partitions=2,
            partials_partitions=2,
            metrics_partitions=2,
        )
        asyncio.run(apply_topics(plan_topics({}, settings), settings))
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
        await started.says("agent read b'pause'")

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


async def test_a_worker_stops_while_the_broker_is_gone(kafka: LocalKafka, tmp_path: Path) -> None:
    async with worker(kafka, tmp_path, "carewatch") as started:
        await started.says(RESTORED)
        await asyncio.to_thread(kafka.kill)
        try:
            assert await started.stopped_by(signal.SIGTERM) == 0
        finally:
            await asyncio.to_thread(kafka.start)


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


async def test_a_worker_that_never_saw_a_broker_stops(kafka: LocalKafka, tmp_path: Path) -> None:
    await asyncio.to_thread(kafka.stop)
    try:
        async with worker(kafka, tmp_path, "faust") as started:
            await started.says(WAITING)

            assert await started.stopped_by(signal.SIGTERM) == 0
    finally:
        await asyncio.to_thread(kafka.start)
