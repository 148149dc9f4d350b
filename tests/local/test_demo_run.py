"""The demo as a newcomer runs it: it proves itself, and it leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carewatch.local.ports import free_port, is_free

pytestmark = [pytest.mark.broker, pytest.mark.slow]

OPTIONS = (
    "--kafka-port",
    "--controller-port",
    "--gateway-port",
    "--gateway-metrics-port",
    "--worker-metrics-port",
    "--board-port",
)
GONE_WITHIN_S = 10


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A demo on free ports, with its data in `folder`."""
    ports: list[int] = []
    while len(ports) < len(OPTIONS):
        ports = sorted({*ports, free_port()})
    chosen = [
        text for option, port in zip(OPTIONS, ports, strict=True) for text in (option, str(port))
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "carewatch", "demo", "--data", str(folder), *chosen, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running, ports
        finally:
            running.kill()


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that were started for a demo in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                log = str((entry / "fd" / "2").readlink())
            except OSError:
                continue  # it has just ended, or is somebody else's
            if str(folder) in log or str(folder).encode() in told:
                found.append(entry.name)
    return found


def until(line: str, running: subprocess.Popen[str]) -> str:
    """Reads what the demo says up to a line that starts so; the watchdog of pytest bounds it."""
    assert running.stdout is not None
    said = ""
    for text in running.stdout:
        said += text
        if text.startswith(line):
            return said
    raise AssertionError(f"the demo ended before it said {line!r}:\n{said}")


def test_a_run_with_an_end_publishes_exactly_what_it_must(tmp_path: Path) -> None:
    with demo(tmp_path, "--for", "12", "--rate", "40") as (running, ports):
        said, _ = running.communicate(timeout=200)

    assert running.returncode == 0, said
    assert re.search(r"^all \d\d published totals are what the simulator says", said, re.MULTILINE)
    assert "DIFFERENT" not in said
    assert processes_of(tmp_path) == []
    assert [port for port in ports if not is_free(port)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_is_ended_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as (running, ports):
        until("data ", running)

        running.send_signal(number)
        deadline = time.monotonic() + GONE_WITHIN_S
        running.communicate(timeout=GONE_WITHIN_S)
        while processes_of(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)

    assert processes_of(tmp_path) == []
    assert [port for port in ports if not is_free(port)] == []
    assert running.returncode == (-9 if number is signal.SIGKILL else 130)


def test_a_process_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with demo(tmp_path) as (running, _):
        until("data ", running)
        (worker,) = [
            int(pid)
            for pid in processes_of(tmp_path)
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"-m\0carewatch\0worker\0")
            and b"guard.py" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

        os.kill(worker, signal.SIGKILL)
        said, _ = running.communicate(timeout=30)

    assert running.returncode == 1
    assert "carewatch: worker ended with status" in said
    assert "exactly once" in said  # the end of its log
    assert processes_of(tmp_path) == []
