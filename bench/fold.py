"""What one event costs: the fold of track, as a ratio to decoding the same event.

    python bench/fold.py [--events N] [--conversations N]

Runs on one core, without Kafka: simulated conversations (customer, bot, hand-off, assignment,
reply, resolution) under three policies, ticks every second of recorded time. Decoding is measured
in the same run, so the ratio holds on a noisy machine. Then the same with few and with many
conversations held, whose ratio says whether the cost grows with what is held.
"""

import argparse
import time
from collections.abc import Iterator

import orjson

from carewatch.domain.rulebook import Condition, Document, Match, Policy, TargetRule, Threshold
from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import PartitionContext, Record
from carewatch.processors.track import Track
from carewatch.wire.envelope import decode_envelope, encode_tick
from carewatch.wire.rulebooks import encode_document, encode_publication

START = parse_time("2026-01-05T09:00:00.000Z")
BATCH = 250


def policy(name: str, order: int, match: Match) -> Policy:
    return Policy(
        policy=name,
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        order=order,
        match=match,
        targets={
            "first_reply": TargetRule(urgent="5m", all="10m"),
            "next_reply": TargetRule(all="10m"),
        },
        at_risk=[Threshold(at="50%"), Threshold(at="80%")],
    )


def rulebook() -> bytes:
    policies = [
        policy("vip", 1, Match(all=[Condition(field="tag", eq="vip")])),
        policy("billing", 2, Match(all=[Condition(field="queue", eq="billing")])),
        policy("everybody", 3, Match()),
    ]
    return encode_publication(
        number=1,
        canonical=encode_document(Document(policies=policies)),
        effective_at=START - 1000,
        recorded_at=START - 6000,
    )


STORY = (
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


def event(number: int, conversation: int, step: int, at: int) -> tuple[bytes, bytes]:
    kind, actor, sections = STORY[step]
    key = f"c_{conversation:024}"
    sections = dict(sections)
    if "message" in sections:
        sections["message"] = {"key": f"m_{number:024}", **sections["message"]}
    value = {
        "specversion": "1.0", "id": f"{number:026}", "source": "/care/acme/generic/web-1",
        "type": f"care.{kind}", "time": format_time(at), "recordedtime": format_time(at + 120),
        "partitionkey": key, "dataschema": "care-event/1.0",
        "data": {
            "tenant": "acme", "adapter": "generic", "channel": "web", "account_ref": "web-1",
            "conversation_key": key, "customer_key": f"u_{conversation:024}",
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


def fold(batches: list[list[Record]]) -> tuple[float, int]:
    """CPU seconds to fold and flush, and how many outputs it wrote."""
    track = Track(PartitionContext(partition=0, partitions={"care.events": 8, "care.partials": 4}))
    track.restore([], None)
    written = 0
    began = time.process_time()
    for batch in batches:
        track.on_records(batch)
        flushed = track.flush()
        written += len(flushed.outputs) if flushed else 0
    return time.process_time() - began, written


def decode(batches: list[list[Record]]) -> float:
    """CPU seconds to decode every event and do nothing."""
    began = time.process_time()
    for batch in batches:
        for record in batch:
            if record.key is not None and record.value is not None:
                decode_envelope(record.value)
    return time.process_time() - began


def measure(events: int, conversations: int) -> float:
    batches = list(traffic(events, conversations))
    baseline = decode(batches)
    spent, written = fold(batches)
    ratio = spent / baseline
    print(
        f"{conversations:>9,} conversations: fold {spent / events * 1e6:6.1f} us an event, decode "
        f"{baseline / events * 1e6:5.2f} us, ratio {ratio:5.1f}; {written / events:.2f} outputs"
    )
    return spent / events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    options = parser.parse_args()
    print("track: decode, fold, encode results, rows and partials; ratio to decoding alone")
    few = measure(options.events, 10_000)
    many = measure(max(options.events, options.conversations), options.conversations)
    print(f"many conversations cost {many / few:.2f} times as much an event as 10,000 do")


if __name__ == "__main__":
    main()
