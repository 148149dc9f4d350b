"""Ticks: one a whole second, only for partitions that are restored."""

import json

import pytest

from carewatch.clock import system_clock
from carewatch.domain.times import parse_time
from carewatch.engine.engine import Engine
from carewatch.engine.ticker import Ticker, until_next_second, whole_second
from carewatch.wire.topics import EVENTS
from support.counting import counting_processor
from support.lab import Address, Lab, create_topics, eventually, read_committed


@pytest.mark.parametrize(
    ("now", "second", "wait"),
    [(1_000, 1_000, 1.0), (1_001, 1_000, 0.999), (1_499, 1_000, 0.501), (1_999, 2_000, 0.001)],
)
def test_a_timer_that_wakes_early_still_means_the_second_it_was_set_for(
    now: int, second: int, wait: float
) -> None:
    assert whole_second(now) == second
    assert until_next_second(now) == wait


@pytest.mark.broker
async def test_ticks_follow_the_restore_and_what_the_log_already_held(broker: Address) -> None:
    """The stage's first marker is committed before the first tick is in the log."""
    lab = Lab(broker.bootstrap_servers)
    await create_topics(broker.bootstrap_servers, {EVENTS: 8}, {"max.message.bytes": "4194304"})
    processor = counting_processor(lab.name, reads=EVENTS, results=lab.results)
    await create_topics(broker.bootstrap_servers, {lab.results: 8, processor.changelog: 8})
    before = {p: len(await read_committed(broker.bootstrap_servers, EVENTS, p)) for p in range(8)}
    started = system_clock()
    engine = Engine([processor], lab.settings(), system_clock)
    try:
        await engine.start()

        async def ticked() -> bool:
            found = await read_committed(broker.bootstrap_servers, EVENTS, 3)
            return len(found) >= before[3] + 2

        await eventually(ticked)
    finally:
        await engine.stop()

    records = (await read_committed(broker.bootstrap_servers, EVENTS, 3))[before[3] :]
    ticks = [json.loads(record.value or b"") for record in records]
    times = [parse_time(tick["recordedtime"]) for tick in ticks]
    assert {tick["type"] for tick in ticks} == {"care.tick"}
    assert len({tick["id"] for tick in ticks}) == len(ticks) >= 2
    assert [at % 1000 for at in times] == [0] * len(times)
    assert times == sorted(times)
    assert times[0] >= started // 1000 * 1000


@pytest.mark.broker
async def test_nothing_is_ticked_while_nothing_is_owned(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    ticker = Ticker(
        topic=lab.source,
        owned=tuple,
        clock=system_clock,
        options={"bootstrap_servers": broker.bootstrap_servers},
    )

    await ticker._tick(1_000)

    assert await lab.read(lab.source) == []
    assert ticker._producer is None
