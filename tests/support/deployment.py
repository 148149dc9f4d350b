"""carewatch's real processes on a Kafka of their own, as somebody would deploy them."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from carewatch.domain.times import parse_time
from carewatch.local.child import Child, stop_all
from carewatch.local.cluster import LocalCluster
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.settings import load_settings
from support.eventually import eventually

READY_S = 90
"""Generous: other tests may have the machine's cores as well."""

SETTLE_S = 90


class Stored(NamedTuple):
    """A record as Kafka has it; `at` is the producer's time in ms."""

    topic: str
    partition: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Deployment:
    """One Kafka, of one node or three, one gateway, one board and any number of workers.

    All are on free ports. `settings` are further variables of every process, by their names in the
    configuration (CAREWATCH_...). Logs of all processes are in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        config: Path,
        secrets: Mapping[str, str],
        kafka: LocalKafka | LocalCluster | None = None,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.kafka = LocalKafka(folder / "kafka") if kafka is None else kafka
        self.partitions = load_settings(config, secrets, secrets="none").kafka.partitions
        self.gateway_url = f"http://{HOST}:{(gateway := free_port())}"
        self.gateway_metrics_url = f"http://{HOST}:{(metrics := free_port())}"
        self.board_url = f"http://{HOST}:{(board := free_port())}"
        self.environ = {
            **{name: text for name, text in os.environ.items() if not _is_ours(name)},
            **secrets,
            "PYTHONUNBUFFERED": "1",
            "CAREWATCH_CONFIG": str(config),
            "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "CAREWATCH_GATEWAY_PORT": str(gateway),
            "CAREWATCH_GATEWAY_METRICS_PORT": str(metrics),
            "CAREWATCH_BOARD_PORT": str(board),
            "CAREWATCH_GATEWAY_SPOOL_DIR": str(folder / "spool"),
            **settings,
        }
        self.ended_early: list[str] = []
        """What was not running any more at the end, and had not ended in order."""
        self._children: list[Child] = []
        self._workers: list[Worker] = []

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers

    async def come_up(self) -> None:
        """Kafka, topics, rulebook in force, then gateway, one worker and board, all ready."""
        await asyncio.to_thread(self.kafka.start)
        await self.run("topics", "apply")
        self.first_worker, self.first_board = self.worker(), self.start("board")
        await self.run("rulebook", "publish", "--wait")
        self.gateway = self.start("gateway")
        await self.gateway.ready(f"{self.gateway_metrics_url}/readyz", timeout_s=READY_S)
        await self.first_worker.ready()
        await self.first_board.ready(f"{self.board_url}/readyz", timeout_s=READY_S)

    async def go_down(self) -> None:
        """Ends every process, whatever it is doing."""
        self.ended_early = [
            child.obituary() for child in self._children if child.status not in (None, 0)
        ]
        await stop_all(self._children, grace_s=10)
        await asyncio.to_thread(self.kafka.stop)

    async def run(self, *arguments: str) -> None:
        """One command to its successful end."""
        await self.start(*arguments).succeed()

    def start(self, *arguments: str, **settings: str) -> Child:
        """One command as a process; its log is called like the command."""
        name = f"{len(self._children):02d}-{arguments[0]}"
        child = Child(name, list(arguments), environ=self.environ | settings, folder=self.folder)
        self._children.append(child)
        child.start()
        return child

    def worker(self, slot: str = "0", **settings: str) -> "Worker":
        """A worker process; the same slot takes over what a dead one of that name had."""
        port = free_port()
        child = self.start(
            "worker",
            CAREWATCH_WORKER_SLOT=slot,
            CAREWATCH_WORKER_METRICS_PORT=str(port),
            **settings,
        )
        worker = Worker(child, f"http://{HOST}:{port}")
        self._workers.append(worker)
        return worker

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """A delivery as a provider makes it: the status, and Retry-After (or nothing)."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
            session.post(f"{self.gateway_url}{path}", data=body, headers=headers) as answer,
        ):
            return answer.status, answer.headers.get("Retry-After", "")

    async def board(self) -> dict[str, Any]:
        """The document of /api/v1/board."""
        document: dict[str, Any] = json.loads(await _get(f"{self.board_url}/api/v1/board"))
        return document

    async def metrics(self) -> str:
        """The board's /metrics, as Prometheus scrapes it."""
        return await _get(f"{self.board_url}/metrics")

    async def passed(self, instant: int, *, within_s: float = SETTLE_S) -> None:
        """Returns when every result up to `instant` (ms) has been published and shown.

        Also of what the gateway has spooled meanwhile.
        """

        async def beyond() -> bool | None:
            if self.gateway.running and await self._spooled():
                return None
            beats = [parse_time(beat) for beat in (await self.board())["heartbeats"].values()]
            return (len(beats) == self.partitions and min(beats) > instant) or None

        await eventually(beyond, within_s=within_s, every_s=0.25)

    async def doing(self) -> list[str]:
        """What each process says of itself, for whoever must find out why nothing goes on."""
        told = [
            f"gateway {line}"
            for line in (await _said(f"{self.gateway_metrics_url}/metrics")).splitlines()
            if line.startswith("care_spool_records ")
        ]
        told.append(f"gateway {await _said(f'{self.gateway_metrics_url}/readyz')}")
        board = await _said(f"{self.board_url}/api/v1/board")
        beats = json.loads(board)["heartbeats"] if board.startswith("{") else board
        told.append(f"board {beats}")
        running = [one for one in self._workers if one.child.running]
        return told + [f"{one.child.name} {await _said(f'{one.url}/readyz')}" for one in running]

    async def _spooled(self) -> bool:
        """Whether events wait on the gateway's disk for Kafka."""
        lines = (await _get(f"{self.gateway_metrics_url}/metrics")).splitlines()
        return "care_spool_records 0.0" not in lines

    async def committed(self, *names: str) -> list[Stored]:
        """Every committed record of some topics, in order within each partition."""
        return [record async for record in self.reading(*names)]

    async def reading(
        self,
        *names: str,
        isolation_level: str = "read_committed",
        ends: Mapping[TopicPartition, int] | None = None,
    ) -> AsyncIterator[Stored]:
        """The records of some topics up to `ends`, or those of now, in order within each partition.

        Read by plain code of the client library, which shares nothing with the engine's.
        """
        async with self._reading(*names, isolation_level=isolation_level) as consumer:
            left = consumer.assignment()
            ends = await consumer.end_offsets(left) if ends is None else ends
            while left := {place for place in left if await consumer.position(place) < ends[place]}:
                for place, records in (await consumer.getmany(*left, timeout_ms=200)).items():
                    for r in records:
                        if r.offset < ends[place]:
                            yield Stored(
                                place.topic,
                                place.partition,
                                r.timestamp,
                                r.key,
                                r.value,
                                tuple(r.headers),
                            )

    async def aborted(self, name: str) -> int:
        """How many records of a topic were written and never committed, up to its stable end."""
        async with self._reading(name, isolation_level="read_committed") as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
        everything, committed = 0, 0
        async for _ in self.reading(name, isolation_level="read_uncommitted", ends=ends):
            everything += 1
        async for _ in self.reading(name, ends=ends):
            committed += 1
        return everything - committed

    async def written(self, topic: str) -> int:
        """How many records a topic has ever had, the uncommitted ones among them."""
        async with self._reading(topic, isolation_level="read_uncommitted") as consumer:
            return sum((await consumer.end_offsets(consumer.assignment())).values())

    @asynccontextmanager
    async def _reading(self, *names: str, isolation_level: str) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer of its own, at the beginning of every partition of the topics."""
        consumer = AIOKafkaConsumer(
            *names,
            bootstrap_servers=self.bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level=isolation_level,
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


class Worker:
    """One worker process."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self.url = url

    async def alive(self) -> None:
        """Waits until it answers at all."""
        await self.child.ready(f"{self.url}/livez", timeout_s=READY_S)

    async def ready(self) -> None:
        """Waits until it owns partitions and has caught up."""
        await self.child.ready(f"{self.url}/readyz", timeout_s=READY_S)

    async def published(self) -> int:
        """How many records it has committed by its own account."""
        return sum(
            int(sample.value)
            for family in text_string_to_metric_families(await _get(f"{self.url}/metrics"))
            for sample in family.samples
            if sample.name == "care_metric_records_published_total"
        )

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        self.child.kill()

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.child.ask_to_stop()
        return await asyncio.wait_for(self.child.ended(), READY_S)


@asynccontextmanager
async def deployed(
    folder: Path, config: Path, secrets: Mapping[str, str], **settings: str
) -> AsyncIterator[Deployment]:
    """A deployment for as long as the block lasts."""
    deployment = Deployment(folder, config, secrets, None, **settings)
    try:
        await deployment.come_up()
        yield deployment
    finally:
        await deployment.go_down()


def _is_ours(name: str) -> bool:
    """The cache of jars is the machine's; everything else would be somebody's own carewatch."""
    return name.startswith("CAREWATCH_") and name != "CAREWATCH_CACHE"


async def _get(url: str) -> str:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.get(url) as answer,
    ):
        answer.raise_for_status()
        return await answer.text()


async def _said(url: str) -> str:
    """The text of an answer whatever its status, or why there was none."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(url) as answer,
        ):
            return (await answer.text()).strip()
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"no answer: {error!r}"
