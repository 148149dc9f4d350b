"""The clock of every owned partition of `care.events`: time is in the log.

One tick a whole second; and one at the tenth after a deadline, or whatever else becomes true by
itself, so that a breach does not wait for the next second. A tick goes into the partition only once
it is restored, so it stands behind everything that was already in the log. It is no part of a
transaction: one from a former owner does no harm, since a repeated second says nothing new.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carewatch.clock import Clock
from carewatch.domain.times import format_time
from carewatch.engine.starting import started
from carewatch.wire.envelope import CONTENT_TYPE, encode_tick

logger = logging.getLogger(__name__)

SECOND_MS: Final = 1000
BEAT_MS: Final = 100
"""How often deadlines are looked for."""

SEND_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0

_FAILED: Final = (KafkaError, TimeoutError, OSError, AssertionError)


class Due(Protocol):
    """What says whether a tick between two whole seconds is worth its place in the log."""

    def due_before(self, clock: int) -> int | None:
        """The soonest instant (ms) below `clock` at which something becomes true, if any."""


class Ticker:
    """Writes the clock into `topic`, for the partitions that `owned` names at that moment.

    While the clock is not `believed` nothing is written: a wrong tick cannot be taken back.
    """

    def __init__(
        self,
        *,
        topic: str,
        owned: Callable[[], Mapping[int, Due]],
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
        self._last: dict[int, int] = {}

    async def run(self) -> None:
        """Ticks until cancelled. A second that cannot be written is left out."""
        try:
            while True:
                await asyncio.sleep(until_next_beat(self._clock()))
                if self._believed():
                    await self._beat(whole_beat(self._clock()))
        finally:
            await self._drop()

    async def _beat(self, beat: int) -> None:
        wanted = self.wanted(beat)
        if not wanted:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._write(wanted)
            self._last |= wanted
        except _FAILED as error:
            logger.warning("ticks of %s were not written: %r", format_time(beat), error)
            # An idempotent producer's sequence numbers are spent after an error.
            await self._drop()
            await asyncio.sleep(SECOND_MS / 1000)

    def wanted(self, beat: int) -> dict[int, int]:
        """The ticks to write at this tenth of a second, by partition.

        First comes that of the second. After it, one for what is due and has none yet: a stage that
        lags behind its ticks gets no more of them.
        """
        second = beat // SECOND_MS * SECOND_MS
        found = {}
        for partition, stage in sorted(self._owned().items()):
            last = self._last.get(partition, 0)
            if last < second:
                found[partition] = second
            elif (due := stage.due_before(beat)) is not None and due >= last:
                found[partition] = beat
        return found

    async def _write(self, ticks: Mapping[int, int]) -> None:
        producer = self._producer or await self._start()
        sent = [
            await producer.send(
                self._topic,
                encode_tick(partition=partition, at=format_time(at)),
                partition=partition,
                timestamp_ms=at,
                headers=[CONTENT_TYPE],
            )
            for partition, at in ticks.items()
        ]
        await asyncio.gather(*sent)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options, enable_idempotence=True, acks="all", request_timeout_ms=4000
        )
        self._producer = producer
        await started(producer.start)
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


def whole_beat(now: int) -> int:
    """The tenth of a second that `now` (ms) lies in; a timer may wake a moment early, so half
    counts up."""
    return (now + BEAT_MS // 2) // BEAT_MS * BEAT_MS


def until_next_beat(now: int) -> float:
    """Seconds from `now` (ms) to the next whole tenth: more than 0, at most 0.1."""
    return (BEAT_MS - now % BEAT_MS) / 1000
