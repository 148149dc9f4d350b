"""Contacts as track tells the customer stage of them, and what the stage makes of them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from carewatch.domain.aggregates import Count, Ratio
from carewatch.domain.days import Day
from carewatch.domain.facts import Act, Contact, Labels, Mark
from carewatch.domain.metric import DAY_MS, HOUR_MS
from carewatch.processors.base import Output, PartitionContext, Record
from carewatch.processors.customer import CustomerStage
from carewatch.wire import customers, partials, topics
from carewatch.wire.customers import Clock, Erased, Linked, Told
from carewatch.wire.partials import Partial

START = 1_767_571_200_000
"""2026-01-05T00:00:00Z, where a day begins."""

HOUR = HOUR_MS
DAY = DAY_MS


def told(
    act: Act,
    at: int,
    *,
    sign: int = 1,
    customer: str = "u1",
    conversation: str = "c1",
    session: int = 1,
    channel: str = "web",
    topics: tuple[str, ...] = (),
    marks: tuple[Mark, ...] = (),
    tenant: str = "acme",
) -> Told:
    """A contact `at` ms after START."""
    labels = Labels(channel, "a-1", "none", "none", "normal", None, customer, session)
    start = START + at - at % DAY
    return Told(
        version=customers.VERSION,
        tenant=tenant,
        conversation=conversation,
        contact=Contact(labels, act, START + at, topics, marks),
        sign=sign,
        day=Day(start, start + DAY),
        open_from=0,
    )


def linked(customer: str, into: str, at: int) -> Linked:
    """From `at` ms after START on the two are one."""
    return Linked(customers.VERSION, "acme", customer, into, START + at)


def erased(customer: str, at: int) -> Erased:
    """The customer is to be forgotten."""
    return Erased(customers.VERSION, "acme", customer, START + at)


def clock(at: int, *, partition: int = 0, sources: int = 1) -> Clock:
    """The clock of a partition of track, `at` ms after START."""
    now = START + at
    return Clock(customers.VERSION, partition, sources, now, now, now, HOUR)


class Stages:
    """The customer stage in some partitions; what links pass on comes back to it at once."""

    def __init__(self, partitions: int = 1) -> None:
        counts = {topics.CUSTOMER: partitions, topics.PARTIALS: 1}
        self.stages = [
            CustomerStage(PartitionContext(partition=one, partitions=counts))
            for one in range(partitions)
        ]
        for stage in self.stages:
            stage.restore([], None)
        self.outputs: list[Output] = []

    def tell(self, records: Iterable[customers.Record]) -> list[Output]:
        """Each record to its partition, clocks to all; returns what is written meanwhile."""
        before = len(self.outputs)
        for record in records:
            key, value = customers.key_of(record), customers.encode(record)
            if isinstance(record, Clock):
                for partition in range(len(self.stages)):
                    self._feed(partition, key, value)
            else:
                self._feed(customers.partition_of(record, len(self.stages)), key, value)
        return self.outputs[before:]

    def _feed(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        stage = self.stages[partition]
        stage.on_records([Record(stage.next_offset, key, value)])
        flushed = stage.flush()
        for output in flushed.outputs if flushed else ():
            self.outputs.append(output)
            if output.topic == topics.CUSTOMER:
                self._feed(output.partition, output.key, output.value)


Counted = dict[tuple[str, int, tuple[str, ...]], tuple[int, ...]]


def counted(outputs: Sequence[Output]) -> Counted:
    """By metric, day (0 is that of START) and further labels: a count, or part and whole."""
    newest: dict[bytes, Partial] = {}
    for one in outputs:
        if one.topic == topics.PARTIALS and not partials.is_clock_key(one.key):
            partial = partials.decode(one.key, one.value)
            assert isinstance(partial, Partial)
            newest[one.key or b""] = partial
    found: Counter[tuple[tuple[str, int, tuple[str, ...]], int]] = Counter()
    for partial in newest.values():
        metric, labels = partial.series.metric, partial.series.labels
        body = partials.decode_body(metric, partial.window, partial.body)
        assert isinstance(body, Count | Ratio)
        values = (body.value,) if isinstance(body, Count) else (body.n, body.d)
        place = metric, ((partial.start or 0) - START) // DAY, (labels[1], *labels[4:])
        for number, value in enumerate(values):
            found[place, number] += value
    counts: Counted = {}
    for (place, number), value in sorted(found.items()):
        counts[place] = (*counts.get(place, ()), value) if number else (value,)
    return {place: values for place, values in counts.items() if any(values)}
