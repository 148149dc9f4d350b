"""The board's HTTP door: `/metrics`, `/livez`, `/readyz`, `/api/v1/board`, `/api/v1/stream`.

Further routes (the wall's) are handed in: this room knows no page. Whatever looks at every point
is made in a thread from an immutable snapshot, so that no answer waits for another.
"""

import asyncio
import errno
import logging
from collections.abc import Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry

from carewatch.clock import Clock
from carewatch.domain.board import Snapshot
from carewatch.domain.errors import ConfigError
from carewatch.exporter.api import RECENT, RECENT_MAX, board_document, encode_document
from carewatch.exporter.exposition import Exposition
from carewatch.exporter.feed import Feed
from carewatch.exporter.query import read_query
from carewatch.exporter.stream import PARAMETERS, Broadcast, Message, answer
from carewatch.settings import BoardSettings

logger = logging.getLogger(__name__)

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class BoardServer:
    """The board around a feed. `start`, then `stop`; `stop` is safe without `start`.

    `message` is what the stream says, `routes` are further pages.
    """

    def __init__(
        self,
        settings: BoardSettings,
        *,
        feed: Feed,
        clock: Clock,
        message: Message,
        routes: Iterable[web.RouteDef] = (),
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._clock = clock
        self._routes = tuple(routes)
        self._exposition = Exposition(registry, feed.refresh)
        self._broadcast = Broadcast(lambda: feed.refresh().snapshot, clock=clock, message=message)
        feed.on_news(self._broadcast.tell)
        self._working: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listens and begins to read in the background. Raises ConfigError for a taken port."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/livez", self._live),
                web.get("/readyz", self._ready),
                web.get("/api/v1/board", self._board),
                web.get("/api/v1/stream", self._stream, allow_head=False),
                *self._routes,
            ]
        )
        app.on_shutdown.append(self._close_streams)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.stop()
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(f"board.port: cannot listen on {host}:{port}: {error}") from error
            raise ConfigError(
                f"board.port: port {port} on {host} is taken by another program; stop it or set "
                "board.port to a free port"
            ) from error
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self._working = [
            asyncio.create_task(self._feed.run(), name="the reading of care.metrics"),
            asyncio.create_task(self._broadcast.run(), name="the stream to the walls"),
        ]
        for task in self._working:
            task.add_done_callback(_report)

    async def stop(self) -> None:
        """Ends the streams, the requests that are in, and the reading."""
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _close_streams(self, _: web.Application) -> None:
        """Stopping must not wait for browsers to leave."""
        self._broadcast.close()

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if self._feed.missing is not None:
            return _not_ready(self._feed.missing)
        gzipped = "gzip" in request.headers.get("Accept-Encoding", "")
        accept = request.headers.get("Accept", "")
        body, content_type = await self._exposition.page(accept, gzipped=gzipped)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    @property
    def alive(self) -> bool:
        """Whether it still reads: a defect has ended that for good, otherwise."""
        return not any(task.done() for task in self._working)

    @property
    def missing(self) -> str | None:
        """Why nothing can be shown yet; None when the board shows."""
        return self._feed.missing

    async def _live(self, _: web.Request) -> web.Response:
        for task in self._working:
            if task.done():
                text = f"{task.get_name()} ended by a bug: restart this process\n"
                return web.Response(status=503, text=text, headers=_NO_STORE)
        return web.Response(text="ok\n", headers=_NO_STORE)

    async def _ready(self, _: web.Request) -> web.Response:
        if self._feed.missing is not None:
            return _not_ready(self._feed.missing)
        rulebook = "" if self._feed.view.snapshot.number else "; no rulebook published yet"
        return web.Response(text=f"ready{rulebook}\n", headers=_NO_STORE)

    async def _board(self, request: web.Request) -> web.Response:
        if self._feed.missing is not None:
            return _not_ready(self._feed.missing)
        text = request.query.get("recent", str(RECENT))
        if not (text.isascii() and text.isdigit() and len(text) < 5) or not (
            1 <= int(text) <= RECENT_MAX
        ):
            return web.Response(
                status=400,
                text=f"recent: {text!r} is not a number of windows from 1 to {RECENT_MAX}\n",
            )
        snapshot = self._feed.refresh().snapshot
        body = await asyncio.to_thread(_document, snapshot, self._clock(), int(text))
        return web.Response(body=body, content_type="application/json", headers=_NO_STORE)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self._feed.missing is not None:
            return _not_ready(self._feed.missing)
        most = self._settings.max_streams
        if self._broadcast.readers >= most:
            return _not_ready(f"{most} streams are open, as many as board.max_streams allows")
        try:
            asked = read_query(request.query.items(), PARAMETERS)
            return await answer(request, self._broadcast, asked, _NO_STORE)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n", headers=_NO_STORE)


def _document(snapshot: Snapshot, now: int, recent: int) -> bytes:
    return encode_document(board_document(snapshot, now=now, recent=recent))


def _not_ready(reason: str | None) -> web.Response:
    return web.Response(
        status=503, text=f"not ready: {reason}\n", headers={**_NO_STORE, "Retry-After": "1"}
    )


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s ended by a bug; the board grows old", task.get_name(), exc_info=error)
