"""TCP ports of this machine's loopback."""

import atexit
import itertools
import secrets
import socket
from collections.abc import Iterator
from typing import Final

HOST: Final = "127.0.0.1"

_LOWEST, _HIGHEST, _SLICE = 20_000, 32_000, 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port below the range from which the system takes the ports of outgoing connections.

    A port given out by the system itself (bind to 0) could be taken by any client while the
    server that owns it is being restarted. Nor is it given out again, here or by another process
    that asks this function, before its server has had the time to come up: each process has a
    slice of the range to itself and goes round in it.
    """
    return next(_free_ports)


def _own_slice() -> range:
    """Ports that no other process gives out: this one holds the first of them until it ends."""
    while True:
        first = _LOWEST + _SLICE * secrets.randbelow((_HIGHEST - _LOWEST) // _SLICE)
        flag = socket.socket()
        try:
            flag.bind((HOST, first))
        except OSError:
            flag.close()
            continue
        atexit.register(flag.close)
        return range(first + 1, first + _SLICE)


def _go_round() -> Iterator[int]:
    for port in itertools.cycle(_own_slice()):
        if is_free(port):
            yield port


_free_ports: Final = _go_round()
