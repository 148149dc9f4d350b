"""Gateway and board under systemd: ready when they answer, fed, and told what they wait for."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.confined import confined
from support.supervising import Supervisor, supervising

EXAMPLE = Path(__file__).parents[2] / "deploy" / "config"
SAMPLES = [line.split("=", 1) for line in (EXAMPLE / ".env.example").read_text().splitlines()
           if not line.startswith("#")]  # fmt: skip
PORTS = {
    "gateway": {
        "CAREWATCH_GATEWAY_PORT": "0",
        "CAREWATCH_GATEWAY_METRICS_PORT": "0",
        "CAREWATCH_GATEWAY_SPOOL_LIMIT_BYTES": "0",
    },
    "board": {"CAREWATCH_BOARD_PORT": "0"},
}


@contextmanager
def supervised(
    command: str, wrapped: list[str]
) -> Iterator[tuple[Supervisor, "subprocess.Popen[str]"]]:
    """The process, told of a socket and of a watchdog; its Kafka is not there."""
    with (
        supervising() as supervisor,
        subprocess.Popen(
            [*wrapped, sys.executable, "-m", "carewatch", command, "--config", str(EXAMPLE)],
            env={
                **os.environ,
                **dict(SAMPLES),
                **PORTS[command],
                **supervisor.variables,
                "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
                "WATCHDOG_USEC": "400000",
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        try:
            yield supervisor, process
        finally:
            process.kill()


@pytest.mark.parametrize("within_its_unit", [False, True])
@pytest.mark.parametrize(
    ("command", "waits"),
    [("gateway", "STATUS=answering 503; "), ("board", "STATUS=answering 503: ")],
)
def test_it_is_ready_when_it_answers_says_what_it_waits_for_and_that_it_stops(
    command: str, waits: str, within_its_unit: bool
) -> None:
    wrapped = confined(f"carewatch-{command}.service") if within_its_unit else []
    with supervised(command, wrapped) as (supervisor, process):
        supervisor.until("READY=1")
        assert process.stdout is not None
        url = "http://" + process.stdout.readline().split("http://")[-1].split("/")[0]
        with urllib.request.urlopen(f"{url}/livez", timeout=30) as answer:
            alive = answer.status
        supervisor.until("WATCHDOG=1")
        supervisor.until("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        supervisor.until("STOPPING=1")
        status = process.wait(30)

    assert alive == 200
    assert status == 0
    assert supervisor.lines.count("READY=1") == 1
    assert any(line.startswith(waits) for line in supervisor.lines)
    assert supervisor.lines[-1] == "STATUS=stopping"
