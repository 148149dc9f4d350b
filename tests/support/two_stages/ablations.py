"""The protocol with one rule taken out at a time: each must be seen to give wrong results.

Every entry is a small override of the engine or of its client, so that what is switched off is the
real thing. A rule whose absence no run notices is either superfluous or untested.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from carewatch.domain.errors import Retryable
from carewatch.engine.changelog import Restored
from carewatch.engine.partition import Partition
from carewatch.engine.ports import Message, TransactionalProducer
from carewatch.engine.tally import Driven
from carewatch.processors.base import Flush, Stage
from carewatch.wire.rows import MARKER_KEY
from support.fake_clients import FakeProducer, FakeReader
from support.fake_log import Place
from support.two_stages.cluster import Design
from support.two_stages.stages import Broken, Merge, Tally


class MarkerAfterwards(FakeProducer):
    """Writes the marker by itself once the transaction is committed."""

    _marker: tuple[Place, Message] | None = None

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        rows = [message for message in messages if message.key != MARKER_KEY]
        if len(rows) < len(messages):
            self._marker = ((topic, partition), messages[-1])
        return await super().send(topic, partition, rows) if rows else []

    async def commit(self) -> None:
        await super().commit()
        if self._marker is not None:
            (topic, partition), marker = self._marker
            self._marker = None
            log = self.host.log
            await self._coordinator.post(lambda: log.append(topic, partition, marker))


class Deaf(FakeProducer):
    """Every batch looks stored, as if nobody awaited what became of it."""

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        stored = await super().send(topic, partition, messages)
        return [asyncio.gather(each, return_exceptions=True) for each in stored]


class RetryInPlace(Partition):
    """Sends a failed flush again, by a new producer, instead of restoring."""

    async def _transaction(
        self, producer: TransactionalProducer, flush: Flush, driven: Driven
    ) -> None:
        try:
            await super()._transaction(producer, flush, driven)
        except Retryable:
            await producer.close()
            again = self._producers(self.transactional_id)
            await again.start()
            await super()._transaction(again, flush, driven)
            if self._live is not None:
                self._live.producer = again


class LateStart(FakeProducer):
    """Registers its id with the first transaction, when the changelog has long been read."""

    async def start(self) -> None:
        pass

    async def begin(self) -> None:
        if self.epoch < 0:
            await super().start()
        await super().begin()


class ReadsUncommitted(FakeReader):
    """Takes what no transaction has committed for state."""

    committed_only = False


class GroupOffset(Partition):
    """Goes on from the group's offset, which is advisory, instead of the marker's."""

    async def _restore(self, stage: Stage, restored: Restored, committed: int | None) -> int:
        marked = await super()._restore(stage, restored, committed)
        if committed is None or not isinstance(stage, Tally | Merge):
            return marked
        stage.next = committed
        return committed


def _by_worker(stated: str, worker: str) -> str:
    return f"{stated}-{worker}"


REAL = Design(name="the protocol")

ABLATIONS = (
    Design(name="marker outside the transaction", rule="R4", producer=MarkerAfterwards),
    Design(name="commit despite a failed future", rule="R5", producer=Deaf),
    Design(name="retry in place instead of restore", rule="R6", partition=RetryInPlace),
    Design(name="changelog read before the producer starts", rule="R7", producer=LateStart),
    Design(name="transactional ids by worker", rule="R7", transactional_id=_by_worker),
    Design(name="restore reads uncommitted", rule="R7", restore_reader=ReadsUncommitted),
    Design(name="two writers on a changelog partition", rule="R8", second_writer=True),
    Design(name="seek to the group's offset", rule="R9", partition=GroupOffset),
    Design(name="no de-duplication by id", rule="R11", broken=Broken(identity=True)),
    Design(name="sinks read uncommitted", rule="R14", committed_facts=False),
    Design(name="partials by last arrival", rule="R14", broken=Broken(last_arrival=True)),
    Design(name="wall clock in the fold", rule="R2", wall_clock=True),
    Design(name="unsorted iteration in the fold", rule="R2", broken=Broken(order=True)),
)
"""What was switched off, and the rule that forbids it."""
