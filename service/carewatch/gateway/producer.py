"""Publishing to Kafka: idempotent, acks=all, within a deadline, through broker outages.

Start-up does not need the broker: the connection is made, and made again, in the background;
until it stands every publication is refused at once. Nothing is buffered beyond the deadline, so
an outage costs no memory.
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from carewatch.domain.errors import Retryable
from carewatch.engine.starting import started
from carewatch.wire.partitions import partition_of

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 10
RETIRE_TIMEOUT_S: Final = 5
BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0)

STUCK_AFTER_S: Final = 10
"""A producer that acknowledged nothing for this long, although asked, is replaced."""


class Unavailable(Retryable):
    """Kafka did not acknowledge in time; the sender must try again."""


class Outgoing(NamedTuple):
    """One record to publish; `timestamp` is ms UTC."""

    key: bytes | None
    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Publisher:
    """Publishes to one topic. `start` returns at once, `stop` is safe without `start`.

    The topic is never created here: it is looked for in the list of all topics, and a missing one
    keeps the publisher unready. So does one with another count than `partitions`, if that is
    given: keys must not move.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topic: str,
        *,
        deadline_ms: int,
        max_request_bytes: int,
        client_id: str,
        partitions: int | None = None,
    ) -> None:
        self._options = dict(options)
        self._topic = topic
        self._deadline_s = deadline_ms / 1000
        self._max_request_bytes = max_request_bytes
        self._client_id = client_id
        self._partitions = partitions
        self._producer: AIOKafkaProducer | None = None
        self.was_ready = False
        """Whether it was connected at least once: the topic is as it should be, or was."""
        self._broken = asyncio.Event()
        self._reason = "not connected to Kafka yet"
        self._silent_since: float | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def unready(self) -> str | None:
        """Why nothing can be published now, None when it can."""
        return None if self._producer is not None else self._reason

    def start(self) -> None:
        """Begins to connect in the background."""
        self._keeper = asyncio.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Ends the connection; what was acknowledged is stored, nothing else was promised."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._producer is not None:
            self._retire(self._producer, "the gateway stops")
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns when Kafka acknowledged all of them; else raises Unavailable.

        After Unavailable some may be stored nevertheless: their ids are those of the retry.
        """
        producer = self._producer
        if producer is None:
            raise Unavailable(self._reason)
        loop = asyncio.get_running_loop()
        if self._silent_since is None:
            self._silent_since = loop.time()
        futures: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(self._deadline_s):
                for record in records:
                    # One by one: after a failure, those already sent must still be heard.
                    futures.append(  # noqa: PERF401
                        await producer.send(
                            self._topic,
                            key=record.key,
                            value=record.value,
                            timestamp_ms=record.timestamp,
                            headers=list(record.headers),
                        )
                    )
                # Waiting for one after the other is no slower, and cancels none of them.
                for future in futures:
                    await asyncio.shield(future)
        except TimeoutError as error:
            if loop.time() - (self._silent_since or loop.time()) > STUCK_AFTER_S:
                self._retire(producer, "acknowledges nothing")
            raise Unavailable("Kafka did not acknowledge in time") from error
        except Unavailable as error:
            self._retire(producer, str(error))
            raise
        except MessageSizeTooLargeError:
            raise
        except KafkaError as error:
            self._retire(producer, type(error).__name__)
            raise Unavailable(f"Kafka refused: {type(error).__name__}") from error
        finally:
            for future in futures:
                # Whoever fails later must not complain that nobody listened.
                future.add_done_callback(_hear)
        self._silent_since = None

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            try:
                producer = await self._connect()
            except (KafkaError, OSError, TimeoutError, Unavailable) as error:
                reason = str(error) if isinstance(error, Unavailable) else "Kafka is not reachable"
                if reason != self._reason:
                    logger.warning("cannot publish to %s: %s", self._topic, reason)
                self._reason = reason
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
                continue
            attempt = 0
            self._silent_since = None
            self._broken.clear()
            self._producer = producer
            self.was_ready = True
            logger.info("publishing to %s", self._topic)
            await self._broken.wait()

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options,
            client_id=self._client_id,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=2,
            max_request_size=self._max_request_bytes,
            request_timeout_ms=5000,
            retry_backoff_ms=100,
            partitioner=self._partition,
        )
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await started(producer.start)
                # Asking for one topic may create it; asking for the list of all does not.
                cluster = await producer.client.fetch_all_metadata()
        except BaseException:
            await producer.stop()
            raise
        found = len(cluster.partitions_for_topic(self._topic) or ())
        if not found:
            await producer.stop()
            raise Unavailable(f"topic {self._topic} does not exist: run `carewatch topics apply`")
        if self._partitions not in (None, found):
            await producer.stop()
            raise Unavailable(self._another_count(found))
        return producer

    def _partition(self, key: bytes | None, every: Sequence[int], available: Sequence[int]) -> int:
        """The partition of the key, as track and replay know it; without a key any that is there.

        Raises Unavailable when partitions were added meanwhile.
        """
        if self._partitions not in (None, len(every)):
            raise Unavailable(self._another_count(len(every)))
        if key is None:
            return random.choice(available or every)  # noqa: S311 - spreads load, hides nothing
        return partition_of(key, len(every))

    def _another_count(self, found: int) -> str:
        return (
            f"topic {self._topic} has {found} partitions, kafka.partitions says "
            f"{self._partitions}: keys would go to other partitions than their state. Remedy: set "
            "kafka.partitions to the count it was born with, or create the topics anew"
        )

    def _retire(self, producer: AIOKafkaProducer, reason: str) -> None:
        """Takes a producer out of use; a second call for the same one does nothing."""
        if producer is not self._producer:
            return
        self._producer = None
        self._reason = f"reconnecting to Kafka ({reason})"
        self._broken.set()
        logger.info("closing the producer of %s: %s", self._topic, reason)
        task = asyncio.create_task(_close(producer))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _close(producer: AIOKafkaProducer) -> None:
    """Closes a producer that may have lost its broker, without waiting for what it still holds.

    `stop` alone flushes first, and an idempotent producer retries for ever: so everything pending
    fails now. Its senders were or will be told to try again.
    """
    pending = producer._message_accumulator  # noqa: SLF001
    for batches in pending._batches.values():  # noqa: SLF001
        for batch in batches:
            # Resolved with the batch, and awaited only by those who found it full.
            batch._drain_waiter.add_done_callback(_hear)  # noqa: SLF001
    pending.fail_all(Unavailable("closed"))
    try:
        async with asyncio.timeout(RETIRE_TIMEOUT_S):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError, Unavailable):
        await producer.client.close()


def _hear(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
