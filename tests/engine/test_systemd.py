"""What systemd hears over its socket, and when it hears nothing."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

import pytest

from carewatch.clock import system_clock
from carewatch.domain.errors import ConfigError
from carewatch.engine.engine import Engine
from carewatch.engine.systemd import STATUS_BYTES, Condition, Systemd
from carewatch.processors import PROCESSORS
from carewatch.settings import Settings
from carewatch.wire.topics import EVENTS
from support import hanging_loop
from support.supervising import Supervisor, supervising

BEAT_US = 100_000
WATCHDOG = {"WATCHDOG_USEC": str(BEAT_US)}


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with supervising() as one:
        yield one


async def hear(supervisor: Supervisor) -> list[str]:
    return await asyncio.to_thread(supervisor.next)


async def test_a_start_is_put_off_until_the_process_is_ready_and_then_vouched_for(
    supervisor: Supervisor,
) -> None:
    found = [Condition(ready=False, says="restoring; 7 rows left")]
    systemd = Systemd(supervisor.variables | WATCHDOG)
    systemd.start(lambda: found[0])
    first, second = await hear(supervisor), await hear(supervisor)
    found[0] = Condition(ready=True, says="working")
    while "READY=1" not in (ready := await hear(supervisor)):
        pass
    after = await hear(supervisor)
    systemd.stop()
    while "STOPPING=1" not in (last := await hear(supervisor)):
        pass

    waits = "EXTEND_TIMEOUT_USEC=60000000"
    assert first == ["STATUS=restoring; 7 rows left", waits, "WATCHDOG=1"]
    assert second == [waits, "WATCHDOG=1"]
    assert ready == ["STATUS=working", "READY=1", "WATCHDOG=1"]
    assert after == ["WATCHDOG=1"]
    assert last == ["STOPPING=1", "STATUS=stopping"]


async def test_ready_is_told_once_and_what_changes_later_is_told(supervisor: Supervisor) -> None:
    found = [Condition(ready=True, says="working")]
    systemd = Systemd(supervisor.variables | WATCHDOG)
    systemd.start(lambda: found[0])
    await hear(supervisor)
    found[0] = Condition(ready=False, says="track: restoring")
    while "STATUS=track: restoring" not in (changed := await hear(supervisor)):
        pass
    systemd.stop()

    assert changed == ["STATUS=track: restoring", "WATCHDOG=1"]


async def test_who_is_not_alive_is_not_vouched_for(supervisor: Supervisor) -> None:
    systemd = Systemd(supervisor.variables | WATCHDOG)
    systemd.start(lambda: Condition(ready=True, says="answering", alive=False))
    first = await hear(supervisor)
    systemd.stop()
    second = await hear(supervisor)

    assert first == ["STATUS=answering", "READY=1"]
    assert second == ["STOPPING=1", "STATUS=stopping"]


@pytest.mark.parametrize("watchdog", [{}, {**WATCHDOG, "WATCHDOG_PID": "1"}])
async def test_a_watchdog_that_nobody_asked_for_is_not_fed(
    supervisor: Supervisor, watchdog: dict[str, str]
) -> None:
    systemd = Systemd(supervisor.variables | watchdog)
    systemd.start(lambda: Condition(ready=True, says="working"))
    first = await hear(supervisor)
    systemd.stop()

    assert first == ["STATUS=working", "READY=1"]


async def test_a_watchdog_for_this_process_is_fed(supervisor: Supervisor) -> None:
    mine = {**WATCHDOG, "WATCHDOG_PID": str(os.getpid())}
    systemd = Systemd(supervisor.variables | mine)
    systemd.start(lambda: Condition(ready=True, says="working"))
    first = await hear(supervisor)
    systemd.stop()

    assert first[-1] == "WATCHDOG=1"


async def test_a_status_is_one_line_and_fits_into_what_systemd_reads(
    supervisor: Supervisor,
) -> None:
    """A line break would begin another assignment, and too long a datagram is dropped whole."""
    systemd = Systemd(supervisor.variables)
    systemd.start(lambda: Condition(ready=False, says="refused:\nREADY=1 " + "ü" * 5000))
    status, extension = await hear(supervisor)
    systemd.stop()

    assert status.startswith("STATUS=refused: READY=1 ü")
    assert len(status.encode()) <= len("STATUS=") + STATUS_BYTES
    assert extension.startswith("EXTEND_TIMEOUT_USEC=")


async def test_a_socket_by_its_path_is_told_and_what_was_not_heard_is_said_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notify"
        systemd = Systemd({"NOTIFY_SOCKET": str(path)} | WATCHDOG)
        systemd.start(lambda: Condition(ready=True, says="working"))
        async with asyncio.timeout(30):
            while "cannot be told" not in caplog.text:
                await asyncio.sleep(0)
        with socket(AF_UNIX, SOCK_DGRAM) as hears:
            hears.bind(str(path))
            first = await asyncio.to_thread(hears.recv, 4096)
            systemd.stop()

    assert first == b"STATUS=working\nREADY=1\nWATCHDOG=1"
    assert caplog.text.count("cannot be told") == 1


async def test_nobody_is_told_when_systemd_did_not_start_the_process() -> None:
    before = asyncio.all_tasks()
    systemd = Systemd(WATCHDOG)
    systemd.start(lambda: pytest.fail("nobody looks"))
    during = asyncio.all_tasks()
    systemd.stop()

    assert during == before


async def test_a_worker_that_restores_says_how_many_rows_are_left() -> None:
    engine = Engine(PROCESSORS, Settings(), system_clock)
    told = engine._metrics
    told.expect("track", EVENTS, ())
    told.restoring("track", 0, read=3, left=7)
    told.restoring("track", 1, read=3, left=5)
    both = engine.condition()
    told.opened("track", 0, rows=10, seconds=1.0)
    one = engine.condition()
    told.closed("track", 1)

    assert both == Condition(ready=False, says="starting; 12 rows left to restore")
    assert one == Condition(ready=False, says="starting; 5 rows left to restore")
    assert engine.condition() == Condition(ready=False, says="starting")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"NOTIFY_SOCKET": "vsock:2:1"}, "environment: NOTIFY_SOCKET: 'vsock:2:1' is neither"),
        ({"WATCHDOG_USEC": "1s"}, "environment: WATCHDOG_USEC: '1s' is no number"),
        ({"WATCHDOG_USEC": "0"}, "environment: WATCHDOG_USEC: '0' is no number"),
    ],
)
def test_variables_that_systemd_would_not_set_are_refused(
    variables: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match="unset it, unless systemd runs this process") as refused:
        Systemd(variables)

    assert str(refused.value).startswith(says)


def test_a_loop_that_hangs_feeds_no_more_until_it_goes_on(supervisor: Supervisor) -> None:
    with subprocess.Popen(
        [sys.executable, str(hanging_loop.__file__)],
        env={**os.environ, **supervisor.variables, **WATCHDOG},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            fed = [supervisor.until("WATCHDOG=1") for _ in range(3)]
            process.send_signal(signal.SIGUSR1)
            assert process.stdout.readline() == "hanging\n"
            supervisor.catch_up()
            with pytest.raises(TimeoutError):
                supervisor.next(within_s=10 * BEAT_US / 1_000_000)
            process.stdin.write("go on\n")
            process.stdin.flush()
            again = supervisor.next()
        finally:
            process.kill()

    assert fed[1:] == [["WATCHDOG=1"], ["WATCHDOG=1"]]
    assert again == ["WATCHDOG=1"]
