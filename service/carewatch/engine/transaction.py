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
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.sender import Sender

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.ports import Fenced, Message
from carewatch.engine.starting import started
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
        self._unanswered: set[asyncio.Future[object]] = set()
        self._closed = False

    async def start(self) -> None:
        """Registers the id; whoever had it before can commit nothing from here on."""
        with _translated(self._id):
            await started(self._producer.start)

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
        answer.add_done_callback(self._unanswered.discard)
        self._unanswered.add(answer)

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
        """Ends aiokafka's sender and its requests, then the connections, whatever their state.

        A transaction that is still open is left to the next start of the id, which ends it. Not
        by aiokafka's own stop: that waits for the answers to all batches, and where there are none
        any more, a request that goes on meanwhile finds its batch gone and says so at length.
        """
        if self._closed:
            return
        self._closed = True
        sender = self._producer._sender  # noqa: SLF001
        await _end(_tasks_of(sender))
        for answer in self._unanswered:
            if not answer.done():
                answer.set_exception(Retryable(f"{self._id}: closed before the broker answered"))
        self._producer._closed = True  # noqa: SLF001 - else it complains of being forgotten
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.client.close()
        except (TimeoutError, KafkaError, OSError) as error:
            logger.warning("%s: closing the connections took too long: %r", self._id, error)
        self._consume_leftovers()

    def _consume_leftovers(self) -> None:
        """Takes the errors of futures nobody awaited: the transaction's end, batches never sent.

        A sender that was fenced has failed them all.
        """
        unsent = self._producer._message_accumulator._batches.values()  # noqa: SLF001
        for future in (
            self._producer._txn_manager.wait_for_transaction_end(),  # noqa: SLF001
            *(batch._drain_waiter for batches in unsent for batch in batches),  # noqa: SLF001
        ):
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


def _tasks_of(sender: Sender) -> "set[asyncio.Task[Any]]":
    """The sender's own task and those of its requests, which it keeps in a local variable."""
    found = set()
    for task in asyncio.all_tasks():
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_locals.get("self") is sender:
            found.add(task)
    return found


async def _end(tasks: "set[asyncio.Task[Any]]") -> None:
    """Cancels what aiokafka does and takes whatever it ends with: it is not used again.

    Once cancelled its sender still waits for its requests; cancelled again it leaves them.
    """
    left = tasks
    for _ in range(CANCEL_TIMES):
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=CLOSE_SECONDS / CANCEL_TIMES)
    for task in tasks - left:
        if not task.cancelled():
            task.exception()


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
