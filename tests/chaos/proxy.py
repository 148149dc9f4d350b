"""A TCP proxy before Kafka that understands requests just enough to spoil the right ones.

Kafka's frames are a length (4 bytes), then, in requests, the API key (2), its version (2) and the
correlation id (4), which the response repeats. The proxy forwards frame by frame, so that a fault
can take all requests, or only those of some APIs.
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Final, Literal

from carewatch.local.ports import HOST

APIS: Final = {
    "Produce": 0, "Fetch": 1, "OffsetCommit": 8, "JoinGroup": 11, "Heartbeat": 12,
    "InitProducerId": 22, "AddPartitionsToTxn": 24, "EndTxn": 26,
}  # fmt: skip
"""The requests that a fault may single out, by their names in Kafka's protocol."""

Spoil = Literal["delay", "stall", "reset", "cut", "lose_response", "posthumous"]
SPOILS: Final[tuple[Spoil, ...]] = (
    "delay", "stall", "reset", "cut", "lose_response", "posthumous",
)  # fmt: skip

LARGEST_FRAME: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to requests from now on.

    `delay` holds each back by `ms`; `stall` lets none through until the weather changes; `reset`
    breaks the connection instead of forwarding, `cut` in the middle of the request;
    `lose_response` forwards it and breaks the connection instead of answering; `posthumous` holds
    it back by `ms`, and delivers it even if its sender has died meanwhile. `apis` are the API keys
    concerned, all if empty.
    """

    spoil: Spoil
    ms: int = 0
    apis: frozenset[int] = frozenset()

    def concerns(self, api: int) -> bool:
        return not self.apis or api in self.apis


@dataclass
class Proxy:
    """Listens on `port` and forwards to `upstream`; `spoiled` counts what faults have hit."""

    port: int
    upstream: int
    weather: Weather | None = None
    spoiled: int = 0
    _server: asyncio.Server | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)

    async def stop(self) -> None:
        """Ends, and with it every connection."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def turn(self, weather: Weather | None) -> None:
        """Changes the weather; whoever is held back by the old one goes on."""
        self.weather = weather
        self._changed.set()
        self._changed = asyncio.Event()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._connect(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self.upstream)
        except OSError:
            return  # Kafka is down: the client sees its connection end
        link = _Link(self, server_writer, writer)
        down = asyncio.create_task(link.answer(server_reader))
        try:
            await link.ask(reader)
        finally:
            down.cancel()
            await asyncio.gather(down, return_exceptions=True)
            server_writer.close()

    async def hold(self, weather: Weather) -> None:
        """Waits as the weather demands, but no longer than it lasts."""
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if weather.spoil == "stall" else weather.ms / 1000):
                await changed.wait()


class _Link:
    """One client's connection and its counterpart."""

    def __init__(
        self, proxy: Proxy, to_server: asyncio.StreamWriter, to_client: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._to_server = to_server
        self._to_client = to_client
        self._lost: set[int] = set()

    async def ask(self, reader: asyncio.StreamReader) -> None:
        """Forwards requests until one side ends or a fault breaks the connection."""
        while (frame := await _frame(reader)) is not None:
            api, correlation = struct.unpack_from(">h2xi", frame, 4)
            weather = self._proxy.weather
            if weather is not None and weather.concerns(api):
                self._proxy.spoiled += 1
                match weather.spoil:
                    case "delay" | "stall" | "posthumous":
                        await self._proxy.hold(weather)
                    case "reset":
                        return self._abort()
                    case "cut":
                        self._to_server.write(frame[: max(5, len(frame) // 2)])
                        await self._drain()
                        return self._abort()
                    case "lose_response":
                        self._lost.add(correlation)
            self._to_server.write(frame)
            if not await self._drain():
                return None
        return None

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Forwards responses, but for those that a fault has lost."""
        while (frame := await _frame(reader)) is not None:
            (correlation,) = struct.unpack_from(">i", frame, 4)
            if correlation in self._lost:
                break
            self._to_client.write(frame)
            with contextlib.suppress(ConnectionError):
                await self._to_client.drain()
        self._abort()

    async def _drain(self) -> bool:
        try:
            await self._to_server.drain()
        except ConnectionError:
            return False
        return True

    def _abort(self) -> None:
        """A reset, not an orderly end: the client learns nothing of what became of its request."""
        raw = self._to_client.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._to_client.transport.abort()


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame with its length; None at the end."""
    try:
        head = await reader.readexactly(4)
        (size,) = struct.unpack(">i", head)
        if not 0 <= size <= LARGEST_FRAME:
            return None
        return head + await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
