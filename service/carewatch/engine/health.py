"""The worker's metrics and health over HTTP, served from a thread of their own.

A stalled event loop must not hide itself: `/metrics` and `/livez` answer while it hangs.
"""

import logging
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from carewatch.domain.errors import ConfigError

logger = logging.getLogger(__name__)


class HealthServer:
    """`/metrics`, `/livez` and `/readyz` on a port of their own, from a daemon thread.

    `ready` returns None when the worker does its work, else the reason why not; `notices` what
    people should know although it does. Both are called in the server's thread and must only read.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        setting: str,
        registry: CollectorRegistry,
        ready: Callable[[], str | None],
        notices: Callable[[], list[str]],
    ) -> None:
        try:
            self._server = _Server((host, port), _answer(registry, ready, notices))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port} cannot be used ({error.strerror}). "
                f"Remedy: set {setting} to a free port"
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="health",
            daemon=True,
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Frees the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *of: object) -> None:
        """A client that goes away before it has read its answer is no news; anything else is a bug.

        It is logged: the standard library would print it to where nobody looks.
        """
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("answering %s failed", of[-1], exc_info=error)


def _answer(
    registry: CollectorRegistry,
    ready: Callable[[], str | None],
    notices: Callable[[], list[str]],
) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        server_version = "carewatch"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._send(HTTPStatus.OK, kind, encode(registry))
            elif path == "/livez":
                self._send(HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n")
            elif path == "/readyz":
                reason = ready()
                status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
                text = "".join(f"{line}\n" for line in (reason or "ok", *notices())).encode()
                self._send(status, "text/plain; charset=utf-8", text)
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found\n")

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Scrapes are no news."""

    return Answer
