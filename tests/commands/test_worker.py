"""The worker as a process, before it has seen a Kafka."""

import os
import socket
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "deploy" / "config"


def environ(**more: str) -> dict[str, str]:
    """The example's variables, and a Kafka that is not there."""
    lines = (EXAMPLE / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {**os.environ, **example, "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **more}


def test_a_taken_port_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "carewatch", "worker", "--config", str(EXAMPLE)],
            env=environ(CAREWATCH_WORKER_METRICS_PORT=str(port)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be used" in done.stderr
    assert "set worker.metrics_port to a free port" in done.stderr
    assert "Traceback" not in done.stderr
