"""What one event costs, part by part, as ratios to decoding the same event; and what is kept of it.

    python bench/fold.py [--events N] [--conversations N]

Runs on one core, without Kafka: simulated conversations (customer, bot, hand-off, assignment,
reply, resolution) under three policies, one of them by business hours, and ticks every second of
recorded time. Decoding is measured in the same run, so the ratios hold on a noisy machine. Then
the same with few and with many conversations held, whose ratio says whether the cost grows with
what is held; and the memory of conversations that are live and that are over.
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import chain
from random import Random
from typing import Any, NamedTuple

import orjson

from carewatch.domain import ledger
from carewatch.domain.facts import Sample, SessionFact, SlaTransition
from carewatch.domain.ledger import Change
from carewatch.domain.memory import Memory
from carewatch.domain.policy import Books
from carewatch.domain.rulebook import (
    Condition,
    Document,
    Match,
    Policy,
    Schedule,
    TargetRule,
    Tenant,
    Threshold,
)
from carewatch.domain.times import format_time, parse_time
from carewatch.gateway.pseudonyms import short_hash
from carewatch.processors import track_rows
from carewatch.processors.base import PartitionContext, Record, Row
from carewatch.processors.conversation_rows import is_row_key, read_key, row_key
from carewatch.processors.seen import BLOCK, HOUR_MS, Block, Seen, digest
from carewatch.processors.track import Track
from carewatch.wire.envelope import decode_envelope, encode_tick
from carewatch.wire.events import Arrived, Published, decode_event
from carewatch.wire.results import encode_sample, encode_session, encode_sla
from carewatch.wire.rulebooks import encode_document, encode_publication

START = parse_time("2026-01-05T09:00:00.000Z")
BATCH = 250
SIZES = (10_000, 100_000)
"""Conversations held, beside the number that is asked for."""
SETTLING = 300
"""Seconds that so many conversations take to settle."""
TEMPLATES = 100
"""So many conversations are folded for those that are held."""


def policy(name: str, order: int, match: Match, schedule: str = "24x7") -> Policy:
    return Policy(
        policy=name,
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        order=order,
        match=match,
        schedule=schedule,
        targets={
            "first_reply": TargetRule(urgent="5m", all="10m"),
            "next_reply": TargetRule(all="10m"),
        },
        at_risk=[Threshold(at="50%"), Threshold(at="80%")],
    )


def rulebook(began_at: int = START) -> bytes:
    """Three policies with opening hours, in effect since a second before traffic began."""
    policies = [
        policy("vip", 1, Match(all=[Condition(field="tag", eq="vip")])),
        policy("billing", 2, Match(all=[Condition(field="queue", eq="billing")])),
        policy("everybody", 3, Match(), schedule="office"),
    ]
    office = Schedule(
        schedule="office",
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        timezone="Europe/Berlin",
        weekly={day: ["09:00-12:30", "13:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    )
    document = Document(
        policies=policies, schedules=[office], tenants={"acme": Tenant(schedule="office")}
    )
    return encode_publication(
        number=1,
        canonical=encode_document(document),
        effective_at=began_at - 1000,
        recorded_at=began_at - 6000,
    )


STORY: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("message.created", "customer", {"message": {"direction": "inbound", "kind": "text"}}),
    ("message.created", "bot", {"message": {"direction": "outbound", "kind": "text"}}),
    ("message.created", "customer", {"message": {"direction": "inbound", "kind": "text"}}),
    ("conversation.handoff", "bot", {"handoff": {"from": "bot", "to": "human"}}),
    ("conversation.assigned", "system", {"assignment": {"to": {"queue": "billing"}}}),
    ("conversation.assigned", "system", {"assignment": {"to": {"agent": "a_1"}}}),
    ("message.created", "agent", {"message": {"direction": "outbound", "kind": "text"}}),
    ("message.created", "customer", {"message": {"direction": "inbound", "kind": "text"}}),
    ("message.created", "agent", {"message": {"direction": "outbound", "kind": "text"}}),
    ("conversation.status_changed", "agent", {"lifecycle": {"to": "resolved"}}),
)
"""One conversation; its steps are spread over the others'."""


