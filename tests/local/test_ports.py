"""Ports for servers that are started side by side."""

import subprocess
import sys

from carewatch.local.ports import free_port, is_free

ASK = "from carewatch.local.ports import free_port; print(*(free_port() for _ in range(150)))"


def test_a_port_is_not_given_out_twice_before_its_server_is_up() -> None:
    ports = [free_port() for _ in range(150)]
    assert len({*ports}) == len(ports)


def test_nor_by_another_process_that_runs_meanwhile() -> None:
    """Of 12,000 ports, 150 taken at random are never apart from five times 150 others."""
    mine = {free_port() for _ in range(150)}
    for _ in range(5):
        asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True)
        assert mine.isdisjoint(map(int, asked.stdout.split()))


def test_what_is_given_out_is_free() -> None:
    assert is_free(free_port())
