"""TCP ports of this machine's loopback."""

import secrets
import socket
from typing import Final

HOST: Final = "127.0.0.1"

_LOWEST, _HIGHEST = 20_000, 32_000


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
    server that owns it is being restarted.
    """
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if is_free(port):
            return port