def name(prefix: str, number: int) -> str:
    """An id as the gateway makes them: nothing about it can be guessed, or packed."""
    return prefix + short_hash(blake2b(b"%s%d" % (prefix.encode(), number)).digest())


def event(number: int, conversation: int, step: int, at: int) -> tuple[bytes, bytes]:
    kind, actor, sections = STORY[step]
    key = name("c_", conversation)
    sections = dict(sections)
    if "message" in sections:
        sections["message"] = {"key": name("m_", number), **sections["message"]}
    value = {
        "specversion": "1.0", "id": name("", number), "source": "/care/acme/generic/web-1",
        "type": f"care.{kind}", "time": format_time(at), "recordedtime": format_time(at + 120),
        "partitionkey": key, "dataschema": "care-event/1.0",
        "data": {
            "tenant": "acme", "adapter": "generic", "channel": "web", "account_ref": "web-1",
            "conversation_key": key, "customer_key": name("u_", conversation),
            "actor": {"kind": actor, "key": f"{actor}_1"}, **sections,
        },
    }  # fmt: skip
    return key.encode(), orjson.dumps(value)


def traffic(events: int, conversations: int, per_second: int = 1000) -> Iterator[list[Record]]:
    """Batches of records as a worker fetches them, each conversation going through its story."""
    offset, batch = 1, [Record(0, None, rulebook())]
    second = START
    for number in range(events):
        at = START + number * 1000 // per_second
        if at - second >= 1000:
            second = at - at % 1000
            tick = encode_tick(partition=0, at=format_time(second))
            batch.append(Record(offset, None, tick))
            offset += 1
        turn, conversation = divmod(number, conversations)
        batch.append(Record(offset, *event(number, conversation, turn % len(STORY), at)))
        offset += 1
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


class Spent(NamedTuple):
    """CPU seconds of a run: folding, and handing rows over; and what it wrote."""

    folded: float
    flushed: float
    outputs: int
    row_bytes: int


def fresh() -> Track:
    track = Track(PartitionContext(partition=0, partitions={"care.events": 8, "care.partials": 4}))
    track.restore([], None)
    return track


def run(batches: Iterator[list[Record]] | list[list[Record]], track: Track) -> Spent:
    folded, flushed, outputs, row_bytes = 0.0, 0.0, 0, 0
    for batch in batches:
        began = time.process_time()
        track.on_records(batch)
        between = time.process_time()
        flush = track.flush()
        flushed += time.process_time() - between
        folded += between - began
        if flush is not None:
            outputs += len(flush.outputs)
            row_bytes += sum(len(row.key) + len(row.value or b"") for row in flush.rows)
    return Spent(folded, flushed, outputs, row_bytes)


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


class Parts:
    """The parts of a fold, each by itself over the same records."""

    def __init__(self, batches: list[list[Record]]) -> None:
        records = [record for batch in batches for record in batch]
        published = decode_event(None, records[0].value)
        assert isinstance(published, Published)
        self._books = Books([published.book])
        self._records = [one for one in records if one.key is not None and one.value is not None]
        self._arrived: list[Arrived] = []
        self._changes: list[tuple[Memory, Change]] = []

    def envelopes(self) -> None:
        for record in self._records:
            decode_envelope(record.value or b"")

    def events(self) -> None:
        for record in self._records:
            decoded = decode_event(record.key, record.value)
            assert isinstance(decoded, Arrived)
            self._arrived.append(decoded)

    def ids(self) -> None:
        seen = Seen()
        for one in self._arrived:
            seen.is_repeat(digest(one.tenant, one.key, *one.identity), one.recorded, 0)

    def rules(self) -> None:
        memories: dict[str, Memory] = {}
        for one in self._arrived:
            assert one.event is not None
            memory = memories.get(one.key)
            if memory is None:
                memory = memories[one.key] = ledger.new_memory(one.tenant, one.key)
            for change in ledger.accept(memory, one.event, one.recorded, self._books):
                self._changes.append((memory, change))

    def results(self) -> None:
        for memory, change in self._changes:
            match change.result:
                case Sample():
                    encode_sample(memory.tenant, memory.key, change.result, change)
                case SessionFact():
                    encode_session(memory.tenant, memory.key, change.result, change)
                case SlaTransition():
                    encode_sla(memory.tenant, memory.key, change.result, change)
                case _:
                    pass


