"""The fenced producer of one source partition: one transactional id, on aiokafka.

aiokafka's commit does not raise for a batch that failed, so every batch is a future that the
caller awaits. After any error the producer is thrown away: sequence numbers are spent, and only a
new start of the id tells whether a commit happened (Kafka's InitProducerId).
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    KafkaError,
    ProducerClosed,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.ports import Fenced, Message
from carewatch.wire.topics import BY_NAME

logger = logging.getLogger(__name__)

BATCH_BYTES: Final = 524_288
"""How much one batch holds; a single larger record makes a batch of its own."""

CANCEL_TIMES: Final = 10
CLOSE_SECONDS: Final = 2
"""How long closing may take: aiokafka's own stop can wait for ever after fencing."""

_TOPIC_BYTES: Final = 1_048_576
"""Kafka's default for `max.message.bytes`, where the catalogue says nothing."""


class KafkaTransaction:
    """A `TransactionalProducer` on Kafka."""

    def __init__(
        self, transactional_id: str, *, options: dict[str, Any], transaction_timeout_ms: int
    ) -> None:
        self._id = transactional_id
        self._producer = AIOKafkaProducer(
            **options,
            transactional_id=transactional_id,
            transaction_timeout_ms=transaction_timeout_ms,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=10_000,
            # A transaction meets the markers of the one before it now and then; waiting the
            # default of 100 ms for them would be half of the latency.
            retry_backoff_ms=20,
            compression_type="zstd",
        )
        self._closed = False

    async def start(self) -> None:
        """Registers the id; whoever had it before can commit nothing from here on."""
        with _translated(self._id):
            await self._producer.start()

    async def begin(self) -> None:
        with _translated(self._id):
            await self._producer.begin_transaction()

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[asyncio.Future[object]]:
        batches = self._batches(topic, messages)
        futures: list[asyncio.Future[object]] = []
        with _translated(self._id):
            for batch in batches:
                sent = await self._producer.send_batch(batch, topic, partition=partition)
                futures.append(self._answer(sent))
        return futures

    def _answer(self, sent: "asyncio.Future[object]") -> "asyncio.Future[object]":
        """The broker's answer to a batch, with aiokafka's errors as ours.

        It may also go unread: a transaction that dies half-way leaves answers nobody waits for.
        """
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_consume)

        def hand_on(done: "asyncio.Future[object]") -> None:
            if answer.done():
                return
            try:
                with _translated(self._id):
                    answer.set_result(done.result())
            except asyncio.CancelledError:
                answer.set_exception(Retryable(f"{self._id}: a batch was given up"))
            except Exception as error:  # noqa: BLE001 - handed on, whatever it is
                answer.set_exception(error)

        sent.add_done_callback(hand_on)
        return answer

    async def commit(self) -> None:
        with _translated(self._id):
            await self._producer.commit_transaction()

    async def close(self) -> None:
        """Ends aiokafka's sender, then its connections, whatever state they are in.

        A transaction that is still open is left to the next start of the id, which ends it.
        """
        if self._closed:
            return
        self._closed = True
        await _end(self._producer._sender.sender_task)  # noqa: SLF001
        # Nobody sends any more: stop() would wait for ever for the answers to these batches.
        self._producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.stop()
        except (TimeoutError, KafkaError) as error:
            logger.warning("%s: stopping the producer took too long: %r", self._id, error)
        except asyncio.CancelledError:
            # A sender that was cancelled twice ends as cancelled, and stop() hands that on.
            if _is_cancelled():
                raise
        self._consume_leftovers()

    def _consume_leftovers(self) -> None:
        """Takes the errors of futures nobody awaited: the transaction's end, batches never sent."""
        end = self._producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
        unsent = self._producer._message_accumulator._batches.values()  # noqa: SLF001
        drained = [batch._drain_waiter for batches in unsent for batch in batches]  # noqa: SLF001
        for future in (end, *drained):
            if future is not None and future.done():
                _consume(future)

    def _batches(self, topic: str, messages: Sequence[Message]) -> list[BatchBuilder]:
        """All batches, before any is sent: a record above the limit must not cost a half flush."""
        limit = _limit(topic)
        batches: list[BatchBuilder] = []
        for message in messages:
            if batches and _append(batches[-1], message):
                continue
            # An empty batch takes any record, also one that is larger than a batch.
            batch = self._producer.create_batch()
            _append(batch, message)
            if batch.size() > limit:
                raise Refused(
                    f"a record of {batch.size()} bytes is larger than max.message.bytes of {topic} "
                    f"({limit}); nothing was written. Remedy: raise max.message.bytes in the topic "
                    "catalogue and on the cluster"
                )
            batches.append(batch)
        return batches


def _limit(topic: str) -> int:
    known = BY_NAME.get(topic)
    return int(known.config.get("max.message.bytes", _TOPIC_BYTES)) if known else _TOPIC_BYTES


def _append(batch: BatchBuilder, message: Message) -> bool:
    appended = batch.append(
        timestamp=None, key=message.key, value=message.value, headers=list(message.headers)
    )
    return appended is not None


async def _end(task: "asyncio.Task[None] | None") -> None:
    """Cancels aiokafka's sender and takes whatever it ends with: it is not used again.

    Once cancelled it still waits for its requests; cancelled again it leaves them.
    """
    if task is None:
        return
    for _ in range(CANCEL_TIMES):
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_SECONDS / CANCEL_TIMES)
        if task.done():
            break
    if task.done() and not task.cancelled():
        task.exception()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _consume(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()


@contextlib.contextmanager
def _translated(transactional_id: str) -> Iterator[None]:
    """aiokafka's errors as ours; its assertions count, since they speak of its own state."""
    try:
        yield
    except (ProducerFenced, InvalidProducerEpoch) as error:
        raise Fenced(f"{transactional_id}: {error!r}") from error
    except (KafkaError, IllegalOperation, AssertionError, OSError) as error:
        raise Retryable(f"{transactional_id}: {error!r}") from error
