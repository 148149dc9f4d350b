"""Server-sent events: who gets which message when, without a Kafka."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import pytest

from carewatch.domain.aggregates import Gauge
from carewatch.domain.board import Snapshot
from carewatch.domain.points import Tally
from carewatch.exporter import stream
from carewatch.exporter.server import BoardServer
from carewatch.exporter.stream import APART_S, Asked, Message, Reader, rest_s
from carewatch.processors.base import Output
from carewatch.settings import BoardSettings
from support.boards import FilledFeed, running_board
from support.eventually import eventually
from support.partial_log import T0, as_records, clock_record, outputs_of, partial_record

NOW = T0 + 7_000


def waiting(snapshot: Snapshot) -> int:
    """How many people wait on the board."""
    return sum(
        point.value.value
        for point in snapshot.points("now")
        if point.metric == "waiting_conversations" and isinstance(point.value, Tally)
    )


def waiting_outputs(count: int) -> list[Output]:
    """A later point of those who wait in the normal priority; another one waits in `urgent`."""
    labels = ("acme", "web", "support", "normal")
    record = partial_record("waiting_conversations", "now", None, Gauge(count), labels=labels)
    return outputs_of(as_records([record, clock_record(T0 + 9_000)]))


def said(snapshot: Snapshot, now: int, asked: Asked) -> object:
    """A message that repeats the question; `tenant` must be one."""
    if asked.get("tenant", "acme") != "acme":
        raise ValueError(f"tenant: {asked['tenant']!r} is unknown; known: acme")
    return {"waiting": waiting(snapshot), "now": now, "asked": dict(asked)}


@asynccontextmanager
async def running(
    message: Message = said, settings: BoardSettings | None = None
) -> AsyncIterator[tuple[BoardServer, FilledFeed, aiohttp.ClientSession]]:
    feed = FilledFeed()
    async with running_board(feed, settings, message=message, now=NOW) as (server, session):
        yield server, feed, session


async def messages(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, object]]:
    """What an open stream says, one after the other."""
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


async def heard(told: AsyncIterator[dict[str, object]], count: int) -> None:
    """Until a message says that so many people wait."""
    async with asyncio.timeout(30):
        async for message in told:
            if message["waiting"] == count:
                return
    pytest.fail("the stream ended")


async def test_reader_who_is_behind_gets_the_newest_message_alone() -> None:
    reader = Reader()
    reader.give(b"1")
    reader.give(b"2")

    assert await reader.take() == b"2"
    reader.give(b"3")
    reader.end()
    assert (await reader.take(), await reader.take()) == (None, None)


async def test_readers_who_ask_for_the_same_share_one_message() -> None:
    made: list[Asked] = []

    def counted(snapshot: Snapshot, now: int, asked: Asked) -> object:
        made.append(asked)
        return {"number": len(made), "asked": dict(asked)}

    async with running(counted) as (_, _, session):
        paths = ["?view=sla&channel=web", "?channel=web&view=sla", "?token=t&view=sla&channel=web"]
        opened = [await session.get(f"/api/v1/stream{path}") for path in [*paths, "?view=queue"]]
        told = [await anext(messages(one)) for one in opened]
        for response in opened:
            response.close()

    one = {"channel": "web", "view": "sla"}
    assert [message["asked"] for message in told] == [one, one, one, {"view": "queue"}]
    # Each opened stream began a round at the most, and a round made one message for each question.
    assert made.count(one) <= 4


async def test_news_is_told_and_without_news_the_message_comes_again() -> None:
    async with running() as (_, feed, session), session.get("/api/v1/stream") as response:
        told = messages(response)
        first, again = await anext(told), await anext(told)
        assert (first["waiting"], again["waiting"]) == (3, 3)

        feed.take(waiting_outputs(8))
        await heard(told, 9)


async def test_board_is_looked_at_though_no_stream_is_open() -> None:
    seen: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    def watch(snapshot: Snapshot, now: int) -> None:
        loop.call_soon_threadsafe(seen.put_nowait, (waiting(snapshot), now))

    loop = asyncio.get_running_loop()
    async with running_board(FilledFeed(), watch=watch, now=NOW), asyncio.timeout(30):
        assert await seen.get() == (3, NOW)


async def test_defect_of_the_look_is_logged_and_ends_no_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looked = asyncio.Event()

    def watch(_: Snapshot, now: int) -> None:
        loop.call_soon_threadsafe(looked.set)
        raise KeyError(now)

    loop = asyncio.get_running_loop()
    feed = FilledFeed()
    async with (
        running_board(feed, message=said, watch=watch, now=NOW) as (_, session),
        asyncio.timeout(30),
    ):
        await looked.wait()
        async with session.get("/api/v1/stream") as response:
            assert (await anext(messages(response)))["waiting"] == 3
    assert "the board is not remembered" in caplog.text


async def test_stream_says_when_to_come_back_and_is_not_kept() -> None:
    async with running() as (_, _, session), session.get("/api/v1/stream") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert await response.content.readline() == b"retry: 2000\n"
        await response.content.readline()
        assert await response.content.readline() == b"id: %d\n" % NOW


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("tenant=zoo", "tenant: 'zoo' is unknown; known: acme\n"),
        ("views=sla", "'views' is no parameter here; known: view, tenant, channel\n"),
        ("view=" + "x" * 201, "view: longer than 200 characters; shorten it\n"),
    ],
)
async def test_wrong_question_is_refused_with_what_would_be_right(query: str, says: str) -> None:
    async with running() as (_, _, session), session.get(f"/api/v1/stream?{query}") as response:
        assert (response.status, await response.text()) == (400, says)


async def test_question_that_becomes_wrong_ends_the_stream() -> None:
    tenants = ["acme"]

    def message(snapshot: Snapshot, now: int, asked: Asked) -> object:
        if asked["tenant"] not in tenants:
            raise ValueError("tenant: unknown")
        return {}

    async with running(message) as (_, _, session):
        async with session.get("/api/v1/stream?tenant=acme") as response:
            told = messages(response)
            assert await anext(told) == {}
            tenants.clear()
            assert [one async for one in told if one] == []
        async with session.get("/api/v1/stream?tenant=acme") as response:
            assert response.status == 400


async def test_defect_in_one_message_is_logged_and_leaves_other_readers_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(snapshot: Snapshot, now: int, asked: Asked) -> object:
        return {"tenths": 10 / len(asked)}

    async with (
        running(broken) as (server, _, session),
        session.get("/api/v1/stream?view=sla") as response,
    ):
        assert await anext(messages(response)) == {"tenths": 10.0}
        async with session.get("/api/v1/stream") as other:
            assert other.status == 500
        assert await anext(messages(response)) == {"tenths": 10.0}
        assert server.alive
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_more_streams_than_allowed_are_told_to_come_back() -> None:
    async with running(settings=BoardSettings(port=0, max_streams=1)) as (_, _, session):
        async with session.get("/api/v1/stream") as first:
            await anext(messages(first))
            async with session.get("/api/v1/stream") as second:
                text = await second.text()
                assert (second.status, "1 streams are open" in text) == (503, True)
                assert ("board.max_streams" in text, "Retry-After" in second.headers) == (True,) * 2

        async def place() -> bool | None:
            async with session.get("/api/v1/stream") as third:
                return third.status == 200 or None

        assert await eventually(place)


async def test_reader_who_takes_nothing_holds_nobody_up_and_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its connection is full after a message or two: the others go on, and it is cut off."""
    monkeypatch.setattr(stream, "STALLED_S", 1.0)
    large = "x" * 500_000

    def message(snapshot: Snapshot, now: int, asked: Asked) -> object:
        return {"waiting": waiting(snapshot), "filling": large}

    async with running(message) as (server, feed, session):
        port = int(server.url.rsplit(":", 1)[1])
        with asleep(port) as sleeper:
            async with session.get("/api/v1/stream") as response:
                told = messages(response)
                for count in range(5):
                    feed.take(waiting_outputs(count))
                    await heard(told, count + 1)
                broadcast = server._broadcast

                async def closed() -> bool | None:
                    return broadcast.readers == 1 or None

                assert await eventually(closed)
            taken = await asyncio.to_thread(drained, sleeper)
    assert taken < 3 * len(large)


