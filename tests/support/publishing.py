"""What is published into a log: kept in lists, in one transaction or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field

from carewatch.engine.ports import Message
from carewatch.processors.base import Record

NOW = 1_767_607_200_120
"""2026-01-05T10:00:00.120Z"""


@dataclass
class Store:
    """A log of lists, and the one producer that writes to it when it commits."""

    topics: dict[tuple[str, int], list[Record]] = field(default_factory=dict)
    pending: list[tuple[str, int, Message]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fail: str = ""

    async def start(self) -> None:
        self.calls.append("start")

    async def begin(self) -> None:
        self.calls.append("begin")

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        self.pending += [(topic, partition, message) for message in messages]
        stored: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.fail == topic:
            stored.set_exception(ConnectionError("the batch was not stored"))
        else:
            stored.set_result(None)
        return [stored]

    async def commit(self) -> None:
        self.calls.append("commit")
        for topic, partition, message in self.pending:
            log = self.topics.setdefault((topic, partition), [])
            log.append(Record(len(log), message.key, message.value, message.headers))

    async def close(self) -> None:
        self.calls.append("close")
        self.pending.clear()

    async def first_offset(self, topic: str, partition: int) -> int:
        return 0

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        return self.topics[topic, partition][offset]

    async def stable_end(self, topic: str, partition: int) -> int:
        self.calls.append("read")
        return len(self.topics.get((topic, partition), []))

    async def read(self, topic: str, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        yield self.topics.get((topic, partition), [])[:end]
