"""One of carewatch's own processes as a child: its log, its readiness, its certain end."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp

from carewatch.domain.errors import Refused
from carewatch.local import guard

POLL_S: Final = 0.1
PROBE_TIMEOUT_S: Final = 2


class Child:
    """`carewatch ARGUMENTS...` in a session of its own, its output in `folder`/`name`.log.

    It ends with this process, however that ends: a guard between the two sees to it.
    """

    def __init__(
        self, name: str, arguments: list[str], *, environ: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log_file = folder / f"{name}.log"
        self._arguments = arguments
        self._environ = dict(environ)
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; whether it works is asked later."""
        # The guard keeps a lock open for its program; a process without one is given nothing.
        no_lock = os.open(os.devnull, os.O_RDONLY)
        try:
            with self.log_file.open("wb") as log:
                self._guard = subprocess.Popen(  # noqa: S603 - our own command
                    [
                        *(sys.executable, "-IS", guard.__file__, str(no_lock)),
                        *(sys.executable, "-m", "carewatch", *self._arguments),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    pass_fds=[no_lock],
                    env=self._environ,
                    start_new_session=True,
                )
        finally:
            os.close(no_lock)

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs, or before it was started."""
        return None if self._guard is None else self._guard.poll()

    @property
    def program_pid(self) -> int | None:
        """The process id of the program itself, below its guard; None when it has ended."""
        if self._guard is None:
            return None
        try:
            listed = Path(f"/proc/{self._guard.pid}/task/{self._guard.pid}/children").read_text()
        except OSError:
            return None
        return int(listed.split()[0]) if listed.strip() else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    async def ended(self) -> int:
        """Waits for the end of a started child; returns the exit status."""
        while (status := self.status) is None:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(POLL_S)
        self.ask_to_stop()  # nobody is left to ask, but the pipe wants to be closed
        return status

    async def succeed(self) -> None:
        """Waits for the end; raises Refused with the log's end when it was no success."""
        if await self.ended() != 0:
            raise Refused(self.obituary())

    async def ready(self, url: str, *, timeout_s: float) -> None:
        """Waits until `url` answers 200; raises Refused when that takes too long, or it ended."""
        said = "nothing"
        timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
        with contextlib.suppress(TimeoutError):
            async with (
                asyncio.timeout(timeout_s),
                aiohttp.ClientSession(timeout=timeout) as session,
            ):
                while True:
                    try:
                        async with session.get(url) as answer:
                            said = f"{answer.status} {(await answer.text()).strip()}"
                            if answer.status == 200:
                                return
                    except (aiohttp.ClientError, TimeoutError):
                        said = "no answer"
                    if self.status is not None:
                        await self.ended()
                        raise Refused(self.obituary())
                    await asyncio.sleep(POLL_S)
        raise Refused(
            f"{self.name} was not ready after {timeout_s:g} s: {url} says {said!r}; "
            f"its log ends with:\n{self.log_tail()}"
        )

    def ask_to_stop(self) -> None:
        """Sends SIGTERM through the guard; returns at once."""
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.close()

    def kill(self) -> None:
        """Ends it at once if it is still there, by the parent-death signal."""
        if self.running and self._guard is not None:
            self._guard.kill()
            self._guard.wait()
        self.ask_to_stop()

    def obituary(self) -> str:
        """That it ended, with the end of its log."""
        return f"{self.name} ended with status {self.status}; its log says:\n{self.log_tail()}"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, for a person to read."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


async def stop_all(children: list[Child], *, grace_s: float) -> None:
    """Asks all to stop, waits for them, and kills whoever is still there after `grace_s`."""
    running = [child for child in children if child.running]
    for child in running:
        child.ask_to_stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await asyncio.gather(*(child.ended() for child in running))
    for child in children:
        child.kill()
