"""A real single-node Kafka on this machine, owned by the process that starts it.

Combined broker and controller (KRaft) on the loopback, in one folder that survives restarts:

    kafka.log           what Kafka says, of this run; kafka.previous.log of the run before
    running.json        process id and address of the running one; locked while it runs
    server.properties   the configuration of this run
    log/                Kafka's own data
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO
from uuid import uuid4

from carewatch.domain.errors import Refused
from carewatch.local import guard
from carewatch.local.jars import Progress, ensure_jars
from carewatch.local.java import find_java
from carewatch.local.ports import HOST, free_port, is_free
from carewatch.local.ready import known_brokers

_NODE: Final = 1
_LARGEST_MESSAGE: Final = 6_291_456  # a dead letter with its original bytes

# Kafka's defaults are those of a cluster: three replicas and fifty partitions of its own topics.
_PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": str(_NODE),
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A lone worker starts at once, instead of waiting for others to join.
    "group.initial.rebalance.delay.ms": "0",
    # Chaos tests want a dead worker noticed sooner than Kafka's 6 s minimum.
    "group.min.session.timeout.ms": "1000",
    # What a killed process left open stalls readers until it is looked for (default: 10 s).
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "message.max.bytes": str(_LARGEST_MESSAGE),
    "replica.fetch.max.bytes": str(_LARGEST_MESSAGE),
    "log.cleaner.dedupe.buffer.size": "33554432",
    # A killed node may come back only when its former registration has expired (default: 9 s).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}

_SHORT_LIVED: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""The first compiler alone: what a node on a desk does in its minutes takes half of the CPU time it
took with the second (120,000 records: 4 s instead of 8), and it answers sooner."""

