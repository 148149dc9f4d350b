"""The second driver: the same processors on lists, without Kafka. Also the test harness.

Records go in one by one; what a stage writes to a topic that another stage reads goes on at once,
so the outputs come in the order in which a worker would have produced them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from carewatch.domain.times import format_time
from carewatch.processors import PROCESSORS
from carewatch.processors.base import Output, PartitionContext, Processor, Record, Stage
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from carewatch.wire.hand_overs import is_hand_over
from carewatch.wire.partitions import partition_of

SECOND_MS: Final = 1000

Write = Callable[[Output], None]


class Replay:
    """All processors over `partitions` partitions of `care.events`; outputs go to `write`."""

    def __init__(
        self,
        write: Write,
        *,
        partitions: int = 1,
        merge_partitions: int = 1,
        processors: Sequence[Processor] = PROCESSORS,
    ) -> None:
        counts: Mapping[str, int] = {
            topic.name: {"source": partitions, "partials": merge_partitions}.get(topic.count, 1)
            for topic in topics.TOPICS
        }
        self._write = write
        self._partitions = partitions
        self._readers = {processor.reads: processor for processor in processors}
        self._stages: dict[tuple[str, int], Stage] = {}
        self._offsets: dict[tuple[str, int], int] = {}
        for processor in processors:
            for partition in range(counts[processor.reads]):
                stage = processor.build(PartitionContext(partition=partition, partitions=counts))
                stage.restore([], None)
                self._stages[processor.reads, partition] = stage
        self._clock: int | None = None

    def event(self, key: str, value: bytes) -> None:
        """An event, into the partition of its key; a hand-over is left out."""
        raw = key.encode()
        self.recorded(partition_of(raw, self._partitions), raw, value)

    def recorded(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        """A record of any kind as a worker read it, in the partition in which it stands.

        A recorded hand-over of a merged conversation is left out: it follows from the others, and
        is derived again (E14).
        """
        if not is_hand_over(value):
            self._feed(topics.EVENTS, partition, key, value)

    def everywhere(self, value: bytes) -> None:
        """A control record, into every partition."""
        for partition in range(self._partitions):
            self._feed(topics.EVENTS, partition, None, value)

    def tick(self, at: int) -> None:
        """The tick of one second, into every partition."""
        text = format_time(at)
        for partition in range(self._partitions):
            value = encode_tick(partition=partition, at=text)
            self._feed(topics.EVENTS, partition, None, value)

    def ticks_until(self, recorded: int) -> None:
        """The ticks of every second up to the one of `recorded`; the first call begins there.

        Seconds in which nothing becomes due are left out: their ticks would only say the time, and
        a night is long.
        """
        second = recorded - recorded % SECOND_MS
        if self._clock is None:
            self._clock = second - SECOND_MS
        while self._clock < second:
            due = [at for stage in self._stages.values() if (at := stage.next_due) is not None]
            then = -(-min(due) // SECOND_MS) * SECOND_MS if due else second
            self._clock = min(second, max(self._clock + SECOND_MS, then))
            self.tick(self._clock)

    def close(self, until: int | None = None) -> None:
        """A last tick, at `until` or at the last second: publishes what is open."""
        if until is not None:
            self.ticks_until(until)
        if self._clock is not None:
            self.tick(self._clock)

    def _feed(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        place = (topic, partition)
        offset = self._offsets.get(place, 0)
        self._offsets[place] = offset + 1
        stage = self._stages[place]
        stage.on_records([Record(offset, key, value)])
        flushed = stage.flush()
        for output in flushed.outputs if flushed else ():
            self._write(output)
            if output.topic in self._readers:
                self._feed(output.topic, output.partition, output.key, output.value)
