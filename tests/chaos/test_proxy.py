"""The fault proxy, before a server that answers every request with its own correlation id."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from carewatch.local.ports import HOST, free_port
from chaos.proxy import APIS, Proxy, Weather

PRODUCE, FETCH = APIS["Produce"], APIS["Fetch"]


def request(api: int, correlation: int) -> bytes:
    body = struct.pack(">hhi", api, 3, correlation) + b"x" * 10
    return struct.pack(">i", len(body)) + body


class Server:
    """Remembers the correlation ids of whole requests, and answers each of them."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.arrived = asyncio.Event()
        self._links: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.append(asyncio.create_task(self._serve(reader, writer)))

    async def ended(self) -> None:
        await asyncio.gather(*self._links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                (correlation,) = struct.unpack_from(">i", await reader.readexactly(size), 4)
                self.asked.append(correlation)
                self.arrived.set()
                writer.write(struct.pack(">ii", 4, correlation))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def proxied(weather: Weather | None) -> AsyncIterator[tuple[Proxy, Server]]:
    server, upstream = Server(), free_port()
    listening = await asyncio.start_server(server.accept, HOST, upstream)
    proxy = Proxy(port=free_port(), upstream=upstream, weather=weather)
    await proxy.start()
    try:
        yield proxy, server
    finally:
        await proxy.stop()
        listening.close()
        await server.ended()


async def ask(proxy: Proxy, *requests: bytes) -> list[int]:
    """The correlation ids that are answered, one after the other, before the connection ends."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    answers: list[int] = []
    try:
        for one in requests:
            writer.write(one)
            answers.append(struct.unpack(">ii", await reader.readexactly(8))[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
    return answers


async def test_in_fair_weather_every_request_is_answered() -> None:
    async with proxied(None) as (proxy, _):
        assert await ask(proxy, request(PRODUCE, 1), request(FETCH, 2)) == [1, 2]
        assert proxy.spoiled == 0


async def test_what_is_not_concerned_passes() -> None:
    async with proxied(Weather("reset", apis=frozenset({PRODUCE}))) as (proxy, server):
        assert await ask(proxy, request(FETCH, 1), request(PRODUCE, 2)) == [1]
        assert (server.asked, proxy.spoiled) == ([1], 1)


async def test_a_cut_request_never_arrives_whole() -> None:
    async with proxied(Weather("cut")) as (proxy, server):
        assert await ask(proxy, request(PRODUCE, 1)) == []
        assert server.asked == []


async def test_a_lost_response_belongs_to_a_request_that_was_done() -> None:
    async with proxied(Weather("lose_response")) as (proxy, server):
        assert await ask(proxy, request(PRODUCE, 1)) == []
        assert server.asked == [1]


@pytest.mark.parametrize("weather", [Weather("delay", ms=20), Weather("posthumous", ms=20)])
async def test_a_delayed_request_arrives_in_the_end(weather: Weather) -> None:
    async with proxied(weather) as (proxy, _):
        assert await ask(proxy, request(PRODUCE, 1)) == [1]


async def test_a_stall_lasts_until_the_weather_changes() -> None:
    async with proxied(Weather("stall")) as (proxy, server):
        asking = asyncio.create_task(ask(proxy, request(PRODUCE, 1)))
        while proxy.spoiled == 0:
            await asyncio.sleep(0)
        assert server.asked == []
        proxy.turn(None)
        assert await asking == [1]


async def test_a_request_outlives_its_sender() -> None:
    async with proxied(Weather("posthumous", ms=30)) as (proxy, server):
        _, writer = await asyncio.open_connection(HOST, proxy.port)
        writer.write(request(PRODUCE, 7))
        await writer.drain()
        writer.transport.abort()
        async with asyncio.timeout(10):
            await server.arrived.wait()
        assert server.asked == [7]
