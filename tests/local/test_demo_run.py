"""The demo as a newcomer runs it: it proves itself, and it leaves nothing behind."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from carewatch.local.ports import is_free
from support.demos import demo, until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GONE_WITHIN_S = 10


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
