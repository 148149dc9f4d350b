"""The manifest beside what carewatch itself counts of the same traffic.

Gateway, track and merge are the real ones, driven without Kafka. The simulator's figures come from
its scripts alone, so that the two can only agree by both being right.
"""

from pathlib import Path

import pytest

from carewatch.domain.board import Board
from carewatch.domain.durations import parse_duration
from carewatch.domain.times import parse_time
from carewatch.exporter.api import board_document
from carewatch.local import comparison, demo_config
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.rulebooks.folder import read_rulebook
from carewatch.settings import Settings, load_settings
from carewatch.simulate.doors import doors_of
from carewatch.simulate.manifest import manifest_of
from carewatch.simulate.story import Promise
from carewatch.simulate.traffic import Plan, Traffic
from carewatch.wire import topics
from carewatch.wire.envelope import decode_envelope
from carewatch.wire.points import decode_point
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.simulated import receive_all

START = 1_767_607_200_000
PROMISE = Promise(
    policy=demo_config.POLICY,
    first_reply_ms=parse_duration(demo_config.FIRST_REPLY),
    next_reply_ms=parse_duration(demo_config.NEXT_REPLY),
)


def demo_settings(folder: Path) -> Settings:
    return load_settings(folder, demo_config.random_secrets())


async def counted(traffic: Traffic, settings: Settings, folder: Path, partitions: int) -> Board:
    """The board after the whole traffic and everything that comes due afterwards."""
    received = await receive_all(traffic, settings)
    board = Board()

    def keep(output: Output) -> None:
        if output.topic == topics.METRICS and output.key is not None:
            board.fold(output.key, decode_point(output.value) if output.value else None)

    replay = Replay(keep, partitions=partitions, merge_partitions=2)
    replay.everywhere(
        encode_publication(
            number=1,
            canonical=encode_document(read_rulebook(folder)),
            effective_at=START - 60_000,
            recorded_at=START - 70_000,
        )
    )
    for record in received.events:
        event = decode_envelope(record.value)
        replay.ticks_until(parse_time(event.recordedtime))
        replay.event(event.partitionkey, record.value)
    replay.close(traffic.settled_ms + 5000)
    return board


@pytest.mark.parametrize(("seed", "partitions"), [(1, 1), (2, 3), (3, 8)])
async def test_what_is_counted_is_what_the_simulator_states(seed: int, partitions: int) -> None:
    folder = demo_config.FOLDER
    settings = demo_settings(folder)
    traffic = Traffic(
        Plan(
            seed=seed,
            start_ms=START,
            stop_ms=START + 60_000,
            rate=20,
            promise=PROMISE,
            doors=doors_of(settings),
        )
    )

    board = await counted(traffic, settings, folder, partitions)

    document = board_document(board.snapshot(), now=traffic.settled_ms)
    lines = comparison.compare(manifest_of(traffic), document)
    assert [str(line) for line in lines if not line.equal] == []
    assert comparison.all_equal(lines)
    assert len(lines) > 40
