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
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

import aiohttp

from carewatch.domain.errors import Refused
from carewatch.local import demo_config
from carewatch.local.child import Child, stop_all
from carewatch.local.comparison import Line, all_equal, compare, has_passed, has_spooled, report
from carewatch.local.jars import Progress
from carewatch.local.kafka import LocalKafka
from carewatch.local.options import Options, demo_environ
from carewatch.local.ports import HOST
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
        screen.say(f"starting Kafka; data and logs: {options.folder}")
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
        self._environ = demo_environ(os.environ, options.ports, options.folder)
        self._kafka_settings = load_settings(demo_config.FOLDER, self._environ).kafka
        self._manifest = options.folder / "manifest.json"
        self._lasting: list[Child] = []
        self._brief: list[Child] = []
        self._board = f"http://{HOST}:{options.ports.board}"
        self._gateway = f"http://{HOST}:{options.ports.gateway}"
        self._gateway_metrics = f"http://{HOST}:{options.ports.gateway_metrics}"

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
                lines = await self._traffic()
            finally:
                figures.cancel()
                await asyncio.gather(figures, return_exceptions=True)
        for text in report(lines):
            self._screen.say(text)
        return 0 if all_equal(lines) else 1

    async def _come_up(self) -> None:
        """Topics, then the rulebook before the gateway; worker and board meanwhile."""
        ports = self._options.ports
        await self._child("topics", "topics", "apply").succeed()
        self._screen.say("topics created")
        worker = self._child("worker", "worker", lasting=True)
        board = self._child("board", "board", lasting=True)
        await self._child("rulebook", "rulebook", "publish", "--wait").succeed()
        self._screen.say(
            f"rulebook in force: a first reply within {demo_config.FIRST_REPLY}, "
            f"each next one within {demo_config.NEXT_REPLY}"
        )
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
            f"  webhooks {self._gateway}/hooks/{{channel}}/{{account}}\n\n"
            "Be a customer yourself, in another terminal; then look at "
            f"{self._board}/wall?tenant=you\n\n{demo_config.customer_writes(self._gateway)}\n"
        )

    async def _traffic(self) -> list[Line]:
        """Feeds the gateway; when that has ended, compares what was published."""
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
        return await self._compare(manifest)

    async def _compare(self, manifest: Mapping[str, Any]) -> list[Line]:
        """Once every stage has passed the manifest's last instant."""
        settled = datetime.fromisoformat(manifest["settled_at"])
        board: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while not has_passed(
                    board,
                    settled,
                    sources=self._kafka_settings.partitions,
                    results=self._kafka_settings.partials_partitions,
                ):
                    await asyncio.sleep(0.5)
                    board = await self._read_board() or board
        except TimeoutError:
            raise Refused(
                f"the pipeline has not passed {manifest['settled_at']} after {SETTLE_TIMEOUT_S} s: "
                f"heartbeats {board.get('heartbeats')}, watermarks {board.get('watermarks')}"
            ) from None
        lines = compare(manifest, board, spooled=await self._has_spooled())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EQUAL_WITHIN_S):
                while not all_equal(lines):
                    await asyncio.sleep(0.5)
                    board = await self._read_board() or board
                    lines = compare(manifest, board, spooled=await self._has_spooled())
        return lines

    async def _has_spooled(self) -> bool:
        """Whether the gateway had to put anything on its disk; False when it does not answer."""
        return has_spooled(await self._read(f"{self._gateway_metrics}/metrics") or "")

    async def _read_board(self) -> dict[str, Any] | None:
        """The board's figures; None when it does not answer: those who ask, ask again."""
        text = await self._read(f"{self._board}/api/v1/board")
        if text is None:
            return None
        document: dict[str, Any] = json.loads(text)
        return document

    async def _read(self, url: str) -> str | None:
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url) as answer,
            ):
                answer.raise_for_status()
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return None

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
