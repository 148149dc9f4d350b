"""The board as a process: its HTTP server, `/metrics`, `/livez` and `/readyz`, and what it runs.

The interface for programs stands in `doors`, the wall's routes are handed in: this room knows no
page.
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
from carewatch.exporter.access import Access
from carewatch.exporter.answers import NO_STORE, not_ready
from carewatch.exporter.doors import Doors
from carewatch.exporter.exposition import Exposition
from carewatch.exporter.feed import Feed
from carewatch.exporter.stream import Broadcast, Message, Watch
from carewatch.settings import BoardSettings

logger = logging.getLogger(__name__)


class BoardServer:
    """The board around a feed. `start`, then `stop`; `stop` is safe without `start`.

    `message` is what the stream says, `watch` sees the board also while no stream is open,
    `routes` are further pages.
    """

    def __init__(
        self,
        settings: BoardSettings,
        *,
        feed: Feed,
        clock: Clock,
        message: Message,
        watch: Watch | None = None,
        routes: Iterable[web.RouteDef] = (),
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._routes = tuple(routes)
        self._exposition = Exposition(registry, feed.refresh)
        self._broadcast = Broadcast(self._snapshot, clock=clock, message=message, watch=watch)
        feed.on_news(self._broadcast.tell)
        self._doors = Doors(feed, self._broadcast, clock=clock, max_streams=settings.max_streams)
        self._access = Access(settings.token)
        self._working: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listens and begins to read in the background. Raises ConfigError for a taken port."""
        app = web.Application(middlewares=[self._access.guard])
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/livez", self._live),
                web.get("/readyz", self._ready),
                *self._doors.routes(),
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

    def _snapshot(self) -> Snapshot | None:
        """The board of this moment; None until all of the topic has been read."""
        return None if self._feed.missing is not None else self._feed.refresh().snapshot

    async def _close_streams(self, _: web.Application) -> None:
        """Stopping must not wait for browsers to leave."""
        self._broadcast.close()

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if self._feed.missing is not None:
            return not_ready(self._feed.missing)
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
                return web.Response(status=503, text=text, headers=NO_STORE)
        return web.Response(text="ok\n", headers=NO_STORE)

    async def _ready(self, _: web.Request) -> web.Response:
        if self._feed.missing is not None:
            return not_ready(self._feed.missing)
        rulebook = "" if self._feed.view.snapshot.number else "; no rulebook published yet"
        return web.Response(text=f"ready{rulebook}\n", headers=NO_STORE)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s ended by a bug; the board grows old", task.get_name(), exc_info=error)
