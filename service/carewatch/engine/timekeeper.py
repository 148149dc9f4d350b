"""Whether this process's clock may be believed: compared with the time at which Kafka appends.

Time enters the log by two doors, the gateway's arrival times and the worker's ticks. A machine that
is an hour ahead would close every open window and breach every promise, for good. So both clocks
are a start reading plus what has passed since (a jump does not reach them), and both are compared
with the broker's append time in a topic that Kafka stamps itself.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carewatch.clock import SteadyClock
from carewatch.domain.errors import Retryable
from carewatch.engine.starting import started
from carewatch.wire.topics import PROBE

logger = logging.getLogger(__name__)

APART_MS: Final = 5_000
"""Further apart than this the two clocks do not mean the same time."""

EVERY_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 0.5
PROBE_SECONDS: Final = 5.0
_LOG_APPEND_TIME: Final = 1


class BrokerTime(Protocol):
    """The broker's clock."""

    async def __call__(self) -> int:
        """Now, in ms; raises Retryable when the broker cannot be asked."""

    async def close(self) -> None:
        """Ends what was needed for asking."""


class Timekeeper:
    """Compares a clock with the broker's, again and again; until the first time it is not believed.

    `on_compared` is told by how many ms the clock is ahead, negative when it is behind.
    """

    def __init__(
        self,
        clock: SteadyClock,
        broker_time: BrokerTime,
        on_compared: Callable[[int], None] = lambda _ahead: None,
    ) -> None:
        self._clock = clock
        self._broker_time = broker_time
        self._on_compared = on_compared
        self._unready: str | None = "the clock was not compared with Kafka's yet"

    @property
    def unready(self) -> str | None:
        """Why nothing may be stamped with this clock; None when it may. Only reads."""
        return self._unready

    async def run(self) -> None:
        """Compares until cancelled. A broker that is away leaves the last answer in force."""
        said: str | None = None
        try:
            while True:
                try:
                    await self.compare()
                except (Retryable, TimeoutError) as error:
                    if said != str(error):
                        said = str(error)
                        logger.warning("the clock could not be compared with Kafka's: %s", error)
                    await asyncio.sleep(AGAIN_SECONDS)
                else:
                    said = None
                    await asyncio.sleep(EVERY_SECONDS if self._unready is None else AGAIN_SECONDS)
        except Exception:
            self._unready = "the clock is no longer compared with Kafka's: a defect, see the log"
            raise
        finally:
            await self._broker_time.close()

    async def compare(self) -> int:
        """How far the clock is ahead (ms), 0 while the broker's lies within the question's time.

        A clock that is apart takes a new start reading: the machine's may be right again.
        """
        async with asyncio.timeout(PROBE_SECONDS):
            before = self._clock()
            broker = await self._broker_time()
            after = self._clock()
        ahead = max(0, before - broker) or min(0, after - broker)
        self._on_compared(ahead)
        if abs(ahead) <= APART_MS:
            if self._unready is not None:
                logger.info("the clock agrees with Kafka's within %s ms", abs(ahead))
            self._unready = None
            return ahead
        where = "ahead of" if ahead > 0 else "behind"
        unready = (
            f"this machine's clock is {abs(ahead) / 1000:.1f} s {where} Kafka's: nothing is "
            "stamped with it. Remedy: set the clock of whichever is wrong; work goes on by itself"
        )
        if self._unready != unready:
            logger.error("%s", unready)
        self._unready = unready
        self._clock.restart()
        return ahead


class AppendTime:
    """A `BrokerTime` by a record of a topic that the broker stamps (LogAppendTime)."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def __call__(self) -> int:
        try:
            producer = self._producer or await self._start()
            stored = await producer.send_and_wait(PROBE, b"", partition=0)
        except (KafkaError, OSError, AssertionError) as error:
            await self.close()
            raise Retryable(f"asking Kafka for its time: {error!r}") from error
        except BaseException:
            await self.close()
            raise
        if stored.timestamp_type != _LOG_APPEND_TIME:
            raise Retryable(
                f"{PROBE}: message.timestamp.type is CreateTime, must be LogAppendTime; remedy: "
                f"kafka-configs --alter --topic {PROBE} --add-config "
                "message.timestamp.type=LogAppendTime"
            )
        return int(stored.timestamp)

    async def close(self) -> None:
        """Ends the connection, if there is one; the next question makes another."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            logger.info("closing the probe: %r", error)
            await producer.client.close()

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**self._options, acks=1, request_timeout_ms=4000)
        self._producer = producer
        await started(producer.start)
        # Asking for one topic may create it; asking for the list of all does not.
        cluster = await producer.client.fetch_all_metadata()
        if not cluster.partitions_for_topic(PROBE):
            await self.close()
            raise Retryable(f"topic {PROBE} does not exist: run `carewatch topics apply`")
        return producer
