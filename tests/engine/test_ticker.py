"""Ticks: one a whole second, and one after a deadline; only for partitions that are restored."""

import json
from dataclasses import dataclass

import pytest

from carewatch.clock import system_clock
from carewatch.domain.times import parse_time
from carewatch.engine.engine import Engine
from carewatch.engine.ticker import Ticker, until_next_beat, whole_beat
from carewatch.wire.topics import EVENTS
from support.counting import counting_processor
from support.lab import Address, Lab, create_topics, eventually, read_committed


@dataclass
class Waiting:
    """A stage in which something is due."""

    due: int | None = None

    def due_before(self, clock: int) -> int | None:
        """What is due, once it is."""
        return self.due if self.due is not None and self.due < clock else None


class Ticks(Ticker):
    """One that keeps in mind what it would have written."""

    def __init__(self, owned: dict[int, Waiting]) -> None:
        super().__init__(topic=EVENTS, owned=lambda: owned, clock=system_clock, options={})
        self.owned = owned

    def at(self, beat: int) -> dict[int, int]:
        """What is written at a tenth of a second."""
        wanted = self.wanted(beat)
        self._last |= wanted
        return wanted


@pytest.mark.parametrize(
    ("now", "beat", "wait"),
    [(1_000, 1_000, 0.1), (1_001, 1_000, 0.099), (1_049, 1_000, 0.051), (1_099, 1_100, 0.001)],
)
def test_a_timer_that_wakes_early_still_means_the_tenth_it_was_set_for(
    now: int, beat: int, wait: float
) -> None:
    assert whole_beat(now) == beat
    assert until_next_beat(now) == wait


def test_a_second_is_ticked_once_and_everywhere() -> None:
    ticks = Ticks({4: Waiting(), 1: Waiting()})

    assert ticks.at(7_000) == {1: 7_000, 4: 7_000}
    assert ticks.at(7_000) == ticks.at(7_100) == {}
    assert ticks.at(8_000) == {1: 8_000, 4: 8_000}


def test_that_of_the_second_always_comes_first() -> None:
    """Also after a pause, and in a partition that comes from somebody else in its midst."""
    ticks = Ticks({1: Waiting(9_210)})

    assert ticks.at(7_900) == {1: 7_000}
    assert ticks.at(9_300) == {1: 9_000}
    ticks.owned[2] = Waiting(9_250)
    assert ticks.at(9_400) == {1: 9_400, 2: 9_000}
    assert ticks.at(9_500) == {2: 9_500}


@pytest.mark.parametrize(("due", "beat"), [(7_000, 7_100), (7_099, 7_100), (7_100, 7_200)])
def test_what_is_due_has_a_tick_of_its_own_within_a_tenth_of_a_second(due: int, beat: int) -> None:
    """What is stamped exactly at a deadline is still in time (R7), so it must be past."""
    ticks = Ticks({1: Waiting(due), 2: Waiting()})

    written = {at: ticks.at(at) for at in range(7_000, 8_000, 100)}

    assert {at: ticks for at, ticks in written.items() if ticks} == {
        7_000: {1: 7_000, 2: 7_000},
        beat: {1: beat},
    }


def test_a_stage_that_has_not_taken_its_last_tick_yet_gets_no_more() -> None:
    stage = Waiting(7_250)
    ticks = Ticks({1: stage})
    ticks.at(7_200)

    assert [at for at in range(7_200, 7_700, 100) if ticks.at(at)] == [7_300]
    stage.due = 7_610
    assert [at for at in range(7_700, 8_000, 100) if ticks.at(at)] == [7_700]


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
    idle = Ticker(
        topic=lab.source,
        owned=dict,
        clock=system_clock,
        options={"bootstrap_servers": broker.bootstrap_servers},
    )

    await idle._beat(1_000)

    assert await lab.read(lab.source) == []
    assert idle._producer is None
