"""What systemd is told about this process: that it is ready, alive, stopping, and what it does.

The protocol is sd_notify(3): lines in one datagram to the socket that NOTIFY_SOCKET names. Its
manual advises to write these few lines instead of taking on a library. Without that variable
nothing is said and nothing runs.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from carewatch.domain.errors import ConfigError

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the process is looked at, at the least; twice in a watchdog's interval otherwise."""

EXTENSION_SECONDS: Final = 60
"""A start may take as long as it needs, but its loop must say so this often."""

STATUS_BYTES: Final = 1000
"""systemd drops a datagram of more than 4096 bytes, READY=1 and all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A process at one moment: `says` is for people, and one line.

    `ready` ends the start and is told once; who is not `alive` is no longer vouched for.
    """

    ready: bool
    says: str
    alive: bool = True


class Systemd:
    """Tells the systemd that started this process. `start`, then `stop`; `stop` is safe without.

    The watchdog is fed by the event loop itself, so a loop that hangs feeds it no more. Until the
    process is ready the same beat puts off the end of the time that systemd gives a start.

    Raises ConfigError for variables that systemd would not have set.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ)
        self._watchdog = _watchdog_seconds(environ)
        self._socket: socket.socket | None = None
        self._telling: asyncio.Task[None] | None = None
        self._told_ready = False
        self._said = ""
        self._unheard = False

    def start(self, look: Callable[[], Condition]) -> None:
        """Begins to tell what `look` finds. To be called in the event loop that is vouched for."""
        if self._address is None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._telling = asyncio.create_task(self._tell(look), name="systemd")
        self._telling.add_done_callback(_report)

    def stop(self) -> None:
        """Says that the process is stopping; nothing is told after that."""
        if self._telling is None or self._socket is None:
            return
        self._telling.cancel()
        self._send("STOPPING=1", "STATUS=stopping")
        self._socket.close()
        self._telling = self._socket = None

    async def _tell(self, look: Callable[[], Condition]) -> None:
        every = min(LOOK_SECONDS, self._watchdog / 2) if self._watchdog else LOOK_SECONDS
        while True:
            self._tell_once(look())
            await asyncio.sleep(every)

    def _tell_once(self, found: Condition) -> None:
        """What systemd has not heard is said again at the next look."""
        says = _one_line(found.says)
        words = [f"STATUS={says}"] if says != self._said else []
        if not self._told_ready:
            words.append("READY=1" if found.ready else _EXTENSION)
        if self._watchdog and found.alive:
            words.append("WATCHDOG=1")
        if words and self._send(*words):
            self._said = says
            self._told_ready = self._told_ready or found.ready

    def _send(self, *words: str) -> bool:
        """Whether systemd was told; it is not waited for, and who cannot hear is said once."""
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            if not self._unheard:
                logger.warning("systemd cannot be told by NOTIFY_SOCKET: %s", error)
            self._unheard = True
            return False
        self._unheard = False
        return True


_EXTENSION: Final = f"EXTEND_TIMEOUT_USEC={EXTENSION_SECONDS * 1_000_000}"


def _address(environ: Mapping[str, str]) -> str | None:
    """The socket to tell; a leading @ stands for the zero byte of Linux's abstract names."""
    named = environ.get("NOTIFY_SOCKET")
    if not named:
        return None
    if named[0] not in "/@":
        raise ConfigError(
            f"environment: NOTIFY_SOCKET: {named!r} is neither a path from / on nor an abstract "
            "name (@...); unset it, unless systemd runs this process"
        )
    return "\0" + named[1:] if named[0] == "@" else named


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """The watchdog's interval; None without one, or when it waits for another process."""
    text = environ.get("WATCHDOG_USEC")
    if not text or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ConfigError(
            f"environment: WATCHDOG_USEC: {text!r} is no number of microseconds from 1 on; unset "
            "it, unless systemd runs this process"
        )
    return int(text) / 1_000_000


def _one_line(text: str) -> str:
    return " ".join(text.encode()[:STATUS_BYTES].decode(errors="ignore").split())


def _report(telling: "asyncio.Task[None]") -> None:
    """A look that fails is a defect; the watchdog is not fed any more, so it has an end."""
    if not telling.cancelled() and (error := telling.exception()) is not None:
        logger.error("systemd is told nothing any more", exc_info=error)
