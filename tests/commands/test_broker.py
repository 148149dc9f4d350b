"""`carewatch broker` as a person meets it: it says where it is, and Ctrl-C ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from carewatch.local.ports import HOST, free_port, is_free


def command(folder: Path, port: int, controller_port: int) -> list[str]:
    return [
        *[sys.executable, "-m", "carewatch", "broker", "--data", str(folder)],
        *["--port", str(port), "--controller-port", str(controller_port)],
    ]


@pytest.mark.broker
def test_it_says_where_it_is_refuses_a_second_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    port, controller_port = free_port(), free_port()
    with subprocess.Popen(
        command(tmp_path, port, controller_port), stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert f"on {HOST}:{port}" in first.stdout.readline()

        second = subprocess.run(
            command(tmp_path, port, controller_port), capture_output=True, text=True, check=False
        )
        first.send_signal(signal.SIGINT)

        assert first.wait(30) == 0
    assert second.returncode == 1
    assert f"{HOST}:{port}" in second.stderr
    assert is_free(port)
