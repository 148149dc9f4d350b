"""Closing the way back: one version gate into every partition of `care.events`, or into none."""

import re
from collections.abc import Awaitable
from typing import Final

from carewatch import __version__
from carewatch.clock import Clock
from carewatch.domain.errors import ConfigError
from carewatch.engine.ports import Message, TransactionalProducer
from carewatch.wire.envelope import CONTENT_TYPE
from carewatch.wire.gates import encode_gate
from carewatch.wire.topics import EVENTS

TRANSACTIONAL_ID: Final = "carewatch-gate"
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", re.ASCII)


def check_gate(minimum: str) -> None:
    """Raises ConfigError for what is no version, or above that of this very program.

    A gate is never taken back: one that nobody can pass would stop all workers for good.
    """
    remedy = "name the one that the workers run, as carewatch --version says it"
    found, own = _VERSION.fullmatch(minimum), _VERSION.match(__version__)
    if found is None:
        raise ConfigError(f"VERSION {minimum!r} is not three numbers with dots between; {remedy}")
    if own is None or [int(n) for n in found.groups()] > [int(n) for n in own.groups()]:
        raise ConfigError(
            f"VERSION {minimum} is above this carewatch, which is {__version__}; {remedy}"
        )


async def publish_gate(
    minimum: str, *, producer: TransactionalProducer, partitions: int, clock: Clock
) -> None:
    """Demands `minimum` from here on, in one transaction; repeating it is harmless.

    `partitions` is the number of partitions of `care.events`. The producer is closed in any case.
    """
    check_gate(minimum)
    message = Message(None, encode_gate(minimum=minimum, recorded_at=clock()), (CONTENT_TYPE,))
    try:
        await producer.start()
        await producer.begin()
        stored: list[Awaitable[object]] = []
        for partition in range(partitions):
            stored += await producer.send(EVENTS, partition, [message])
        for batch in stored:
            await batch
        await producer.commit()
    finally:
        await producer.close()
