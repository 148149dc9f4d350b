"""One tick a whole second into every owned partition of `care.events`: time is in the log.

A tick goes into the partition only once it is restored, so it stands behind everything that was
already in the log. It is no part of a transaction: one from a former owner does no harm, since a
repeated second says nothing new.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carewatch.clock import Clock
from carewatch.domain.times import format_time
from carewatch.wire.envelope import CONTENT_TYPE, encode_tick

logger = logging.getLogger(__name__)

SECOND_MS: Final = 1000
SEND_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0

_FAILED: Final = (KafkaError, TimeoutError, OSError, AssertionError)


class Ticker:
    """Writes the clock into `topic`, for the partitions that `owned` names at that moment.

    While the clock is not `believed` nothing is written: a wrong tick cannot be taken back.
    """

    def __init__(
        self,
        *,
        topic: str,
        owned: Callable[[], Iterable[int]],
        believed: Callable[[], bool] = lambda: True,
        clock: Clock,
        options: dict[str, Any],
    ) -> None:
        self._topic = topic
        self._owned = owned
        self._believed = believed
        self._clock = clock
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        """Ticks until cancelled. A second that cannot be written is left out."""
        last = 0
        try:
            while True:
                await asyncio.sleep(until_next_second(self._clock()))
                at = whole_second(self._clock())
                if at <= last:
                    continue
                last = at
                if not self._believed():
                    continue
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await self._tick(at)
                except _FAILED as error:
                    logger.warning("ticks of %s were not written: %r", format_time(at), error)
                    # An idempotent producer's sequence numbers are spent after an error.
                    await self._drop()
        finally:
            await self._drop()

    async def _tick(self, at: int) -> None:
        partitions = sorted(self._owned())
        if not partitions:
            return
        producer = self._producer or await self._start()
        text = format_time(at)
        sent = [
            await producer.send(
                self._topic,
                encode_tick(partition=partition, at=text),
                partition=partition,
                timestamp_ms=at,
                headers=[CONTENT_TYPE],
            )
            for partition in partitions
        ]
        await asyncio.gather(*sent)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options, enable_idempotence=True, acks="all", request_timeout_ms=4000
        )
        self._producer = producer
        await producer.start()
        return producer

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with contextlib.suppress(*_FAILED):
            async with asyncio.timeout(STOP_SECONDS):
                await producer.stop()
        with contextlib.suppress(*_FAILED):
            await producer.client.close()


def whole_second(now: int) -> int:
    """The second that `now` (ms) lies in; a timer may wake a moment early, so half counts up."""
    return (now + SECOND_MS // 2) // SECOND_MS * SECOND_MS


def until_next_second(now: int) -> float:
    """Seconds from `now` (ms) to the next whole second: more than 0, at most 1."""
    return (SECOND_MS - now % SECOND_MS) / 1000
