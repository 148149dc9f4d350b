"""A socket that hears what systemd would: real datagrams of sd_notify(3)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

WAIT_S = 60
"""Generous: other tests may have the machine's cores as well."""


class Supervisor:
    """Hears datagrams as they come; each is a list of lines."""

    def __init__(self, hears: socket.socket, name: str) -> None:
        self._hears = hears
        self.variables = {"NOTIFY_SOCKET": name}
        """What a process is given so that it tells."""
        self.heard: list[list[str]] = []
        """Everything so far, in order."""

    def next(self, *, within_s: float = WAIT_S) -> list[str]:
        """The next datagram; raises TimeoutError when none comes."""
        self._hears.settimeout(within_s)
        self.heard.append(self._hears.recv(65_536).decode().split("\n"))
        return self.heard[-1]

    def until(self, line: str) -> list[str]:
        """The first datagram with a line that begins so; all before it are in `heard`."""
        while not any(one.startswith(line) for one in self.next()):
            pass
        return self.heard[-1]

    def catch_up(self) -> None:
        """Hears what has come already, without waiting for more."""
        try:
            while True:
                self.next(within_s=0)
        except BlockingIOError:
            return

    @property
    def lines(self) -> list[str]:
        """Every line heard so far."""
        return [line for datagram in self.heard for line in datagram]


@contextmanager
def supervising() -> Iterator[Supervisor]:
    """A supervisor for as long as the block lasts, under an abstract name: paths are short."""
    name = f"carewatch-{uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(f"\0{name}")
        yield Supervisor(hears, f"@{name}")
