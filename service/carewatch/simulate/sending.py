"""Traffic through a gateway, in real time, by a provider that does not give up easily."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp

from carewatch.clock import Clock
from carewatch.simulate.request import Request

IN_FLIGHT: Final = 64
"""Most requests that wait for their answer at the same time."""

ATTEMPT_TIMEOUT_S: Final = 15
PATIENCE_MS: Final = 120_000
"""How long one delivery is tried again before it counts as lost."""

FIRST_BACKOFF_MS: Final = 250
MAX_BACKOFF_MS: Final = 5000
EXAMPLES: Final = 5

_TRY_AGAIN: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(slots=True)
class Answers:
    """What came back. `wrong` holds the first answers that were not the expected ones."""

    by_status: Counter[int] = field(default_factory=Counter)
    retried: int = 0
    lost: int = 0
    mistaken: int = 0
    wrong: list[str] = field(default_factory=list)
    last_ms: int = 0

    @property
    def sent(self) -> int:
        return self.by_status.total()

    @property
    def as_expected(self) -> bool:
        return self.mistaken == 0 and self.lost == 0

    def note(self, request: Request, status: int, now: int) -> None:
        """Counts a final answer that came at `now`."""
        self.by_status[status] += 1
        self.last_ms = max(self.last_ms, now)
        if status != request.expect_status:
            self.mistaken += 1
            if len(self.wrong) < EXAMPLES:
                self.wrong.append(
                    f"{request.door.path}, delivery {request.delivery}: answered {status} "
                    f"instead of {request.expect_status}"
                )


class Sender:
    """Delivers requests to one gateway; `answers` is filled in while it goes on.

    429, 503 and a refused connection are tried again after what Retry-After says, else with
    growing pauses. `stop` ends it early, between two attempts.
    """

    def __init__(self, gateway: str, clock: Clock, stop: asyncio.Event) -> None:
        self.answers = Answers()
        self._gateway = gateway.rstrip("/")
        self._clock = clock
        self._stop = stop
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def send(self, requests: Iterable[Request]) -> None:
        """Delivers each request at its time; returns when all are answered or given up."""
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
            asyncio.TaskGroup() as deliveries,
        ):
            for request in requests:
                if await self._stopped_before(request.at_ms):
                    return
                await self._slots.acquire()
                delivery = deliveries.create_task(self._deliver(request, session))
                delivery.add_done_callback(lambda _: self._slots.release())

    async def _deliver(self, request: Request, session: aiohttp.ClientSession) -> None:
        """One delivery with its repetitions."""
        give_up_ms = self._clock() + PATIENCE_MS
        backoff_ms = FIRST_BACKOFF_MS
        url = self._gateway + request.door.path
        while True:
            pause_ms = backoff_ms
            try:
                headers = request.headers(self._clock())
                async with session.post(url, data=request.body, headers=headers) as answer:
                    await answer.read()
                    if answer.status not in _TRY_AGAIN:
                        self.answers.note(request, answer.status, self._clock())
                        return
                    pause_ms = _retry_after_ms(answer.headers.get("Retry-After"), backoff_ms)
            except (aiohttp.ClientConnectionError, TimeoutError):
                # The gateway is starting again or too slow: that is what providers repeat for.
                pause_ms = backoff_ms
            self.answers.retried += 1
            backoff_ms = min(backoff_ms * 2, MAX_BACKOFF_MS)
            again_ms = self._clock() + pause_ms
            if again_ms > give_up_ms or await self._stopped_before(again_ms):
                self.answers.lost += 1
                return

    async def _stopped_before(self, at_ms: int) -> bool:
        """Waits until `at_ms`; True as soon as `stop` is set."""
        left_ms = at_ms - self._clock()
        if not self._stop.is_set() and left_ms > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), left_ms / 1000)
        return self._stop.is_set()


def _retry_after_ms(header: str | None, otherwise_ms: int) -> int:
    """Retry-After in seconds; its other form, a date, is not worth a parser here."""
    if header is not None and header.isascii() and header.isdigit():
        return int(header) * 1000
    return otherwise_ms