def parts(events: int, conversations: int) -> None:
    """Prints what each part of the fold costs."""
    batches = list(traffic(events, conversations))
    measured = Parts(batches)
    gc.collect()
    gc.disable()  # what collections cost depends on what is held: it shows below
    baseline = timed(measured.envelopes)
    spent = run(batches, fresh())
    costs = {
        "decode the envelope (msgspec)": baseline,
        "make a domain event of it": timed(measured.events) - baseline,
        "look its id up": timed(measured.ids),
        "fold it by the rules": timed(measured.rules),
        "encode facts and transitions": timed(measured.results),
    }
    costs["panes, gauges, timers, partials"] = spent.folded - sum(costs.values())
    costs["rows at the flush"] = spent.flushed
    costs["all"] = spent.folded + spent.flushed
    gc.enable()
    for name, seconds in costs.items():
        print(f"  {name:32} {seconds / events * 1e6:7.2f} us  {seconds / baseline:6.1f} x decode")
    print(f"  {spent.outputs / events:.2f} outputs, {spent.row_bytes / events:.0f} bytes of rows")


def templates(track: Track) -> tuple[list[list[Row]], list[Row], bytes]:
    """Conversations after each step of the story, as the rows of a worker; all else; the marker."""
    table: dict[bytes, Row] = {}
    marker = b""
    for batch in [[Record(0, None, rulebook())], *grown()]:
        track.on_records(batch)
        flush = track.flush()
        assert flush is not None
        table.update((row.key, row) for row in flush.rows)
        marker = flush.marker
    numbers = {name("c_", number): number for number in range(TEMPLATES)}
    alike: list[list[Row]] = [[] for _ in STORY]
    others: list[Row] = []
    for row in table.values():
        if is_row_key(row.key):
            alike[numbers[read_key(row.key)[1]] % len(STORY)].append(row)
        elif track_rows.kind_of(row.key) != track_rows.IDS:
            others.append(row)
    return alike, others, marker


def grown() -> Iterator[list[Record]]:
    """Some conversations of which number n has gone through 1 + n modulo 10 steps."""
    number = 0
    for step in range(len(STORY)):
        for conversation in range(step, TEMPLATES):
            if conversation % len(STORY) >= step:
                number += 1
                yield [Record(number, *event(number, conversation, step, START + number))]


