"""`make dictionary`: the dictionary that conversations are packed by, from simulated ones.

It is made anew when conversations consist of other things than before. Rows that were written by
another one are refused from then on.
"""

import asyncio
import sys
from collections.abc import Iterator
from random import Random
from typing import Final
from unittest import mock

import zstandard

from carewatch.domain.times import format_time, parse_time
from carewatch.local import demo_config
from carewatch.processors import conversation_rows, memories, packing
from carewatch.processors.base import PartitionContext, Record
from carewatch.processors.track import Track
from carewatch.rulebooks.folder import read_rulebook
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.story import Promise
from carewatch.simulate.traffic import Plan, Traffic
from carewatch.wire.envelope import decode_envelope, encode_tick
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.replays import BEGINNING
from support.simulated import SAMPLE_SETTINGS, receive_all

BEGIN: Final = parse_time("2026-01-05T10:00:00.000Z")
SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
DAY: Final = 24 * 60 * MINUTE
COUNTS: Final = {"care.events": 1, "care.partials": 1}
SEEDS: Final = (1, 2, 3)
TRAFFIC_MS: Final = 5 * MINUTE
SILENCE_MS: Final = 3 * DAY
RATE: Final = 10
SAMPLES: Final = 4000

SIZE: Final = 8192
SEGMENT: Final = 2000
"""So long are the pieces that it consists of: nearly a conversation each."""
WORD: Final = 8


def bodies() -> list[bytes]:
    """What was packed of simulated conversations: while they are at work, at rest, and over."""
    told: list[bytes] = []

    def pack(body: bytes) -> bytes:
        told.append(body)
        return packing.pack(body)

    with (
        mock.patch.object(conversation_rows, "pack", pack),
        mock.patch.object(memories, "pack", pack),
    ):
        for seed in SEEDS:
            track = Track(PartitionContext(partition=0, partitions=COUNTS))
            track.restore([], None)
            for offset, (key, value) in enumerate(log(seed)):
                track.on_records([Record(offset, key, value)])
                if key is None:
                    track.flush()
    return told


def log(seed: int) -> Iterator[tuple[bytes | None, bytes]]:
    """Some minutes of traffic on every sample channel, and some days of silence."""
    begin = BEGIN + seed * DAY
    promise = Promise(policy=demo_config.POLICY, first_reply_ms=8000, next_reply_ms=8000)
    plan = Plan(
        seed=seed,
        start_ms=begin,
        stop_ms=begin + TRAFFIC_MS,
        rate=RATE,
        promise=promise,
        doors=SAMPLE_DOORS,
    )
    received = asyncio.run(receive_all(Traffic(plan), SAMPLE_SETTINGS))
    document = encode_document(read_rulebook(demo_config.FOLDER))
    yield (
        None,
        encode_publication(
            number=1, canonical=document, effective_at=BEGINNING, recorded_at=BEGINNING
        ),
    )
    told = begin
    for event in received.events:
        second = parse_time(decode_envelope(event.value).recordedtime) // SECOND * SECOND
        if second > told:
            yield None, encode_tick(partition=0, at=format_time(second))
            told = second
        yield event.key, event.value
    for at in range(told + MINUTE, told + SILENCE_MS, MINUTE):
        yield None, encode_tick(partition=0, at=format_time(at))


def main() -> None:
    """Writes the dictionary."""
    samples: list[bytes | bytearray | memoryview] = [*Random(1).sample(bodies(), SAMPLES)]
    made = zstandard.train_dictionary(SIZE, samples, k=SEGMENT, d=WORD, level=packing.LEVEL)
    packing.DICTIONARY.write_bytes(made.as_bytes())
    sys.stdout.write(f"{packing.DICTIONARY.name}: {len(made)} bytes, of {len(samples)} samples\n")


if __name__ == "__main__":
    main()
