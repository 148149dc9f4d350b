"""Server-sent events for many readers: a message is made once for all who ask for the same.

Every message is whole, so that a lost one costs nothing: a reader who is behind gets the newest
and never those in between, holds nobody up and takes no more memory than one message. Messages
are made soon after the board has changed, and at least once a second, which keeps proxies from
closing what is quiet.
"""

import asyncio
import contextlib
import logging
import math
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import process_time
from typing import Final

import orjson
from aiohttp import web

from carewatch.clock import Clock
from carewatch.domain.board import Snapshot

logger = logging.getLogger(__name__)

Asked = Mapping[str, str]
"""What a reader asks for, by the names of `PARAMETERS`."""

PARAMETERS: Final = ("view", "tenant", "channel")

Message = Callable[[Snapshot, int, Asked], object]
"""What the stream says of a snapshot at an instant (milliseconds) to whoever asks so: plain JSON
values. It is called in one thread at a time, for all questions of a moment with the same snapshot.
A ValueError says what was wrong to ask for."""

Watch = Callable[[Snapshot, int], None]
"""Looks at the board while nobody else does: whatever remembers the last hour needs no reader."""

APART_S: Final = 0.25
"""News is told no more often: eyes see no difference, and many records share one message."""

QUIET_S: Final = 1.0
"""Without news the message comes this often: it says how old the figures are."""

WATCH_S: Final = 15.0
"""So often the board is looked at while no stream is open."""

STALLED_S: Final = 15.0
"""A reader whose connection takes no message for so long is closed; a live one opens it again."""

RETRY_MS: Final = 2_000
"""How long a browser waits before it opens a broken stream again."""

_KERNEL_BYTES: Final = 262_144
"""What the system holds for one reader at the most: one asleep must not collect megabytes."""


class Reader:
    """A place for one message: a newer one takes the place of an older that was not taken."""

    def __init__(self) -> None:
        self._message: bytes | BaseException = b""
        self._ended = False
        self._filled = asyncio.Event()

    def give(self, message: bytes | BaseException) -> None:
        """The newest message; an error is raised where messages are taken."""
        self._message = message
        self._filled.set()

    def end(self) -> None:
        """No message comes any more."""
        self._ended = True
        self._filled.set()

    async def take(self) -> bytes | None:
        """The newest message, as soon as there is one that was not taken yet; None at the end."""
        await self._filled.wait()
        if self._ended:
            return None
        self._filled.clear()
        if isinstance(self._message, BaseException):
            raise self._message
        return self._message


class Broadcast:
    """Makes the messages and gives them to all readers; `run` does the work.

    `snapshot` is called in the event loop, and is None before there is a whole one; `message` and
    `watch` in one thread for all, which goes from one message to the next without waiting for the
    loop.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot | None],
        *,
        clock: Clock,
        message: Message,
        watch: Watch | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._message = message
        self._watch = watch
        self._watched = -math.inf
        self._groups: dict[tuple[tuple[str, str], ...], set[Reader]] = {}
        self._news = asyncio.Event()
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="stream")
        self._closed = False

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._groups.values()))

    def tell(self) -> None:
        """There is news: the next messages need not wait for the second to end."""
        self._news.set()

    def join(self, asked: Asked) -> Reader:
        """A reader of what is asked for, who gets the first message with the next ones."""
        reader = Reader()
        if self._closed:
            reader.end()
        self._groups.setdefault(tuple(asked.items()), set()).add(reader)
        self._news.set()
        return reader

    def leave(self, asked: Asked, reader: Reader) -> None:
        """No more messages for this reader."""
        group = self._groups[tuple(asked.items())]
        group.remove(reader)
        if not group:
            del self._groups[tuple(asked.items())]

    def close(self) -> None:
        """Ends all streams, those too that are opened from now on."""
        self._closed = True
        self._maker.shutdown(wait=False, cancel_futures=True)
        for group in self._groups.values():
            for reader in group:
                reader.end()

    async def run(self) -> None:
        """Tells everybody, until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began, before = clock(), process_time()
            self._news.clear()
            await self._round()
            await asyncio.sleep(rest_s(clock() - began, process_time() - before))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(began + QUIET_S):
                    await self._news.wait()

    async def _round(self) -> None:
        """One message for every group, all of the same moment."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        if not self._groups and (self._watch is None or loop.time() < self._watched + WATCH_S):
            return
        snapshot, now = self._snapshot(), self._clock()
        if snapshot is None:
            return
        if not self._groups and self._watch is not None:
            self._watched = loop.time()
            watching = loop.run_in_executor(self._maker, self._watch, snapshot, now)
            [wrong] = await asyncio.gather(watching, return_exceptions=True)
            if isinstance(wrong, Exception):
                logger.error("a bug: the board is not remembered", exc_info=wrong)
        made = {
            asked: loop.run_in_executor(self._maker, self._written, snapshot, now, dict(asked))
            for asked in self._groups
        }
        for asked, making in made.items():
            # What went wrong is for those who asked: it is raised where they are answered.
            [message] = await asyncio.gather(making, return_exceptions=True)
            for reader in self._groups.get(asked, ()):
                reader.give(message)

    def _written(self, snapshot: Snapshot, now: int, asked: Asked) -> bytes:
        return b"id: %d\ndata: %b\n\n" % (now, orjson.dumps(self._message(snapshot, now, asked)))


def rest_s(took: float, computed: float) -> float:
    """The pause after a round that took so many seconds, in which the process computed for so many.

    Never less than these: however dear the messages of a large board are, half of a core is left
    for everything else. That others keep the machine busy is no reason to pause.
    """
    return max(APART_S - took, computed)


async def answer(
    request: web.Request, broadcast: Broadcast, asked: Asked, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answers with messages until the reader leaves, stalls, or the broadcast ends.

    Raises what making the first message raises: ValueError for what is wrong to ask for.
    """
    reader = broadcast.join(asked)
    try:
        first = await reader.take()
        response = web.StreamResponse(
            headers={**headers, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await _tell(request, response, first, reader)
        return response
    finally:
        broadcast.leave(asked, reader)


async def _tell(
    request: web.Request, response: web.StreamResponse, first: bytes | None, reader: Reader
) -> None:
    message = first
    try:
        await response.prepare(request)
        _hold_little(request)
        await response.write(b"retry: %d\n\n" % RETRY_MS)
        while message is not None:
            async with asyncio.timeout(STALLED_S):
                await response.write(message)
                # aiohttp itself waits for the reader only once in 64 KiB.
                await request.writer.drain()
            message = await reader.take()
    except ConnectionError:
        return  # the reader left
    except ValueError:
        return  # what was right to ask for is so no more: whoever asks again is told
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


def _hold_little(request: web.Request) -> None:
    """What a reader does not take is noticed at once, instead of being kept for later."""
    transport = request.transport
    if transport is not None:
        transport.set_write_buffer_limits(high=0)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