def many(conversations: int) -> Track:
    """A worker that holds so many conversations, restored from rows: folding them would take hours.

    Each is like one of the templates under a name of its own, and has five ids behind it.
    """
    alike, others, marker = templates(fresh())
    track = Track(PartitionContext(partition=0, partitions={"care.events": 8, "care.partials": 4}))
    random = Random(1)
    hour = START // HOUR_MS

    def rows() -> Iterator[Row]:
        yield from others
        yield from track_rows.id_rows(
            (Block(hour, number), random.randbytes(16 * BLOCK))
            for number in range(5 * conversations // BLOCK)
        )
        for number in range(conversations):
            step, place = number % len(STORY), number // len(STORY)
            row = alike[step][place % len(alike[step])]
            # A copy: each stands in memory by itself, as it does where all are different.
            copy = bytes(bytearray(row.value or b""))
            yield Row(row_key(("acme", name("c_", number))), copy)

    track.restore(rows(), marker)
    return track


def due(events: int, conversations: int, offset: int) -> Iterator[list[Record]]:
    """The next step of conversations in turn, from all over those that are held; and ticks."""
    stride = 7919  # a prime: neighbours in time are no neighbours in memory
    batch: list[Record] = []
    for number in range(events):
        at = START + 60_000 + number
        if number % 1000 == 0:
            batch.append(Record(offset, None, encode_tick(partition=0, at=format_time(at))))
            offset += 1
        conversation = number * stride % conversations
        step = (1 + conversation + number // conversations) % len(STORY)
        batch.append(Record(offset, *event(10**9 + number, conversation, step, at)))
        offset += 1
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def held(events: int, conversations: int) -> float:
    """CPU of an event as a multiple of decoding, when so many conversations are held."""
    track = many(conversations)
    batches = list(due(events, conversations, track.next_offset))
    values = [one.value or b"" for batch in batches for one in batch if one.key]
    gc.collect()
    gc.freeze()  # as a worker does after its restore
    before = timed(lambda: [decode_envelope(value) for value in values])
    spent = run(batches, track)
    baseline = min(before, timed(lambda: [decode_envelope(value) for value in values]))
    gc.unfreeze()
    ratio = (spent.folded + spent.flushed) / baseline
    each = (spent.folded + spent.flushed) / events
    print(f"  {conversations:>9,} held: {each * 1e6:6.1f} us, {ratio:5.1f} x decode")
    return ratio


def memory(conversations: int, steps: int, days: int = 0) -> None:
    """Prints what a conversation at rest takes so many days after so many steps of its story."""
    track, table, marker = fresh(), dict[bytes, Row](), b""
    for batch in chain(traffic(conversations * steps, conversations), silence(track, days)):
        track.on_records(batch)
        flush = track.flush()
        assert flush is not None
        table.update((row.key, row) for row in flush.rows)
        marker = flush.marker
    rows = [row for row in table.values() if row.value is not None]
    ids = sum(len(row.value or b"") // 16 for row in rows if kind_of(row) == track_rows.IDS)
    heir = Track(PartitionContext(partition=0, partitions={"care.events": 8, "care.partials": 4}))
    gc.collect()
    tracemalloc.start()
    # Copies: the rows and their keys are what is kept.
    heir.restore((Row(copy(row.key), copy(row.value or b"")) for row in rows), marker)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] / conversations
    tracemalloc.stop()
    each = ids / conversations
    print(
        f"  {steps:2} events each, {days} days ago: {taken:6.0f} bytes, "
        f"{taken - 16 * each:6.0f} without 16 for each of {each:.0f} ids"
    )


def silence(track: Track, days: int) -> Iterator[list[Record]]:
    """Ticks so many days later, until all that is over has settled."""
    for second in range(SETTLING if days else 0):
        at = format_time(START + days * 24 * HOUR_MS + second * 1000)
        yield [Record(track.next_offset, None, encode_tick(partition=0, at=at))]


def copy(value: bytes) -> bytes:
    return bytes(bytearray(value))


def kind_of(row: Row) -> str:
    return "" if is_row_key(row.key) else track_rows.kind_of(row.key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.conversations < SIZES[0]:
        parser.error(f"--conversations must be at least {SIZES[0]:,}")
    print("one event, part by part (10,000 conversations)")
    parts(options.events, min(10_000, options.events // 10))
    print("one event, by the conversations held")
    sizes = [size for size in SIZES if size < options.conversations]
    ratios = [held(options.events, size) for size in (*sizes, options.conversations)]
    growth = ratios[-1] / ratios[0]
    print(f"  {options.conversations:,} cost {growth:.2f} times as much as {SIZES[0]:,}")
    print("memory of a conversation: live (waiting for people), just over, and over for days")
    memory(10_000, 3)
    memory(10_000, len(STORY))
    memory(10_000, len(STORY), days=3)


if __name__ == "__main__":
    main()
