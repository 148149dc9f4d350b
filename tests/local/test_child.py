"""Children that are carewatch's own commands: they end, and they say why."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from carewatch.domain.errors import Refused
from carewatch.local.child import Child, stop_all
from carewatch.local.options import Ports, demo_environ
from carewatch.local.ports import HOST, free_port, is_free

PORTS = Ports(
    kafka=free_port(),
    controller=free_port(),
    gateway=free_port(),
    gateway_metrics=free_port(),
    worker_metrics=free_port(),
    board=free_port(),
)


def child_of(folder: Path, *arguments: str) -> Child:
    return Child(
        arguments[0],
        list(arguments),
        environ=demo_environ(os.environ, PORTS, folder),
        folder=folder,
    )


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Child]:
    """A gateway without a Kafka: it lives, and is not ready."""
    child = child_of(tmp_path, "gateway")
    child.start()
    yield child
    child.kill()


async def test_a_command_that_succeeds_leaves_its_output_in_the_log(tmp_path: Path) -> None:
    child = child_of(tmp_path, "check")

    child.start()
    await child.succeed()

    assert "# rulebook sha256:" in child.log_tail(200)


async def test_a_command_that_fails_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = child_of(tmp_path, "gateway", "--no-such-option")

    child.start()
    with pytest.raises(Refused, match=r"(?s)gateway ended with status 2.*No such option"):
        await child.succeed()


async def test_what_runs_can_be_waited_for_and_stopped(gateway: Child) -> None:
    await gateway.ready(f"http://{HOST}:{PORTS.gateway}/livez", timeout_s=30)
    assert gateway.running

    await stop_all([gateway], grace_s=15)

    assert gateway.status == 0
    assert is_free(PORTS.gateway)


async def test_what_does_not_become_ready_is_refused_with_its_own_reason(gateway: Child) -> None:
    await gateway.ready(f"http://{HOST}:{PORTS.gateway}/livez", timeout_s=30)

    with pytest.raises(Refused, match=r"(?s)gateway was not ready after 0.5 s.*'503"):
        await gateway.ready(f"http://{HOST}:{PORTS.gateway}/readyz", timeout_s=0.5)


async def test_nobody_waits_for_what_has_ended(tmp_path: Path) -> None:
    child = child_of(tmp_path, "gateway", "--no-such-option")

    child.start()
    async with asyncio.timeout(60):
        with pytest.raises(Refused, match=r"(?s)gateway ended with status 2.*No such option"):
            await child.ready(f"http://{HOST}:{PORTS.gateway}/livez", timeout_s=3600)


async def test_stopping_what_was_never_started_does_nothing(tmp_path: Path) -> None:
    child = child_of(tmp_path, "gateway")

    async with asyncio.timeout(20):
        await stop_all([child], grace_s=3600)

    assert child.status is None
