"""`carewatch board` as a person meets it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from support.waiting import until


def start(folder: Path, port: int) -> "subprocess.Popen[str]":
    (folder / "carewatch.yaml").write_text(
        f"kafka:\n  bootstrap_servers: 127.0.0.1:1\nboard:\n  port: {port}\n"
    )
    return subprocess.Popen(
        [sys.executable, "-m", "carewatch", "board", "--config", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_without_kafka_it_says_why_it_is_not_ready_and_ends_on_request(tmp_path: Path) -> None:
    with start(tmp_path, 0) as board:
        assert board.stdout is not None
        line = board.stdout.readline()
        url = line.split("wall at ")[1].split("/wall")[0]
        reasons: list[str] = []

        def refused() -> bool:
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=10)
            except urllib.error.HTTPError as error:
                with error:
                    reasons.append(f"{error.code} {error.read().decode()}")
            return "asking the cluster" in reasons[-1]

        until(refused)
        assert reasons[-1].startswith("503 not ready: ")
        with urllib.request.urlopen(f"{url}/livez", timeout=10) as answer:
            assert answer.status == 200
        board.send_signal(signal.SIGTERM)
        assert board.wait(20) == 0


def test_taken_port_is_a_mistake_that_names_port_and_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(tmp_path, port) as board:
            _, told = board.communicate(timeout=30)

    assert board.returncode == 2
    assert f"board.port: port {port} on 127.0.0.1 is taken" in told
