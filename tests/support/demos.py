"""A demo as somebody starts it, on free ports."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carewatch.local.ports import free_port

OPTIONS = (
    "--kafka-port",
    "--controller-port",
    "--gateway-port",
    "--gateway-metrics-port",
    "--worker-metrics-port",
    "--board-port",
)


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A demo on free ports, with its data in `folder`."""
    ports = [free_port() for _ in OPTIONS]
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


def until(line: str, running: subprocess.Popen[str]) -> str:
    """Reads what the demo says up to a line that starts so; the watchdog of pytest bounds it."""
    assert running.stdout is not None
    said = ""
    for text in running.stdout:
        said += text
        if text.startswith(line):
            return said
    raise AssertionError(f"the demo ended before it said {line!r}:\n{said}")
