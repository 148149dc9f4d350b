"""The HTTP edge: routes, limits, timeouts, health, and process metrics on a port of their own."""

import asyncio
import errno
import logging
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from carewatch.channels.base import RawRequest, Reply
from carewatch.channels.outcomes import STATUS, RequestOutcome
from carewatch.clock import Clock
from carewatch.domain.errors import ConfigError
from carewatch.engine.timekeeper import Timekeeper
from carewatch.gateway.connections import capped, reserve_files
from carewatch.gateway.delivery import Delivery
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.producer import Publisher
from carewatch.gateway.receive import Receiver
from carewatch.settings import GatewaySettings

logger = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 2
"""Long enough for a short hiccup, short enough for a provider that asks three times in all."""

METHODS: Final = ("GET", "OPTIONS", "POST")
"""POST brings events, the others are handshakes."""

LINGER_S: Final = 2
"""How long the rest of a refused body is thrown away, so that its sender can read the answer."""

IN_FLIGHT_BYTES: Final = 67_108_864
"""Bodies held at once; beyond it requests are told to come back."""


class Gateway:
    """The receiver as two HTTP servers. `start`, then `stop`; `stop` is safe without `start`."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        receiver: Receiver,
        delivery: Delivery,
        publishers: tuple[Publisher, ...],
        metrics: GatewayMetrics,
        timekeeper: Timekeeper | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._receiver = receiver
        self._delivery = delivery
        self._publishers = publishers
        self._metrics = metrics
        self._timekeeper = timekeeper
        self._keeping: asyncio.Task[None] | None = None
        self._in_flight = 0
        self._runners: list[web.AppRunner] = []
        self._listening: list[asyncio.Server] = []
        self.url = ""
        self.metrics_url = ""

    async def start(self) -> None:
        """Listens; connects to Kafka in the background.

        Raises ConfigError for a taken port and for a folder that cannot be the spool.
        """
        reserve_files(self._settings.max_connections)
        await self._delivery.start()
        for publisher in self._publishers:
            publisher.start()
        if self._timekeeper is not None:
            self._keeping = asyncio.create_task(self._timekeeper.run())
            self._keeping.add_done_callback(_report_end)
        hooks = web.Application()
        hooks.router.add_route("*", "/hooks/{channel}/{account}", self._hook)
        hooks.router.add_get("/livez", _live)
        hooks.router.add_get("/readyz", self._ready)
        inside = web.Application()
        inside.router.add_get("/metrics", self._expose)
        inside.router.add_get("/livez", _live)
        inside.router.add_get("/readyz", self._ready)
        host = self._settings.host
        self.url = await self._listen(hooks, host, self._settings.port, "gateway.port")
        self.metrics_url = await self._listen(
            inside, host, self._settings.metrics_port, "gateway.metrics_port"
        )

    async def stop(self) -> None:
        """Finishes the requests that are in, then closes the producers."""
        for listening in self._listening:
            listening.close()
        for runner in self._runners:
            await runner.cleanup()
        self._listening.clear()
        self._runners.clear()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        await self._delivery.stop()
        await asyncio.gather(*(publisher.stop() for publisher in self._publishers))

    async def _listen(self, app: web.Application, host: str, port: int, setting: str) -> str:
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            # Also ends request heads that drip in; a dripped body ends by the read timeout.
            keepalive_timeout=self._settings.idle_timeout_ms / 1000,
            lingering_time=LINGER_S,
            shutdown_timeout=5,
        )
        await runner.setup()
        self._runners.append(runner)
        serve = capped(
            _server_of(runner),
            self._settings.max_connections,
            self._metrics.connections_refused,
            RETRY_AFTER_S,
        )
        try:
            listening = await asyncio.get_running_loop().create_server(serve, host, port)
        except OSError as error:
            await self.stop()
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(f"{setting}: cannot listen on {host}:{port}: {error}") from error
            raise ConfigError(
                f"{setting}: port {port} on {host} is taken by another program; stop it or set"
                f" {setting} to a free port"
            ) from error
        self._listening.append(listening)
        return f"http://{host}:{listening.sockets[0].getsockname()[1]}"

    async def _hook(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        outcome, reply = await self._answer(channel, request)
        self._metrics.requests.labels(self._receiver.label(channel), outcome.value).inc()
        response = web.Response(
            status=reply.status, text=reply.text, content_type=reply.content_type
        )
        response.headers.update(reply.headers)
        response.headers["Server"] = "carewatch"  # no versions for attackers
        if outcome is RequestOutcome.UNAVAILABLE:
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        if outcome is RequestOutcome.WRONG_METHOD:
            response.headers["Allow"] = ", ".join(METHODS)
        if not request.content.at_eof():
            # What is left of a refused body is not read: the connection ends with the answer.
            response.force_close()
        return response

    async def _answer(self, channel: str, request: web.Request) -> tuple[RequestOutcome, Reply]:
        if request.method not in METHODS:
            return _refused(RequestOutcome.WRONG_METHOD)
        if self._timekeeper is not None and self._timekeeper.unready is not None:
            # Its arrival could not be told; a sender that comes back meets a clock that is right.
            return _refused(RequestOutcome.UNAVAILABLE)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return _refused(RequestOutcome.ENCODED)
        limit = self._receiver.limit_of(channel, self._settings.body_limit_bytes)
        if (request.content_length or 0) > limit:
            return _refused(RequestOutcome.TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.read_timeout_ms / 1000):
                async for chunk in request.content.iter_any():
                    if self._in_flight + len(chunk) > IN_FLIGHT_BYTES:
                        return _refused(RequestOutcome.UNAVAILABLE)
                    body += chunk
                    self._hold(len(chunk))
                    if len(body) > limit:
                        return _refused(RequestOutcome.TOO_LARGE)
            raw = RawRequest(
                method=request.method,
                url=request.path_qs,
                public_url=(self._settings.public_base_url or "").rstrip("/") + request.path_qs,
                query=tuple(request.query.items()),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=bytes(body),
                received_at=self._clock(),
            )
            answer = await self._receiver.receive(channel, request.match_info["account"], raw)
        except TimeoutError:
            return _refused(RequestOutcome.TOO_SLOW)
        except (ConnectionError, web.RequestPayloadError):
            return _refused(RequestOutcome.CUT_OFF)
        finally:
            self._hold(-len(body))
        return answer.outcome, answer.reply

    def _hold(self, size: int) -> None:
        self._in_flight += size
        self._metrics.in_flight_bytes.set(self._in_flight)

    def readiness(self) -> tuple[bool, list[str]]:
        """Whether webhooks can be taken, and what people should know. Only reads."""
        ready, reasons = self._delivery.readiness(self._clock())
        if self._timekeeper is not None and self._timekeeper.unready is not None:
            ready = False
            reasons.append(self._timekeeper.unready)
        return ready, reasons

    async def _ready(self, request: web.Request) -> web.Response:
        del request
        ready, reasons = self.readiness()
        return web.json_response({"ready": ready, "reasons": reasons}, status=200 if ready else 503)

    async def _expose(self, request: web.Request) -> web.Response:
        del request
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )


def _server_of(runner: web.AppRunner) -> web.Server:
    """The server of a runner that is set up."""
    if runner.server is None:
        raise RuntimeError("the runner is not set up")
    return runner.server


async def _live(request: web.Request) -> web.Response:
    del request
    return web.json_response({"live": True})


def _report_end(keeping: "asyncio.Task[None]") -> None:
    """Comparing the clock ends with the gateway; anything else is a defect."""
    if not keeping.cancelled() and (error := keeping.exception()) is not None:
        logger.error("the clock is no longer compared with Kafka's", exc_info=error)


def _refused(outcome: RequestOutcome) -> tuple[RequestOutcome, Reply]:
    return outcome, Reply(status=STATUS[outcome])
