"""What a lane makes of rebalances that come faster than its restores and flushes end.

So it is on a machine that is too busy: sessions expire, members join again, and the partitions come
back to where they were. If each of these cost what was restored, nothing would ever be.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec

from carewatch.engine.lane import Lane
from carewatch.engine.observer import Observer
from carewatch.engine.orders import Orders
from carewatch.engine.ports import Message
from carewatch.wire.commands import Pause, encode_command
from support.fake_clients import FakeProducer, FakeReader, Host, Weather
from support.fake_group import Coordinator
from support.fake_log import FakeLog
from support.two_stages import stages
from support.two_stages.cluster import TIMINGS, TOPICS
from support.two_stages.lanes import SETTINGS, FakeMembership
from support.two_stages.stages import SOURCE
from support.world import Process, World

TALLY, _ = stages.processors()
ALL = frozenset(range(TOPICS[SOURCE]))
REBALANCE_MS = 400
RESTORE_S = 1.0


class Slow(FakeReader):
    """Its restores take longer than the time between two rebalances."""

    async def stable_end(self, topic: str, partition: int) -> int:
        if topic == TALLY.changelog:
            await asyncio.sleep(RESTORE_S / 2)
        return await super().stable_end(topic, partition)


class Stuck(FakeReader):
    """Never answers about partition 0's changelog."""

    async def stable_end(self, topic: str, partition: int) -> int:
        if (topic, partition) == (TALLY.changelog, 0):
            await asyncio.get_running_loop().create_future()
        return await super().stable_end(topic, partition)


class Told(Observer):
    """How often each partition was opened, and how often one failed."""

    def __init__(self) -> None:
        self.opened_: list[int] = []
        self.failures = 0

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        self.opened_.append(partition)

    def failed(self, stage: str, partition: int, *, fenced: bool) -> None:
        self.failures += 1


class Room:
    """One log, one group, and processes with a lane each."""

    def __init__(self, *, flush_interval_ms: int = 100) -> None:
        self.settings = msgspec.structs.replace(SETTINGS, flush_interval_ms=flush_interval_ms)
        self.world = World(1)
        self.log = FakeLog(self.world, dict(TOPICS))
        self.coordinator = Coordinator(self.log, TOPICS[SOURCE], session_ms=3_600_000)
        self.weather = Weather()
        self.told = Told()
        self.orders = Orders()

    def lane(self, name: str, reader: type[FakeReader] = FakeReader) -> tuple[Process, Lane]:
        process = self.world.process(name)
        return process, self.world.complete(process.spawn(self._lane(process, reader)))

    async def _lane(self, process: Process, reader: type[FakeReader]) -> Lane:
        host = Host(self.log, process, self.weather)
        lane = Lane(
            TALLY,
            counts=TOPICS,
            settings=self.settings,
            group=lambda revoke: FakeMembership(host, self.coordinator, SOURCE, revoke),
            producers=lambda stated: FakeProducer(host, stated),
            log=reader(host),
            observer=self.told,
            orders=self.orders,
            flush_gate=asyncio.Semaphore(8),
            on_lag=lambda *_: None,
            timings=replace(TIMINGS, flush=60.0),
        )
        await lane.start()
        return lane

    def rebalance_for_ever(self) -> None:
        self.coordinator.rebalance()
        self.world.after(REBALANCE_MS * 1000, self.rebalance_for_ever)

    def until(self, done: Callable[[], bool], *, within_ms: int) -> bool:
        limit = self.world.now() + within_ms
        self.world.run(lambda: done() or self.world.now() > limit, max_steps=2_000_000)
        return done()

    def wait(self, ms: int) -> None:
        self.until(lambda: False, within_ms=ms)

    def write(self, number: int) -> None:
        for partition in ALL:
            self.log.append(SOURCE, partition, Message(*stages.event("a", f"e{number}", number, 1)))

    def epochs(self) -> list[int]:
        return [self.log.transactions[f"{TALLY.group}-{number}"].epoch for number in sorted(ALL)]

    def folded(self, lane: Lane) -> list[int | None]:
        return [lane._partitions[number].durable_offset for number in sorted(ALL)]


def test_restores_come_to_an_end_although_rebalances_are_faster() -> None:
    room = Room()
    _, lane = room.lane("slow", Slow)
    room.rebalance_for_ever()
    restored = room.until(lambda: set(lane.live) == ALL, within_ms=10_000)

    assert restored
    assert room.epochs() == [0, 0, 0]
    assert sorted(room.told.opened_) == sorted(ALL)
    room.world.close()


