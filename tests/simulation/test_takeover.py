"""Openings that are overtaken half-way by the next owner: schedules found by the simulation."""

import pytest

from carewatch.engine.observer import Observer
from carewatch.engine.partition import Partition
from carewatch.engine.ports import Message
from carewatch.processors.base import PartitionContext, Record
from support.fake_clients import FakeProducer, FakeReader, Host, Weather
from support.fake_group import Coordinator, FakeGroup
from support.fake_log import FakeLog
from support.two_stages import stages
from support.two_stages.cluster import TIMINGS, TOPICS
from support.two_stages.stages import SOURCE
from support.world import Process, World

TALLY, _ = stages.processors()


class Room:
    """A log, a group, and as many processes as a test asks for."""

    def __init__(self) -> None:
        self.world = World(1)
        self.log = FakeLog(self.world, dict(TOPICS))
        self.coordinator = Coordinator(self.log, TOPICS[SOURCE], session_ms=3_600_000)
        for number in range(4):
            self.log.append(SOURCE, 0, Message(*stages.event("a1", f"e{number}", number, 1)))

    def worker(
        self, name: str, reader: type[FakeReader] = FakeReader
    ) -> tuple[Process, FakeGroup, Partition]:
        process = self.world.process(name)
        host = Host(self.log, process, Weather())
        group = FakeGroup(host, self.coordinator)
        self.world.complete(process.spawn(group.beat()))
        return process, group, self.partition(host, group, reader)

    def partition(self, host: Host, group: FakeGroup, reader: type[FakeReader]) -> Partition:
        return Partition(
            processor=TALLY,
            context=PartitionContext(partition=0, partitions=TOPICS),
            producers=lambda stated: FakeProducer(host, stated),
            log=reader(host),
            group=group,
            observer=Observer(),
            timings=TIMINGS,
        )

    def give(self, group: FakeGroup) -> None:
        """Makes a process the owner of partition 0; the former owner has not heard of it yet."""
        self.coordinator.owners = {0: group.member}
        group.seek(0, 0)

    def source(self) -> list[Record]:
        return self.log.committed(SOURCE, 0)


@pytest.fixture
def room() -> Room:
    return Room()


async def work(room: Room, group: FakeGroup, partition: Partition) -> None:
    """Opens, folds everything, makes it durable and tells the group."""
    await partition.open()
    await partition.feed(room.source(), group.token(0))
    await partition.flush(now=True)
    assert partition.durable_offset is not None
    await group.tell(0, partition.durable_offset)


def test_an_opening_that_was_overtaken_is_no_sign_of_a_lost_changelog(room: Room) -> None:
    """The group's offset must be older than the changelog's end that it is compared with.

    Here the next owner comes, works and commits just after the slow one has read the changelog.
    """
    fast_process, fast_group, fast = room.worker("fast")

    class Overtaken(FakeReader):
        async def stable_end(self, topic: str, partition: int) -> int:
            end = await super().stable_end(topic, partition)
            if topic == TALLY.changelog:
                room.give(fast_group)
                working = fast_process.spawn(work(room, fast_group, fast))
                while not working.done():
                    await super().stable_end(topic, partition)
            return end

    slow_process, slow_group, slow = room.worker("slow", Overtaken)
    room.give(slow_group)
    opening = slow_process.spawn(slow.open())
    room.world.run(opening.done, max_steps=100_000)

    assert room.coordinator.offsets == {0: 4}
    assert type(opening.exception()).__name__ == "Fenced"
    room.world.close()


def test_a_changelog_that_was_compacted_under_a_slow_reader_is_not_taken_for_lost(
    room: Room,
) -> None:
    """The next owner's marker takes the older one away before the slow owner has read it."""
    fast_process, fast_group, fast = room.worker("fast")
    room.give(fast_group)
    room.world.complete(fast_process.spawn(fast.open()))

    class Overtaken(FakeReader):
        ends = 0

        async def stable_end(self, topic: str, partition: int) -> int:
            end = await super().stable_end(topic, partition)
            self.ends += topic == TALLY.changelog
            if self.ends == 1:
                await fast.close()
                room.give(fast_group)
                working = fast_process.spawn(work(room, fast_group, fast))
                while not working.done():
                    await super().stable_end(topic, partition)
                place = room.log.partition(TALLY.changelog, partition)
                place.compact(place.end)
            return end

    slow_process, slow_group, slow = room.worker("slow", Overtaken)
    room.coordinator.offsets[0] = 0
    room.give(slow_group)
    opening = slow_process.spawn(slow.open())
    room.world.run(opening.done, max_steps=100_000)

    assert type(opening.exception()).__name__ == "Fenced"
    room.world.close()


def test_what_an_overtaken_owner_flushes_never_becomes_visible(room: Room) -> None:
    slow_process, slow_group, slow = room.worker("slow")
    room.give(slow_group)
    room.world.complete(slow_process.spawn(slow.open()))
    room.world.complete(slow_process.spawn(slow.feed(room.source(), slow_group.token(0))))
    room.world.freeze(slow_process)
    fast_process, fast_group, fast = room.worker("fast")
    room.give(fast_group)
    room.world.complete(fast_process.spawn(work(room, fast_group, fast)))
    before = room.log.committed("sim.facts", 0)
    room.world.thaw(slow_process)
    flushing = slow_process.spawn(slow.flush(now=True))
    room.world.run(flushing.done, max_steps=100_000)

    assert type(flushing.exception()).__name__ == "Fenced"
    assert not slow.live
    assert len(before) == 2
    assert room.log.committed("sim.facts", 0) == before
    room.world.close()


def test_a_sleeper_that_wakes_must_prove_membership_before_it_fences_anyone(room: Room) -> None:
    slow_process, slow_group, slow = room.worker("slow")
    room.give(slow_group)
    room.world.complete(slow_process.spawn(slow.open()))
    room.world.complete(slow_process.spawn(slow.drop()))
    room.coordinator.owners = {0: "other"}
    epoch = room.log.transactions["carewatch-tally-0"].epoch
    opening = slow_process.spawn(slow.open())
    room.world.run(opening.done, max_steps=100_000)

    assert type(opening.exception()).__name__ == "NotOwner"
    assert room.log.transactions["carewatch-tally-0"].epoch == epoch
    room.world.close()
