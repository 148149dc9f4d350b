"""Dead letters fed again, with the ids they had: whatever was counted already counts once.

A record goes back to its topic and partition, as it stood there. A request's body is read by its
channel once more, as of its arrival, and its events go where a new delivery's would.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carewatch.domain.errors import Retryable
from carewatch.engine.letters import Letter
from carewatch.engine.sealing import Seal
from carewatch.engine.starting import started
from carewatch.gateway.doors import Door
from carewatch.gateway.parsing import parse_again
from carewatch.gateway.producer import Outgoing
from carewatch.wire.envelope import CONTENT_TYPE
from carewatch.wire.partitions import partition_of
from carewatch.wire.topics import EVENTS


class _Keyed(msgspec.Struct):
    partitionkey: str


@dataclass(slots=True)
class Redriven:
    """How many letters and records went out, and why others did not, by reason."""

    letters: int = 0
    records: int = 0
    left: Counter[str] = field(default_factory=Counter)


class Redriver:
    """Feeds letters again, one after the other; each is stored before the next begins."""

    def __init__(
        self,
        options: dict[str, Any],
        *,
        doors: Mapping[tuple[str, str], Door],
        seal: Seal | None,
        partitions: Mapping[str, int],
    ) -> None:
        self._doors = doors
        self._seal = seal
        self._partitions = partitions
        self._producer = AIOKafkaProducer(**options, enable_idempotence=True, acks="all")
        self.done = Redriven()

    async def start(self) -> None:
        """Connects; raises Retryable without a broker."""
        try:
            await started(self._producer.start)
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise Retryable(f"feeding dead letters again: {error!r}") from error

    async def stop(self) -> None:
        """Ends the connection."""
        await self._producer.stop()

    async def feed(self, letter: Letter) -> None:
        """Feeds one letter again, or counts why not; raises Retryable when Kafka does not take it.

        Raises InvalidRecord or Refused for a letter that cannot be opened.
        """
        body = letter.open(self._seal)
        sends = self._record(letter, body) if letter.kind == "record" else self._body(letter, body)
        if not sends:
            return
        try:
            for topic, partition, record in sends:
                await self._producer.send_and_wait(
                    topic,
                    record.value,
                    key=record.key,
                    partition=partition,
                    headers=list(record.headers),
                )
        except (KafkaError, OSError) as error:
            raise Retryable(f"feeding dead letters again: {error!r}") from error
        self.done.letters += 1
        self.done.records += len(sends)

    def _record(self, letter: Letter, body: bytes) -> list[tuple[str, int, Outgoing]]:
        if letter.topic is None or letter.partition is None or not body:
            self.done.left["its place or its bytes are not known"] += 1
            return []
        # Track keeps no key, which may name somebody; the event says it.
        key = letter.key or _stated_key(body)
        if key is None and letter.topic == EVENTS:
            self.done.left["it names no conversation"] += 1
            return []
        record = Outgoing(key, body, 0, (CONTENT_TYPE,) if letter.topic == EVENTS else ())
        return [(letter.topic, letter.partition, record)]

    def _body(self, letter: Letter, body: bytes) -> list[tuple[str, int, Outgoing]]:
        door = self._doors.get((letter.channel or "", letter.account or ""))
        if door is None:
            self.done.left["its account is not configured"] += 1
            return []
        kept = letter.recall(self._seal)
        records, reason = parse_again(door, body, letter.arrived_at or 0, kept)
        if reason is not None:
            # What of it was understood is in the log already, or goes there now, by the same ids.
            self.done.left[f"it is still not understood ({reason})"] += 1
        return [
            (topic, partition_of(record.key or b"", self._partitions[topic]), record)
            for topic, record in records
        ]


def _stated_key(body: bytes) -> bytes | None:
    try:
        return msgspec.json.decode(body, type=_Keyed).partitionkey.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
