"""The units of deploy/systemd, compared with the code and judged by systemd's own tools.

That the processes tell systemd what the units wait for, and work within what they allow, is tested
beside the processes: tests/commands/test_supervised.py, tests/streams/test_supervised.py. Nothing
here was ever started by a systemd.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from carewatch.cli import main
from carewatch.overrides import list_variables
from carewatch.settings import Settings
from carewatch.streams.app import STOP_SECONDS
from support.confined import UNITS, allowed_calls, assignments

SERVICES = ("carewatch-gateway.service", "carewatch-worker@.service", "carewatch-board.service")
EXPOSURE = 15
"""Most that `systemd-analyze security` may say, of 100; what is left is the network."""
DEFAULTS = Settings()


def words(unit: str, key: str) -> list[str]:
    """Every value of a repeated key."""
    return [value for name, value in assignments(UNITS / unit) if name == key]


def one(unit: str, key: str) -> str:
    (value,) = words(unit, key)
    return value


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as on a machine: the program is there, the worker has an instance."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI"):
            pytest.fail("systemd-analyze is missing: it comes with the Debian package systemd")
        pytest.skip("systemd-analyze is missing: it comes with the Debian package systemd")
    program = str(Path(sys.executable).with_name("carewatch"))
    for path in UNITS.glob("carewatch*.*"):
        text = path.read_text().replace("/opt/carewatch/bin/carewatch", program)
        (tmp_path / path.name.replace("@", "@1")).write_text(text)
    return tmp_path


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, installed.iterdir())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_find_a_misspelt_key(installed: Path) -> None:
    unit = installed / "carewatch-board.service"
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "WatchdogSecs" in done.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_exposed_as_little_as_its_network_allows(unit: str, installed: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         f"--threshold={EXPOSURE}", str(installed / unit.replace("@", "@1"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", SERVICES)
def test_it_runs_a_command_that_exists(unit: str) -> None:
    program, name, *rest = one(unit, "ExecStart").split()
    command = main.get_command(click.Context(main), name)
    assert command is not None
    context = command.make_context(name, rest)

    assert program == "/opt/carewatch/bin/carewatch"
    assert context.params["folder"] == Path("/etc/carewatch")


@pytest.mark.parametrize("unit", SERVICES)
def test_its_variables_are_settings(unit: str) -> None:
    given = [name for line in words(unit, "Environment") for name in re.findall(r"(\w+)=", line)]
    ours = [name for name in given if name.startswith("CAREWATCH_")]

    assert set(ours) <= list_variables(Settings).keys()
    assert set(given) - set(ours) == {"PYTHONUNBUFFERED", "PYTHONFAULTHANDLER"}


@pytest.mark.parametrize("unit", SERVICES)
def test_it_is_started_by_its_word_watched_and_begun_again_but_not_for_a_mistake(
    unit: str,
) -> None:
    said = {key: one(unit, key) for key in (
        "Type", "NotifyAccess", "TimeoutStartFailureMode", "Restart", "RestartPreventExitStatus",
        "StartLimitIntervalSec",
    )}  # fmt: skip

    assert said == {
        "Type": "notify",
        "NotifyAccess": "main",
        "TimeoutStartFailureMode": "abort",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2",
        "StartLimitIntervalSec": "0",
    }


def test_a_worker_that_hangs_has_the_time_to_end_itself_and_to_say_where() -> None:
    hangs = DEFAULTS.worker.hang_timeout_ms / 1000

    assert int(one("carewatch-worker@.service", "WatchdogSec")) > hangs


@pytest.mark.parametrize("unit", SERVICES)
def test_it_has_longer_to_stop_than_it_takes(unit: str) -> None:
    assert int(one(unit, "TimeoutStopSec")) > STOP_SECONDS


def test_a_worker_s_slot_is_its_instance() -> None:
    assert "CAREWATCH_WORKER_SLOT=%i" in words("carewatch-worker@.service", "Environment")


def test_the_spool_is_in_the_folder_that_outlives_the_gateway() -> None:
    unit = "carewatch-gateway.service"
    folder = f"/var/lib/{one(unit, 'StateDirectory')}/spool"

    assert f"CAREWATCH_GATEWAY_SPOOL_DIR={folder}" in words(unit, "Environment")
    assert one(unit, "StateDirectoryMode") == "0700"
    assert int(one(unit, "LimitNOFILE")) > DEFAULTS.gateway.max_connections


@pytest.mark.parametrize("unit", SERVICES)
def test_each_role_is_given_its_own_secrets(unit: str) -> None:
    role = unit.removeprefix("carewatch-").removesuffix(".service").rstrip("@")

    assert words(unit, "EnvironmentFile")[0] == f"/etc/carewatch/{role}.env"


def test_the_target_is_all_of_them() -> None:
    assert {one(unit, "PartOf") for unit in SERVICES} == {"carewatch.target"}
    assert {one(unit, "WantedBy") for unit in SERVICES} == {"carewatch.target"}
    assert {path.name for path in UNITS.glob("carewatch*.*")} == {*SERVICES, "carewatch.target"}


@pytest.mark.parametrize("unit", SERVICES)
def test_a_process_may_call_what_it_needs_and_no_more(unit: str, installed: Path) -> None:
    left = allowed_calls(UNITS / unit)

    assert {"epoll_wait", "sendto", "openat", "setrlimit", "clock_nanosleep"} <= left
    assert left & {"mount", "chroot", "setuid", "ptrace", "bpf", "reboot", "init_module"} == set()
