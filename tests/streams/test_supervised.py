"""A worker under systemd, on a real Kafka: ready only when restored, and vouched for meanwhile."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from support.confined import confined
from support.small_kafka import small_kafka
from support.supervising import Supervisor, supervising
from support.waiting import until

pytestmark = pytest.mark.broker

CONFIG = Path(__file__).with_name("config")
RUNNING = "STATUS=track on 2 of 2 partitions, customer on 2 of 2 partitions"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with small_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@contextmanager
def supervised(
    servers: str, port: int, wrapped: Sequence[str] = (), **settings: str
) -> Iterator[tuple[Supervisor, "subprocess.Popen[bytes]"]]:
    """The worker, told of a socket and of a watchdog."""
    with (
        supervising() as supervisor,
        subprocess.Popen(
            [*wrapped, sys.executable, "-m", "carewatch", "worker"],
            env={
                **os.environ,
                **supervisor.variables,
                "WATCHDOG_USEC": "1000000",
                "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": servers,
                "CAREWATCH_WORKER_METRICS_PORT": str(port),
                "CAREWATCH_CONFIG": str(CONFIG),
                "DEAD_LETTER_KEY": "a key of the tests, 32 bytes long",
                **settings,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            yield supervisor, process
        finally:
            process.kill()


def frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_worker_is_ready_only_when_it_is_restored(kafka: LocalKafka) -> None:
    """It freezes itself in front of its first restore: until then it only asks for more time."""
    port = free_port()
    with supervised(
        kafka.bootstrap_servers,
        port,
        CAREWATCH_TESTING="true",
        CAREWATCH_FAILPOINTS="before_init=stop",
    ) as (supervisor, process):
        until(lambda: frozen(process.pid), deadline_s=60)
        supervisor.catch_up()
        before = list(supervisor.lines)
        process.send_signal(signal.SIGCONT)
        supervisor.until("READY=1")
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=30) as answer:
            ready = answer.status
        ended = len(supervisor.heard)
        supervisor.until("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        supervisor.until("STOPPING=1")
        status = process.wait(30)

    assert "READY=1" not in before
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in before)
    # It may have stood still before it could say the second.
    told = {line for line in before if line.startswith("STATUS=")}
    assert "STATUS=starting" in told
    assert told <= {"STATUS=starting", "STATUS=restoring"}
    assert ready == 200
    assert any(line.startswith(RUNNING) for line in supervisor.heard[ended - 1])
    assert status == 0


def test_a_worker_needs_nothing_that_its_unit_takes_away(kafka: LocalKafka) -> None:
    wrapped = confined("carewatch-worker@.service")
    with supervised(kafka.bootstrap_servers, free_port(), wrapped) as (supervisor, process):
        supervisor.until("READY=1")
        process.send_signal(signal.SIGTERM)
        supervisor.until("STOPPING=1")
        status = process.wait(30)

    assert status == 0


def test_a_worker_that_waits_for_kafka_is_alive_says_so_and_asks_for_more_time() -> None:
    """Whoever looks after it must not end it for what it waits for."""
    port = free_port()
    with supervised(f"{HOST}:1", port) as (supervisor, process):
        waiting = supervisor.until("STATUS=waiting for Kafka at 127.0.0.1:1: ")
        with urllib.request.urlopen(f"http://{HOST}:{port}/livez", timeout=30) as answer:
            alive = answer.status
        with pytest.raises(urllib.error.HTTPError) as not_ready:
            urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=30)
        with not_ready.value:
            reason = not_ready.value.read()
        later = supervisor.until("EXTEND_TIMEOUT_USEC=")
        process.send_signal(signal.SIGTERM)
        supervisor.until("STOPPING=1")

    assert alive == 200
    assert (not_ready.value.code, reason) == (503, b"starting\n")
    assert "EXTEND_TIMEOUT_USEC=60000000" in waiting
    assert "WATCHDOG=1" in later
    assert "READY=1" not in supervisor.lines
