"""The engine on a real Kafka: one process, no kills (those are in test_kills.py)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from carewatch.clock import system_clock
from carewatch.domain.errors import Refused
from carewatch.engine.engine import Engine
from support.lab import Address, Lab, eventually, expected_counts

pytestmark = pytest.mark.broker


@asynccontextmanager
async def running(lab: Lab, **worker: object) -> AsyncIterator[Engine]:
    engine = Engine([lab.processor], lab.settings(**worker), system_clock)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


async def test_every_record_is_counted_once_and_in_order(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers, partitions=2).create()
    keys = [f"k{i % 7}" for i in range(500)]
    await lab.produce(keys, partition=0)
    await lab.produce(["a", "b", "a"], partition=1)

    async with running(lab):
        await lab.until_counted(expected_counts(keys), 0)
        await lab.until_counted(["a:1", "b:1", "a:2"], 1)


async def test_a_second_life_goes_on_where_the_first_ended(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(["a", "b", "a"])
    async with running(lab):
        await lab.until_counted(["a:1", "b:1", "a:2"])
    await lab.produce(["a", "b"])

    async with running(lab):
        await lab.until_counted(["a:1", "b:1", "a:2", "a:3", "b:2"])


async def test_results_name_the_record_that_caused_them(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(["a", "b"])

    async with running(lab):
        await lab.until_counted(["a:1", "b:1"])

    positions = [dict(record.headers)["position"] for record in await lab.read(lab.results)]
    assert positions == [b"0:0", b"0:1"]


async def test_the_first_marker_is_written_before_anything_is_read(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()

    async with running(lab) as engine:

        async def live() -> bool:
            return engine.live(lab.name) == {0}

        await eventually(live)
        keys = [record.key for record in await lab.read(lab.changelog)]

    assert keys == [b"marker"]


async def test_only_the_marker_moves_when_records_change_nothing(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    async with running(lab):
        await lab.produce(["a"], value=b"quiet")
        await lab.produce(["a"])
        await lab.until_counted(["a:1"])

    rows = [record.key for record in await lab.read(lab.changelog)]
    assert rows[-1] == b"marker"
    assert rows.count(b"a") == 1


async def test_two_workers_share_the_partitions_and_lose_nothing(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers, partitions=4).create()
    keys = [f"k{i % 3}" for i in range(60)]
    for partition in range(4):
        await lab.produce(keys[:20], partition=partition)

    async with running(lab) as first:
        await lab.until_counted(expected_counts(keys[:20]), 0)
        async with running(lab) as second:

            async def shared() -> bool:
                both = (first.live(lab.name), second.live(lab.name))
                return all(both) and both[0] | both[1] == {0, 1, 2, 3}

            await eventually(shared)
            assert first.live(lab.name) & second.live(lab.name) == frozenset()
            for partition in range(4):
                await lab.produce(keys[20:40], partition=partition)
            for partition in range(4):
                await lab.until_counted(expected_counts(keys[:40]), partition)
        for partition in range(4):
            await lab.produce(keys[40:], partition=partition)
        for partition in range(4):
            await lab.until_counted(expected_counts(keys), partition)


async def test_rebalances_under_load_repeat_nothing(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers, partitions=3).create()
    keys = [f"k{i % 5}" for i in range(600)]

    async def load() -> None:
        for at in range(0, len(keys), 30):
            for partition in range(3):
                await lab.produce(keys[at : at + 30], partition=partition)

    async with running(lab):
        loading = asyncio.create_task(load())
        for _ in range(3):
            async with running(lab) as other:

                async def joined(other: Engine = other) -> bool:
                    return bool(other.live(lab.name))

                await eventually(joined)
        await loading
        for partition in range(3):
            await lab.until_counted(expected_counts(keys), partition)


async def test_a_defect_of_a_processor_ends_the_engine_and_writes_nothing_of_it(
    broker: Address,
) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    async with running(lab) as engine:
        await lab.produce(["a"])
        await lab.until_counted(["a:1"])
        await lab.produce(["a", "a"], value=b"bug")

        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(engine.failed(), 30)

    assert await lab.counted() == ["a:1"]


async def test_a_missing_topic_is_refused_with_the_remedy(broker: Address) -> None:
    lab = Lab(broker.bootstrap_servers)

    with pytest.raises(Refused, match=r"missing.*care\.state.*carewatch topics apply"):
        async with running(lab):
            pass


async def test_a_changelog_with_another_count_is_refused(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers, partitions=2).create(changelog_partitions=3)

    with pytest.raises(Refused, match=r"has 3 partitions and .* has 2"):
        async with running(lab):
            pass
