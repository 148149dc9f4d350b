"""`carewatch gateway` as a process: it starts without Kafka, says where, and stops when told."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "deploy" / "config"


def environ(**more: str) -> dict[str, str]:
    """The example's variables, a Kafka that is not there, and no spool."""
    lines = (EXAMPLE / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    ports = {"CAREWATCH_GATEWAY_PORT": "0", "CAREWATCH_GATEWAY_METRICS_PORT": "0"}
    kafka = {"CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    spool = {"CAREWATCH_GATEWAY_SPOOL_LIMIT_BYTES": "0"}
    return {**os.environ, **example, **ports, **kafka, **spool, **more}


@contextmanager
def started(**more: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "carewatch", "gateway", "--config", str(EXAMPLE)],
        env=environ(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_when_told(number: signal.Signals) -> None:
    with started() as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        hooks, metrics = re.findall(r"http://[\d.]+:\d+", line)
        with urllib.request.urlopen(hooks + "/livez", timeout=30) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(metrics + "/metrics", timeout=30) as answer:
            assert b"care_build_info" in answer.read()

        process.send_signal(number)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "Traceback" not in errors
    assert errors.count("Kafka is not reachable") == 2  # said once for each topic, not per attempt


def test_a_taken_port_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started(CAREWATCH_GATEWAY_PORT=str(port)) as process:
            _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert f"gateway.port: port {port} on 127.0.0.1 is taken" in errors
    assert "Traceback" not in errors


def test_a_broken_configuration_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "carewatch", "gateway", "--config", str(tmp_path / "nowhere")],
        env=environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "nowhere" in done.stderr
