"""A provider that sends in time, repeats what is refused for now, and notes what came back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from carewatch.clock import system_clock
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.request import Request
from carewatch.simulate.sending import Sender

WHATSAPP = SAMPLE_DOORS[2]


@asynccontextmanager
async def gateway(
    answer: Callable[[web.Request], Awaitable[web.Response]],
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hooks/{channel}/{account}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


def request_now(delivery: str, expect_status: int = 200) -> Request:
    return Request(
        at_ms=system_clock(),
        door=WHATSAPP,
        body=delivery.encode(),
        delivery=delivery,
        expect_status=expect_status,
    )


async def test_a_503_is_repeated_after_what_it_says() -> None:
    seen: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(await request.read())
        if len(seen) < 3:
            return web.Response(status=503, headers={"Retry-After": "0"})
        return web.Response()

    async with gateway(answer) as url:
        sender = Sender(url, system_clock, asyncio.Event())
        await sender.send([request_now("a")])

    assert seen == [b"a", b"a", b"a"]
    assert sender.answers.by_status == {200: 1}
    assert sender.answers.retried == 2
    assert sender.answers.as_expected


async def test_another_answer_than_expected_is_named() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=200)

    async with gateway(answer) as url:
        sender = Sender(url, system_clock, asyncio.Event())
        await sender.send([request_now("good"), request_now("bad", expect_status=401)])

    assert not sender.answers.as_expected
    assert sender.answers.mistaken == 1
    assert sender.answers.wrong == [
        "/hooks/whatsapp/sales, delivery bad: answered 200 instead of 401"
    ]


async def test_stopping_ends_the_wait_for_the_next_request() -> None:
    stop = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        stop.set()
        return web.Response()

    async with gateway(answer) as url:
        sender = Sender(url, system_clock, stop)
        far = Request(at_ms=system_clock() + 3_600_000, door=WHATSAPP, body=b"far", delivery="far")
        await asyncio.wait_for(sender.send([request_now("near"), far]), 20)

    assert sender.answers.sent == 1


async def test_stopping_gives_up_what_is_being_repeated() -> None:
    stop = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        stop.set()
        return web.Response(status=503, headers={"Retry-After": "3600"})

    async with gateway(answer) as url:
        sender = Sender(url, system_clock, stop)
        await asyncio.wait_for(sender.send([request_now("a")]), 20)

    assert sender.answers.lost == 1
    assert not sender.answers.as_expected
