"""Failpoints: named places at which a test lets the worker die or freeze, from inside.

`CAREWATCH_FAILPOINTS="after_begin=kill@3,during_commit=stop"`: at the third transaction that begins
the process kills itself, at the first commit under way it freezes until somebody wakes it
(SIGCONT). The engine knows nothing of them: they are wrapped around its ports, and where none is
set nothing is wrapped.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from carewatch.domain.errors import ConfigError
from carewatch.engine.observer import Flushed, Observer
from carewatch.engine.ports import Log, Message, TransactionalProducer
from carewatch.processors.base import Record
from carewatch.settings import Settings

FAILPOINTS: Final[Mapping[str, str]] = {
    "after_assign": "the group has given partitions, none is opened yet",
    "before_init": "a partition is about to register its transactional id",
    "after_init": "the id is registered, which fences the former owner; nothing is read yet",
    "mid_restore": "a first batch of changelog rows is read",
    "after_restore": "the changelog is read to its end",
    "after_open": "the partition lives; no record was taken in",
    "during_feed": "a slice of records is folded, and not durable",
    "after_begin": "a transaction has begun",
    "during_rows": "the first records of a transaction are on their way",
    "before_commit": "every record of the transaction is stored",
    "during_commit": "the commit is on its way",
    "after_commit": "the commit was answered",
    "after_flush": "the flush is over",
    "after_revoke": "the group has taken the partitions back, nothing is flushed yet",
}
"""Every failpoint, and what has happened when it is reached."""

ACTIONS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

ON_ITS_WAY_SECONDS: Final = 0.002
"""How long a request is given to leave before `during_commit` strikes."""

Strike = Callable[[signal.Signals], None]


@dataclass(frozen=True, slots=True)
class _Plan:
    what: signal.Signals
    at: int


class Failpoints:
    """Counts how often each place was reached, and strikes at the one that was asked for."""

    def __init__(self, plans: Mapping[str, _Plan], strike: Strike) -> None:
        self._plans = plans
        self._strike = strike
        self._reached: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        """To be called at the place `name`; may not return."""
        plan = self._plans.get(name)
        if plan is None:
            return
        self._reached[name] += 1
        if self._reached[name] == plan.at:
            self._strike(plan.what)


def read_failpoints(settings: Settings, strike: Strike | None = None) -> Failpoints | None:
    """What `failpoints` of the configuration asks for; None without any.

    Raises ConfigError for a name or an action that does not exist, and for failpoints in a
    configuration that does not say `testing: true`: a worker in production never kills itself.
    """
    if not settings.failpoints:
        return None
    if not settings.testing:
        raise ConfigError(
            f"failpoints (CAREWATCH_FAILPOINTS) is {settings.failpoints!r}, but testing is not "
            "true: failpoints kill the worker. Remedy: remove them, or set testing: true in a "
            "configuration that is for tests only"
        )
    plans = dict(_read(text.strip()) for text in settings.failpoints.split(","))
    return Failpoints(plans, strike or _strike_myself)


def _read(text: str) -> tuple[str, _Plan]:
    name, _, rest = text.partition("=")
    action, _, at = rest.partition("@")
    at = at or "1"
    if name not in FAILPOINTS or action not in ACTIONS or not at.isdecimal() or int(at) < 1:
        raise ConfigError(
            f"failpoints (CAREWATCH_FAILPOINTS): {text!r} is not NAME=ACTION or NAME=ACTION@TIME. "
            f"Remedy: a name of {', '.join(FAILPOINTS)}; an action of {', '.join(ACTIONS)}; "
            "and which time it strikes, from 1 on"
        )
    return name, _Plan(ACTIONS[action], int(at))


def _strike_myself(what: signal.Signals) -> None:
    os.kill(os.getpid(), what)


class FailingProducer:
    """A transactional producer with failpoints around each step."""

    def __init__(self, producer: TransactionalProducer, points: Failpoints) -> None:
        self._producer = producer
        self._points = points

    async def start(self) -> None:
        self._points.reach("before_init")
        await self._producer.start()
        self._points.reach("after_init")

    async def begin(self) -> None:
        await self._producer.begin()
        self._points.reach("after_begin")

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        stored = await self._producer.send(topic, partition, messages)
        self._points.reach("during_rows")
        return stored

    async def commit(self) -> None:
        self._points.reach("before_commit")
        commit = asyncio.ensure_future(self._producer.commit())
        try:
            await asyncio.wait([commit], timeout=ON_ITS_WAY_SECONDS)
            self._points.reach("during_commit")
            await commit
        finally:
            commit.cancel()
        self._points.reach("after_commit")

    async def close(self) -> None:
        await self._producer.close()


class FailingLog:
    """A log with failpoints inside a restore."""

    def __init__(self, log: Log, points: Failpoints) -> None:
        self._log = log
        self._points = points

    async def first_offset(self, topic: str, partition: int) -> int:
        return await self._log.first_offset(topic, partition)

    async def stable_end(self, topic: str, partition: int) -> int:
        return await self._log.stable_end(topic, partition)

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        return await self._log.record_at(topic, partition, offset)

    async def read(self, topic: str, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        async for records in self._log.read(topic, partition, end):
            self._points.reach("mid_restore")
            yield records
        self._points.reach("after_restore")


class FailingObserver(Observer):
    """Strikes at what a lane and its partitions tell."""

    def __init__(self, points: Failpoints) -> None:
        self._points = points

    def assigned(self, stage: str, partitions: frozenset[int]) -> None:
        self._points.reach("after_assign")

    def revoked(self, stage: str) -> None:
        self._points.reach("after_revoke")

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        self._points.reach("after_open")

    def fed(self, stage: str, partition: int, *, records: int) -> None:
        self._points.reach("during_feed")

    def flushed(self, stage: str, partition: int, flushed: Flushed) -> None:
        self._points.reach("after_flush")
