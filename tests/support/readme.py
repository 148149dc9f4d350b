"""The README's own processes, started by its own lines: only ports are chosen, and a folder."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carewatch.local.ports import HOST, free_port
from support.documents import ROOT, block

README = ROOT / "README.md"
LASTING = ("broker", "gateway", "worker", "board")
PATIENCE_S = 240


def lines_of(text: str) -> list[str]:
    """The commands of a block, one a line, without what it says of them."""
    return [line.split("  #")[0].strip() for line in text.splitlines() if line.strip()]


def shell(text: str, folder: Path, environ: dict[str, str]) -> str:
    """What a block prints; it must succeed."""
    done = subprocess.run(
        ["bash", "-euc", text], cwd=folder, env=environ, capture_output=True, text=True,
        check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def until_it_prints(text: str, expected: str, folder: Path, environ: dict[str, str]) -> None:
    """Runs a block again and again, as somebody does who waits for a number to move."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run(
            ["bash", "-c", text], cwd=folder, env=environ, capture_output=True, text=True,
            check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        if done.stdout == expected:
            return
        assert time.monotonic() < deadline, f"{text}\nprinted {done.stdout!r}, not {expected!r}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Terminal:
    """A shell in which the README's first lines were run, on this run's ports."""

    folder: Path
    environ: dict[str, str]
    gateway: int
    board: int

    def here(self, text: str) -> str:
        """A block with the addresses of this run."""
        usual = {8080: self.gateway, 9108: self.board}
        for port, other in usual.items():
            text = text.replace(f"{HOST}:{port}", f"{HOST}:{other}")
        return text

    def run(self, text: str) -> str:
        """What a block prints in such a terminal."""
        return shell(f"{block(README, 'terminal')}\n{self.here(text)}", self.folder, self.environ)

    def until_it_prints(self, text: str, expected: str) -> None:
        """Waits until a block prints this."""
        until_it_prints(self.here(text), expected, self.folder, self.environ)


@contextmanager
def processes_of_the_readme(folder: Path) -> Iterator[Terminal]:
    """All of them at work, in the README's order; ended as by Ctrl-C, which each must heed."""
    for name in ("deploy", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    kafka, controller, gateway, gateway_metrics, worker, board = (free_port() for _ in range(6))
    environ = {
        **{name: text for name, text in os.environ.items() if not _is_ours(name)},
        "PYTHONUNBUFFERED": "1",
        "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{kafka}",
        "CAREWATCH_GATEWAY_PORT": str(gateway),
        "CAREWATCH_GATEWAY_METRICS_PORT": str(gateway_metrics),
        "CAREWATCH_WORKER_METRICS_PORT": str(worker),
        "CAREWATCH_BOARD_PORT": str(board),
        "GATEWAY": f"http://{HOST}:{gateway}",
    }
    terminal = Terminal(folder, environ, gateway, board)
    flags = {"broker": f" --port {kafka} --controller-port {controller}"}
    ready = {"gateway": gateway_metrics, "worker": worker, "board": board}
    lasting: list[subprocess.Popen[bytes]] = []
    try:
        for line in lines_of(block(README, "processes")):
            name = line.split()[1]
            if name not in LASTING:
                terminal.run(line)
                continue
            text = f"{block(README, 'terminal')}\nexec {line}{flags.get(name, '')}"
            with (folder / f"{name}.log").open("wb") as said:
                process = subprocess.Popen(
                    ["bash", "-euc", text], cwd=folder, env=environ, stdout=said,
                    stderr=subprocess.STDOUT,
                )  # fmt: skip
            lasting.append(process)
            if name == "broker":
                _until_it_says("Ctrl-C stops it", folder / "broker.log", process)
        for name, port in ready.items():
            _until_ready(port, folder / f"{name}.log")
        yield terminal
    finally:
        for process in reversed(lasting):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            finally:
                process.kill()
    assert [process.returncode for process in lasting] == [0] * len(LASTING)


def _is_ours(name: str) -> bool:
    return name.startswith(("CAREWATCH_", "CARE_")) and name != "CAREWATCH_CACHE"


def _until_it_says(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def _until_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