@contextmanager
def asleep(port: int) -> Iterator[socket.socket]:
    """A reader with little room that asks for the stream and then takes nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: board\r\n\r\n")
        yield connection


def drained(connection: socket.socket) -> int:
    """Bytes that were on their way when the connection ended."""
    connection.settimeout(20)
    total = 0
    try:
        while part := connection.recv(65_536):
            total += len(part)
    except ConnectionResetError:
        pass
    return total


async def test_stop_does_not_wait_for_readers_and_ends_those_who_come_late() -> None:
    async with running() as (server, _, session), session.get("/api/v1/stream") as response:
        told = messages(response)
        await anext(told)
        await server.stop()
        assert [one["waiting"] async for one in told] in ([], [3])

        reader = server._broadcast.join({})
        assert await reader.take() is None


async def test_stream_is_not_made_for_somebody_who_wants_its_head_alone() -> None:
    async with running() as (_, _, session), session.head("/api/v1/stream") as response:
        assert response.status == 405


@pytest.mark.parametrize(
    ("took", "computed", "rest"),
    [(0.0, 0.0, APART_S), (APART_S, 0.125, 0.125), (2.0, 2.0, 2.0), (9.0, 0.5, 0.5)],
)
def test_dear_messages_leave_half_of_a_core_to_everything_else(
    took: float, computed: float, rest: float
) -> None:
    assert rest_s(took, computed) == rest
