"""The guard runs one program, says its process id, and ends it with its own standard input."""

import os
import subprocess
import sys
from pathlib import Path

from carewatch.local import guard
from support.waiting import Ending


def start(program: list[str], claim: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-IS", guard.__file__, str(claim), *program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[claim],
        text=True,
    )


def test_the_program_ends_when_the_guards_input_ends(tmp_path: Path) -> None:
    with (
        (tmp_path / "claim").open("w") as claim,
        start([sys.executable, "-c", "import signal; signal.pause()"], claim.fileno()) as running,
    ):
        assert running.stdout is not None
        assert running.stdin is not None
        ending = Ending(int(running.stdout.readline()))

        running.stdin.close()

        assert ending.comes()


def test_the_exit_status_is_the_programs(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "raise SystemExit(7)"]
    with (tmp_path / "claim").open("w") as claim, start(program, claim.fileno()) as running:
        assert running.wait(30) == 7


def test_a_program_that_was_killed_is_told_as_a_shell_tells_it(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    with (tmp_path / "claim").open("w") as claim, start(program, claim.fileno()) as running:
        assert running.wait(30) == 137


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    nothing = os.fspath(tmp_path / "nothing")
    with (tmp_path / "claim").open("w") as claim, start([nothing], claim.fileno()) as running:
        assert running.wait(30) == 127
        assert running.stderr is not None
        assert running.stderr.read() == f"{nothing}: No such file or directory\n"
