"""What a worker answers about itself: metrics, alive, ready, and what people should know."""

from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from carewatch.domain.errors import ConfigError
from carewatch.engine.health import HealthServer


def server(
    *, reason: str | None = None, notices: tuple[str, ...] = (), port: int = 0
) -> HealthServer:
    registry = CollectorRegistry()
    Counter("care_sample", "A sample.", registry=registry).inc()
    return HealthServer(
        host="127.0.0.1",
        port=port,
        setting="worker.metrics_port",
        registry=registry,
        ready=lambda: reason,
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
