"""The demo: a real Kafka, topics, rulebook, gateway, worker, board and traffic under one parent.

Every process is carewatch's own command in a child of its own, as in production; only the ports,
the secrets and the folder of the data are the demo's.
"""

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from carewatch.domain.errors import ConfigError, Refused
from carewatch.local import demo_config
from carewatch.local.child import Child, stop_all
from carewatch.local.comparison import Line, all_equal, compare
from carewatch.local.jars import Progress
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port, is_free
from carewatch.local.screen import Screen
from carewatch.settings import load_settings

READY_TIMEOUT_S: Final = 60
SETTLE_TIMEOUT_S: Final = 90
"""How long after the traffic the last deadlines may need to pass every stage."""

EQUAL_WITHIN_S: Final = 10
"""How long after that a difference may still go away: a point is published once a second."""

CHILDREN_GRACE_S: Final = 4
KAFKA_GRACE_S: Final = 4
"""Together below the 10 s within which everything is gone after Ctrl-C."""

INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Every port the demo listens on, all on the loopback."""

    kafka: int
    controller: int
    gateway: int
    gateway_metrics: int
    worker_metrics: int
    board: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for. `seconds` None: until Ctrl-C, without a comparison at the end."""

    folder: Path
    ports: Ports
    seconds: int | None
    rate: int
    seed: int


USUAL_PORTS: Final = Ports(
    kafka=9092, controller=9093, gateway=8080, gateway_metrics=9110, worker_metrics=9109, board=9108
)


def choose_port(option: str, asked: int | None, usual: int, say: Callable[[str], None]) -> int:
    """The port that was asked for, else the usual one, else a free one, which is said.

    Raises ConfigError when a port that was asked for is taken.
    """
    if asked is not None:
        if not is_free(asked):
            raise ConfigError(f"{option}: port {asked} of {HOST} is taken; choose another one")
        return asked
    if is_free(usual):
        return usual
    port = free_port()
    say(f"port {usual} is taken: using {port} instead ({option} chooses another)")
    return port


def refuse_used_folder(folder: Path) -> None:
    """Raises ConfigError when an earlier run left data: its totals would be in the comparison."""
    if (folder / "kafka").exists():
        raise ConfigError(
            f"--for compares totals since the beginning, and {folder} holds those of an earlier "
            "run: name a new folder with --data, leave --data out, or leave --for out"
        )


def demo_environ(environ: Mapping[str, str], ports: Ports) -> dict[str, str]:
    """What the children see: settings of the person's own carewatch must not leak in."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("CAREWATCH_") or name == "CAREWATCH_CACHE"
    }
    return {
        **kept,
        **demo_config.random_secrets(),
        "PYTHONUNBUFFERED": "1",
        "CAREWATCH_CONFIG": str(demo_config.FOLDER),
        "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{ports.kafka}",
        "CAREWATCH_GATEWAY_PORT": str(ports.gateway),
        "CAREWATCH_GATEWAY_METRICS_PORT": str(ports.gateway_metrics),
        "CAREWATCH_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "CAREWATCH_BOARD_PORT": str(ports.board),
    }


def run_demo(options: Options, screen: Screen, progress: Progress) -> int:
    """Runs it to its end; returns the exit status: 0, 1 for a difference, 130 for Ctrl-C.

    Raises Refused when something does not come up, or ends before its time. Whatever happens,
    nothing is left running.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    kafka = LocalKafka(
        options.folder / "kafka",
        port=options.ports.kafka,
        controller_port=options.ports.controller,
        progress=progress,
    )
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        kafka.start()
        screen.say(f"Kafka on {kafka.bootstrap_servers}")
        return asyncio.run(_Demo(options, screen, kafka).run())
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
        _stop_kafka(kafka)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop_kafka(kafka: LocalKafka) -> None:
    """In order, and by force when that takes too long: its data survives both."""
    if not kafka.running:
        return
    pid = kafka.pid

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    deadline = threading.Timer(KAFKA_GRACE_S, kill)
    deadline.start()
    try:
        kafka.stop()
    finally:
        deadline.cancel()


