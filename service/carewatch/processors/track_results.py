"""What became true of a conversation, as records to write.

Results go to the partition number of their source. What a merged conversation hands over is the
one record that flows upstream: into `care.events`, where its parent stands (E14).
"""

from collections.abc import Iterator, Sequence

from carewatch.domain.facts import Contact, HandOver, Sample, SessionFact, SlaTransition, Tally
from carewatch.domain.ledger import Change
from carewatch.domain.memory import Memory
from carewatch.domain.revisions import revisions
from carewatch.processors.base import Output, Record
from carewatch.processors.dead_letters import dead_letter
from carewatch.processors.stage_panes import clocks_to_merge
from carewatch.processors.to_customers import clocks_to_customers
from carewatch.processors.track_panes import STAGE
from carewatch.wire import customers, partials, topics
from carewatch.wire.envelope import CONTENT_TYPE
from carewatch.wire.events import Arrived
from carewatch.wire.hand_overs import encode_hand_over
from carewatch.wire.partials import ClockRecord
from carewatch.wire.partitions import partition_of
from carewatch.wire.results import encode_late, encode_sample, encode_session, encode_sla


def results(
    memory: Memory, changes: Sequence[Change], *, partition: int, sources: int, position: int
) -> Iterator[Output]:
    """The records of `changes`, in their order; then a revision of every merge they concern.

    `partition` of `sources` is the one of `care.events` in which the cause stands, at `position`.
    """
    key = memory.key.encode()
    for change in changes:
        if not change.id:
            continue  # nothing is written of it alone; so it is with most, which are counts
        encoded = _encoded(memory, change)
        if encoded is not None:
            topic, value = encoded
            yield Output(topic, partition, key, value, position, (CONTENT_TYPE,))
    for revision in revisions(memory, changes):
        parent = revision.hand_over.parent.encode()
        value = encode_hand_over(memory.tenant, memory.key, revision)
        target = partition_of(parent, sources)
        yield Output(topics.EVENTS, target, parent, value, position, (CONTENT_TYPE,))


def clocks(
    *,
    partition: int,
    sources: int,
    targets: int,
    position: int,
    log_clock: int,
    tick: int,
    max_lateness_ms: int,
) -> Iterator[Output]:
    """The clocks of a source partition, to whoever waits for it: all customers, then all merges."""
    told = customers.Clock(
        version=customers.VERSION,
        partition=partition,
        sources=sources,
        position=position,
        clock=log_clock,
        tick=tick,
        max_lateness_ms=max_lateness_ms,
    )
    yield from clocks_to_customers(told, sources)
    clock = ClockRecord(
        version=partials.VERSION,
        stage=STAGE,
        partition=partition,
        sources=sources,
        position=position,
        clock=log_clock,
        tick=tick,
    )
    yield from clocks_to_merge(clock, targets)


def late(arrived: Arrived, record: Record, reason: str, *, partition: int) -> Output:
    """An event that came too late to count, for people to look at (W5)."""
    value = encode_late(
        arrived.tenant, arrived.identity[1], arrived.recorded, reason, record.value or b"null"
    )
    key = arrived.key.encode()
    return Output(topics.LATE, partition, key, value, record.offset, (CONTENT_TYPE,))


def unreadable(record: Record, reason: str, *, partition: int) -> Output:
    """A dead letter; what is too large stays where it is: the headers say where."""
    letter = dead_letter(record, reason, stage=STAGE, source=topics.EVENTS, partition=partition)
    return letter._replace(key=None, value=b"" if reason == "too_large" else record.value)


def _encoded(memory: Memory, change: Change) -> tuple[str, bytes] | None:
    """Topic and value of a result; None for what is no record of its own."""
    tenant, key, result = memory.tenant, memory.key, change.result
    match result:
        case Sample():
            return topics.FACTS, encode_sample(tenant, key, result, change)
        case SessionFact():
            return topics.FACTS, encode_session(tenant, key, result, change)
        case SlaTransition():
            return topics.SLA, encode_sla(tenant, key, result, change)
        case HandOver() | Tally() | Contact():
            return None  # of the first the newest revision is written; the others have no id