_JVM: Final = (
    *_SHORT_LIVED,
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

_TOOL_JVM: Final = ("-Xmx128m", *_SHORT_LIVED)


def new_cluster_id() -> str:
    """What Kafka takes for the name of a cluster: 16 bytes in 22 characters."""
    return uuid4().hex[:22]


class LocalKafka:
    """One Kafka node in one folder; `start()` returns when it answers.

    All methods block: from a coroutine call them with `asyncio.to_thread`. Ports left out are
    chosen once, so that a restart keeps the address. `properties` win over the built-in ones;
    nodes of one cluster are given the same `cluster_id` (see `LocalCluster`). The heap is in MiB.
    `users` are names and passwords (SCRAM-SHA-512) that the node knows from its first start on.
    However the owning process ends, SIGKILL included, Kafka ends within seconds too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        properties: Mapping[str, str] | None = None,
        cluster_id: str | None = None,
        heap_mib: int = 512,
        users: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.port = free_port() if port is None else port
        self.controller_port = free_port() if controller_port is None else controller_port
        self._properties = dict(properties or {})
        self._cluster_id = new_cluster_id() if cluster_id is None else cluster_id
        self._heap = (f"-Xms{heap_mib}m", f"-Xmx{heap_mib}m")
        self._users = dict(users or {})
        self._progress = progress
        self._guard: subprocess.Popen[str] | None = None
        self._pid: int | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients, the same over restarts."""
        return f"{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """What Kafka says, of this run."""
        return self.folder / "kafka.log"

    @property
    def _configuration(self) -> str:
        return str(self.folder / "server.properties")

    @property
    def pid(self) -> int:
        """The process id of the running Java; raises Refused when it was not started."""
        if self._pid is None:
            raise Refused(f"The Kafka of {self.folder} is not running: start() it first")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the Kafka that start() brought up is still there."""
        return self._guard is not None and self._guard.poll() is None

    def start(self, *, timeout_s: float = 90) -> None:
        """Brings Kafka up and returns when it answers with itself as a live broker.

        Raises Refused when another Kafka has the folder, when a port is taken, when Java or a jar
        cannot be had, and, with the end of its log, when Kafka ends or does not answer in time.
        """
        if self.running:
            return
        self.stop()  # of one that ended by itself the pipes are still open
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "running.json").open("a+", encoding="utf-8") as claim:
            self._claim(claim)
            self._refuse_taken_ports()
            java = str(find_java())
            jars = os.pathsep.join(str(jar) for jar in ensure_jars(self._progress))
            classes = [f"-Djava.io.tmpdir={self.folder / 'tmp'}", "-cp", jars]
            self._lay_out()
            self._format([java, *_TOOL_JVM, *classes])
            kafka = [java, *self._heap, *_JVM, *classes, "kafka.Kafka", self._configuration]
            self._spawn(kafka, claim)
        try:
            self._wait_until_ready(timeout_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops Kafka in order, by force after some seconds; nothing happens when it is down."""
        if self._guard is None:
            return
        with self._guard as ending:
            if ending.stdin is not None:
                ending.stdin.close()
            try:
                ending.wait(guard.GRACE_S + 5)
            except subprocess.TimeoutExpired:
                ending.kill()  # and with it, by the parent-death signal, Kafka
        self._guard = None
        self._pid = None

    def kill(self) -> None:
        """Kills Kafka at once, as a power cut would; `start()` brings it back with its data."""
        os.kill(self.pid, 9)
        self.stop()

    def restart(self) -> None:
        """Stops and starts Kafka on the same ports and data."""
        self.stop()
        self.start()

    def wait(self) -> int:
        """Blocks until Kafka ends by itself; returns its exit status (137: killed)."""
        if self._guard is None:
            raise Refused(f"The Kafka of {self.folder} is not running: start() it first")
        return self._guard.wait()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, for a person to read."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _claim(self, claim: TextIO) -> None:
        """Locks the folder. The lock passes on to Kafka itself: it ends when Kafka has ended."""
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.seek(0)
            raise Refused(
                f"A Kafka is running in {self.folder} already ({_describe(claim.read())}): "
                "use it, stop it, or choose another folder with --data"
            ) from None
        claim.truncate(0)

    def _refuse_taken_ports(self) -> None:
        for port, option in (
            (self.port, "--port"),
            (self.controller_port, "--controller-port"),
        ):
            if not is_free(port):
                raise Refused(f"Port {port} of {HOST} is taken: choose another with {option}")

    def _lay_out(self) -> None:
        if self.log_file.exists():
            self.log_file.replace(self.folder / "kafka.previous.log")
        # Kafka's native libraries are unpacked here; a killed run leaves them behind.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        listeners = f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self.controller_port}"
        properties = {
            **_PROPERTIES,
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "controller.quorum.voters": f"{_NODE}@{HOST}:{self.controller_port}",
            "log.dirs": str(self.folder / "log"),
            **self._properties,
        }
        text = "".join(f"{name}={value}\n" for name, value in sorted(properties.items()))
        (self.folder / "server.properties").write_text(text, encoding="utf-8")

    def _format(self, java: list[str]) -> None:
        if (self.folder / "log" / "meta.properties").exists():
            return
        told = subprocess.run(  # noqa: S603 - our own arguments
            [
                *[*java, "kafka.tools.StorageTool", "format"],
                *["--cluster-id", self._cluster_id, "--config", self._configuration],
                *(
                    f"--add-scram=SCRAM-SHA-512=[name={name},password={password}]"
                    for name, password in self._users.items()
                ),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if told.returncode != 0:
            raise Refused(f"Kafka cannot format {self.folder / 'log'}:\n{told.stdout.strip()}")

    def _spawn(self, arguments: list[str], claim: TextIO) -> None:
        with self.log_file.open("wb") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - our own arguments
                [sys.executable, "-IS", guard.__file__, str(claim.fileno()), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[claim.fileno()],
                start_new_session=True,
                text=True,
            )
        assert self._guard.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        self._pid = int(self._guard.stdout.readline())
        json.dump({"pid": self._pid, "bootstrap_servers": self.bootstrap_servers}, claim)

    def _wait_until_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                raise Refused(f"Kafka ended while starting; its log says:\n{self.log_tail()}")
            try:
                if known_brokers(HOST, self.port, timeout_s=2) > 0:
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(0.05)
        raise Refused(
            f"Kafka did not answer on {self.bootstrap_servers} within {timeout_s:g} s; "
            f"its log says:\n{self.log_tail()}"
        )


def _describe(claim: str) -> str:
    try:
        told = json.loads(claim)
        return f"process {told['pid']}, {told['bootstrap_servers']}"
    except (ValueError, KeyError):
        return "it is just starting"
