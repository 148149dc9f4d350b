"""What operators have ordered: the fold of `care.commands`, the same in every worker.

Read from the topic's beginning at the start, then told each new record. An order is carried out by
the worker that owns the partition; the others only know of it, in case the partition comes to them.
"""

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carewatch.domain.errors import InvalidRecord, Refused, Retryable
from carewatch.engine.ports import Log
from carewatch.engine.starting import started
from carewatch.wire.commands import (
    Accept,
    Command,
    Order,
    Pause,
    Redrive,
    Release,
    Resume,
    decode_command,
    encode_command,
)
from carewatch.wire.envelope import CONTENT_TYPE
from carewatch.wire.topics import COMMANDS

logger = logging.getLogger(__name__)


class Paused(Refused):
    """An operator said so."""


Place = tuple[str, int]
"""A stage and its source partition."""


class Orders:
    """Pauses, releases and acceptances in force."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._paused: dict[Place, str] = {}
        self._allowed: dict[Place, int] = {}
        self._accepted: dict[Place, int] = {}
        self._listeners: list[Callable[[str, int], None]] = []

    def listen(self, heard: Callable[[str, int], None]) -> None:
        """Calls `heard(stage, partition)` after every order about one."""
        self._listeners.append(heard)

    def paused(self, stage: str, partition: int) -> str | None:
        """Who paused the partition; None when nobody did."""
        return self._paused.get((stage, partition))

    def allowed_until(self, stage: str, partition: int) -> int:
        """Dead letters below this source offset are not counted; 0 without an order."""
        return self._allowed.get((stage, partition), 0)

    def accepts(self, stage: str, partition: int, marker: int) -> bool:
        """Whether to go on from exactly this marker whatever else is found."""
        return self._accepted.get((stage, partition)) == marker

    async def read(self, log: Log) -> None:
        """Takes everything that `care.commands` still holds."""
        end = await log.stable_end(COMMANDS, 0)
        async for records in log.read(COMMANDS, 0, end):
            for record in records:
                self.take(record.value)

    def take(self, value: bytes | None) -> None:
        """Takes one record; what is no order is logged, without its value, and left out."""
        try:
            command = decode_command(value)
        except InvalidRecord as error:
            logger.warning("a record of %s is no order: %s", COMMANDS, error.reason)
            return
        if command.id in self._seen:
            return
        self._seen.add(command.id)
        self._follow(command)

    def _follow(self, command: Command) -> None:
        order = command.order
        if isinstance(order, Redrive):
            logger.info("%s had dead letters fed again (%s)", order.by, command.id)
            return
        place = (order.stage, order.partition)
        match order:
            case Pause():
                self._paused[place] = order.by
            case Resume():
                self._paused.pop(place, None)
            case Release():
                self._allowed[place] = max(order.until_offset, self._allowed.get(place, 0))
            case Accept():
                self._accepted[place] = order.marker
        logger.info(
            "%s ordered %s of %s partition %s (%s)",
            order.by,
            type(order).__name__.lower(),
            order.stage,
            order.partition,
            command.id,
        )
        for heard in self._listeners:
            heard(*place)


async def give_order(order: Order, options: dict[str, Any], *, at: int) -> str:
    """Writes an order to `care.commands`; returns its id. Raises Retryable without a broker."""
    id_ = str(uuid4())
    producer = AIOKafkaProducer(**options, enable_idempotence=True, acks="all")
    try:
        await started(producer.start)
        await producer.send_and_wait(
            COMMANDS, encode_command(order, id_=id_, at=at), partition=0, headers=[CONTENT_TYPE]
        )
    except (KafkaError, OSError) as error:
        raise Retryable(f"the order was not given: {error!r}") from error
    finally:
        await producer.stop()
    return id_
