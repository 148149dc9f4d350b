"""What a worker answers about itself: metrics, alive, ready, and what people should know."""

import socket
import struct
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import RemoteDisconnected
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from carewatch.domain.errors import ConfigError
from carewatch.engine.health import HealthServer


def server(
    *,
    reason: str | None = None,
    notices: tuple[str, ...] = (),
    port: int = 0,
    registry: CollectorRegistry | None = None,
    ready: Callable[[], str | None] | None = None,
) -> HealthServer:
    if registry is None:
        registry = CollectorRegistry()
        Counter("care_sample", "A sample.", registry=registry).inc()
    return HealthServer(
        host="127.0.0.1",
        port=port,
        setting="worker.metrics_port",
        registry=registry,
        ready=ready or (lambda: reason),
        notices=lambda: list(notices),
    )


def ask(of: HealthServer, path: str) -> tuple[int, str]:
    of.start()
    try:
        with urlopen(f"http://127.0.0.1:{of.port}{path}") as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    finally:
        of.stop()


def test_ready_also_tells_what_people_should_know() -> None:
    assert ask(server(notices=("no rulebook",)), "/readyz") == (200, "ok\nno rulebook\n")


def test_not_ready_says_why() -> None:
    answer = ask(server(reason="track: restoring"), "/readyz")

    assert answer == (HTTPStatus.SERVICE_UNAVAILABLE, "track: restoring\n")


def test_alive_is_asked_of_nobody_else() -> None:
    assert ask(server(reason="track: restoring"), "/livez") == (200, "ok\n")


def test_metrics_are_those_of_its_registry() -> None:
    status, text = ask(server(), "/metrics")

    assert status == HTTPStatus.OK
    assert "care_sample_total 1.0" in text


def test_a_path_that_is_none_is_not_found() -> None:
    assert ask(server(), "/")[0] == HTTPStatus.NOT_FOUND


def test_a_taken_port_names_its_setting() -> None:
    first = server()
    first.start()
    try:
        with pytest.raises(ConfigError, match=r"Remedy: set worker\.metrics_port to a free port"):
            server(port=first.port)
    finally:
        first.stop()


def goes_away(of: HealthServer) -> None:
    """A client that asks for the metrics, and resets the connection instead of reading them."""
    before = set(threading.enumerate())
    with socket.create_connection(("127.0.0.1", of.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: worker\r\n\r\n")
        client.recv(1)
    for answering in set(threading.enumerate()) - before:
        answering.join(10)


def test_a_client_that_goes_away_is_no_news(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    Counter("care_sample", "x" * 50_000_000, registry=registry)  # more than the sockets hold
    of = server(registry=registry)
    of.start()
    try:
        goes_away(of)
    finally:
        of.stop()

    assert (capfd.readouterr().err, caplog.messages) == ("", [])


def test_a_bug_in_an_answer_is_logged(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def ready() -> str | None:
        raise LookupError("a bug")

    of = server(ready=ready)
    with pytest.raises(RemoteDisconnected):
        ask(of, "/readyz")

    assert capfd.readouterr().err == ""
    assert [record.exc_info is not None for record in caplog.records] == [True]
