"""How many connections are open at once: beyond it, the next ones are told to come back.

Without a cap, whoever opens connections and says nothing takes the file handles of everybody else.
"""

import asyncio
import resource
from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import Counter

from carewatch.domain.errors import ConfigError

OTHER_FILES: Final = 128
"""File handles for everything but connections: Kafka, the spool, the program itself."""


def reserve_files(connections: int) -> None:
    """Lets this process have so many connections; raises ConfigError when the system does not."""
    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigError(
            f"gateway.max_connections: {connections} connections need {needed} open files, and this"
            f" process may have {hard}; lower the setting or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def capped(
    server: web.Server, most: int, refused: Counter, retry_after_s: int
) -> Callable[[], asyncio.BaseProtocol]:
    """What makes the protocol of each new connection: the server's, or a refusal beyond `most`."""
    answer = (
        "HTTP/1.1 503 Service Unavailable\r\nServer: carewatch\r\nContent-Length: 0\r\n"
        f"Retry-After: {retry_after_s}\r\nConnection: close\r\n\r\n"
    ).encode()

    def protocol() -> asyncio.BaseProtocol:
        if len(server.connections) < most:
            return server()
        refused.inc()
        return _Refusal(answer)

    return protocol


class _Refusal(asyncio.Protocol):
    """Says one thing and closes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a protocol of a TCP server
        transport.write(self._answer)
        transport.close()