class _Demo:
    """One run, from the topics on."""

    def __init__(self, options: Options, screen: Screen, kafka: LocalKafka) -> None:
        self._options = options
        self._screen = screen
        self._kafka = kafka
        self._environ = demo_environ(os.environ, options.ports)
        self._partitions = load_settings(demo_config.FOLDER, self._environ).kafka.partitions
        self._manifest = options.folder / "manifest.json"
        self._lasting: list[Child] = []
        self._brief: list[Child] = []
        self._board = f"http://{HOST}:{options.ports.board}"
        self._gateway = f"http://{HOST}:{options.ports.gateway}"

    async def run(self) -> int:
        """Until the story has ended, a signal has come, or a process has died."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stopped.set)
        story = asyncio.create_task(self._story())
        tasks = [story, asyncio.create_task(self._deaths()), asyncio.create_task(stopped.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what went wrong
            if story in done:
                return story.result()
            self._screen.say("stopping")
            return INTERRUPTED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stop_all([*self._brief, *self._lasting], grace_s=CHILDREN_GRACE_S)

    async def _story(self) -> int:
        await self._come_up()
        with self._screen.live():
            figures = asyncio.create_task(self._show())
            try:
                return await self._traffic()
            finally:
                figures.cancel()
                await asyncio.gather(figures, return_exceptions=True)

    async def _come_up(self) -> None:
        """Topics, then the rulebook before the gateway; worker and board meanwhile."""
        ports = self._options.ports
        await self._child("topics", "topics", "apply").succeed()
        self._screen.say("topics created")
        worker = self._child("worker", "worker", lasting=True)
        board = self._child("board", "board", lasting=True)
        await self._child("rulebook", "rulebook", "publish", "--wait").succeed()
        self._screen.say("rulebook in force: first and next replies within 8 s")
        gateway = self._child("gateway", "gateway", lasting=True)
        for child, port in (
            (gateway, ports.gateway),
            (worker, ports.worker_metrics),
            (board, ports.board),
        ):
            await child.ready(f"http://{HOST}:{port}/readyz", timeout_s=READY_TIMEOUT_S)
            self._screen.say(f"{child.name} ready")
        self._screen.say(
            f"\n  wall     {self._board}/wall\n"
            f"  metrics  {self._board}/metrics\n"
            f"  API      {self._board}/api/v1/board\n"
            f"  webhooks {self._gateway}/hooks/{{channel}}/{{account}}\n"
            f"  logs     {self._options.folder}\n"
        )

    async def _traffic(self) -> int:
        """Feeds the gateway; with an end, compares what was published."""
        options = self._options
        arguments = [
            *("simulate", "--gateway", self._gateway),
            *("--rate", str(options.rate), "--seed", str(options.seed)),
            *("--policy", demo_config.POLICY),
            *("--first-reply", demo_config.FIRST_REPLY, "--next-reply", demo_config.NEXT_REPLY),
        ]
        if options.seconds is not None:
            arguments += ["--for", str(options.seconds), "--manifest", str(self._manifest)]
        simulator = self._child("simulate", *arguments)
        await simulator.ended()
        if options.seconds is None or simulator.status != 0:
            raise Refused(simulator.obituary())
        manifest = json.loads(self._manifest.read_text(encoding="utf-8"))
        requests = manifest["requests"]
        self._screen.say(
            f"traffic has ended: {requests['total']} requests of {manifest['conversations']} "
            "conversations; waiting until every deadline has passed"
        )
        lines = await self._compare(manifest)
        for text in report(lines):
            self._screen.say(text)
        return 0 if all_equal(lines) else 1

    async def _compare(self, manifest: Mapping[str, Any]) -> list[Line]:
        """Once every stage has passed the manifest's last instant."""
        settled = datetime.fromisoformat(manifest["settled_at"])
        board: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while not self._passed(board, settled):
                    await asyncio.sleep(0.5)
                    board = await self._read_board()
        except TimeoutError:
            raise Refused(
                f"the pipeline has not passed {manifest['settled_at']} after {SETTLE_TIMEOUT_S} s: "
                f"heartbeats {board.get('heartbeats')}; see the logs in {self._options.folder}"
            ) from None
        lines = compare(manifest, board)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EQUAL_WITHIN_S):
                while not all_equal(lines):
                    await asyncio.sleep(0.5)
                    lines = compare(manifest, await self._read_board())
        return lines

    def _passed(self, board: Mapping[str, Any], instant: datetime) -> bool:
        beats = [datetime.fromisoformat(text) for text in board.get("heartbeats", {}).values()]
        return len(beats) == self._partitions and min(beats) > instant

    async def _read_board(self) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self._board}/api/v1/board") as answer,
            ):
                answer.raise_for_status()
                document: dict[str, Any] = await answer.json()
                return document
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refused(f"the board does not answer: {type(error).__name__}") from error

    async def _show(self) -> None:
        """Hands the board's stream to the screen; a break is bridged."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async for view in self._views():
                    self._screen.show(view)
            await asyncio.sleep(1)

    async def _views(self) -> AsyncIterator[dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=10)
        async with (
            aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session,
            session.get(f"{self._board}/api/v1/stream") as answer,
        ):
            async for line in answer.content:
                if line.startswith(b"data:"):
                    yield json.loads(line.removeprefix(b"data:"))

    async def _deaths(self) -> None:
        """Raises Refused as soon as something that should last has ended."""
        while True:
            for child in self._lasting:
                if child.status is not None:
                    raise Refused(child.obituary())
            if not self._kafka.running:
                raise Refused(f"Kafka ended; its log says:\n{self._kafka.log_tail()}")
            await asyncio.sleep(0.2)

    def _child(self, name: str, *arguments: str, lasting: bool = False) -> Child:
        child = Child(name, list(arguments), environ=self._environ, folder=self._options.folder)
        (self._lasting if lasting else self._brief).append(child)
        child.start()
        return child


def report(lines: list[Line]) -> list[str]:
    """The comparison as a table, and its verdict."""
    table = [("channel", "metric", "expected", "published", "")]
    table += [
        (
            line.key.channel,
            str(line.key).strip(),
            str(line.expected),
            str(line.published),
            "ok" if line.equal else "DIFFERENT",
        )
        for line in lines
    ]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    said = [
        "  ".join(
            (
                row[0].ljust(widths[0]),
                row[1].ljust(widths[1]),
                row[2].rjust(widths[2]),
                row[3].rjust(widths[3]),
                row[4],
            )
        ).rstrip()
        for row in table
    ]
    wrong = sum(not line.equal for line in lines)
    verdict = (
        f"all {len(lines)} published totals are what the simulator says they must be"
        if all_equal(lines)
        else f"{wrong} of {len(lines)} published totals are not what they must be"
    )
    return [*said, "", verdict]