def test_what_was_restored_works_on_after_each_rebalance() -> None:
    room = Room()
    _, lane = room.lane("slow", Slow)
    room.until(lambda: set(lane.live) == ALL, within_ms=10_000)
    room.rebalance_for_ever()
    for number in range(5):
        room.write(number)
        room.wait(REBALANCE_MS)
    room.until(lambda: room.folded(lane) == [5, 5, 5], within_ms=5_000)

    assert room.folded(lane) == [5, 5, 5]
    assert sorted(room.told.opened_) == sorted(ALL)
    room.world.close()


def test_a_flush_that_is_late_for_a_rebalance_costs_nothing() -> None:
    """Broken off, it would take the restored state with it: its outcome would be unknown."""
    room = Room(flush_interval_ms=60_000)
    _, lane = room.lane("busy")
    room.until(lambda: set(lane.live) == ALL, within_ms=10_000)
    room.wait(1_000)
    room.write(0)
    room.wait(500)
    room.weather.latency_us = (1_500_000, 1_600_000)
    room.coordinator.rebalance()
    room.wait(10_000)
    room.weather.latency_us = (200, 4_000)
    room.until(lambda: room.folded(lane) == [1, 1, 1], within_ms=90_000)

    assert room.folded(lane) == [1, 1, 1]
    assert (sorted(room.told.opened_), room.told.failures) == (sorted(ALL), 0)
    room.world.close()


def test_one_that_cannot_be_opened_holds_up_neither_the_others_nor_the_next_assignment() -> None:
    room = Room()
    _, lane = room.lane("stuck", Stuck)
    others = room.until(lambda: set(lane.live) == {1, 2}, within_ms=5_000)
    room.coordinator.rebalance()
    room.until(lambda: lane._group.generation == 2, within_ms=5_000)
    room.write(0)
    again = room.until(lambda: room.folded(lane) == [None, 1, 1], within_ms=2_000)

    assert (others, again) == (True, True)
    room.world.close()


def test_an_opening_ends_when_its_partition_went_to_another() -> None:
    room = Room()
    _, first = room.lane("first", Stuck)
    room.until(lambda: set(first.live) == {1, 2}, within_ms=5_000)
    _, second = room.lane("second")
    for _ in range(20):
        room.wait(2_000)
        if 0 in second.live:
            break
        room.coordinator.rebalance()

    assert 0 in second.live
    assert 0 not in first._partitions
    assert 0 not in first._openings
    room.world.close()


def test_who_stood_still_and_missed_nobody_has_its_state_still() -> None:
    room = Room()
    process, lane = room.lane("sleeper")
    room.until(lambda: set(lane.live) == ALL, within_ms=5_000)
    room.world.complete(process.spawn(lane.stood_still()))
    room.wait(2_000)

    assert set(lane.live) == ALL
    assert room.epochs() == [0, 0, 0]
    room.world.close()


def test_who_stood_still_and_was_replaced_gives_up_what_went_elsewhere() -> None:
    room = Room()
    process, lane = room.lane("sleeper")
    room.until(lambda: set(lane.live) == ALL, within_ms=5_000)
    room.world.freeze(process)
    room.coordinator.leave("sleeper")
    _, other = room.lane("other")
    room.until(lambda: set(other.live) == ALL, within_ms=5_000)
    room.write(0)
    room.wait(2_000)
    room.world.thaw(process)
    room.world.complete(process.spawn(lane.stood_still()))
    room.until(lambda: {*lane.live, *other.live} == ALL and bool(lane.live), within_ms=10_000)
    room.write(1)

    def durable() -> list[int | None]:
        owners = [lane if number in lane.live else other for number in sorted(ALL)]
        return [
            each._partitions[number].durable_offset
            for number, each in enumerate(owners)
            if number in each._partitions
        ]

    assert room.until(lambda: durable() == [2, 2, 2], within_ms=20_000)
    assert lane.live.keys().isdisjoint(other.live)
    room.world.close()


def test_an_order_that_comes_during_an_opening_is_heeded_at_its_end() -> None:
    room = Room()
    process, lane = room.lane("slow", Slow)
    room.wait(700)
    opening = not lane.live
    pause = encode_command(Pause(by="duty", stage=TALLY.name, partition=1), id_="1", at=0)
    process.call_soon(lambda: room.orders.take(pause))
    room.until(lambda: set(lane.live) == {0, 2} and bool(lane.refused), within_ms=10_000)

    assert opening
    assert set(lane.live) == {0, 2}
    assert list(lane.refused) == [1]
    room.world.close()
