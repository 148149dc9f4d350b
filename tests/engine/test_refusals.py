"""What a partition refuses to work on, and that it names topic, partition and remedy."""

import asyncio
import json

import pytest

from carewatch.clock import system_clock
from carewatch.domain.errors import Refused
from carewatch.engine.assignment import KafkaGroup
from carewatch.engine.changelog import KafkaLog
from carewatch.engine.engine import Engine
from carewatch.engine.ports import Message
from carewatch.engine.transaction import KafkaTransaction
from carewatch.wire.rows import MARKER_KEY, seal
from support.counting import counting_processor
from support.lab import (
    Address,
    Lab,
    add_partition,
    commit_group_offset,
    create_topics,
    delete_before,
    delete_topics,
    eventually,
    recreate,
)

pytestmark = pytest.mark.broker


def marker(next_offset: int) -> Message:
    return Message(MARKER_KEY, seal(json.dumps({"next_offset": next_offset}).encode()))


@pytest.fixture
async def lab(broker: Address) -> Lab:
    """Three records in the source."""
    made = await Lab(broker.bootstrap_servers).create()
    await made.produce(["a", "b", "c"])
    return made


async def keep(lab: Lab, *rows: Message) -> None:
    """Puts rows into the changelog, as a former owner would have."""
    producer = KafkaTransaction(
        f"former-{lab.name}",
        options={"bootstrap_servers": lab.bootstrap_servers},
        transaction_timeout_ms=10_000,
    )
    await producer.start()
    await producer.begin()
    for future in await producer.send(lab.changelog, 0, rows):
        await future
    await producer.commit()
    await producer.close()


async def refusal(lab: Lab) -> str:
    """Why the engine does not work on the partition; fails when it does."""
    engine = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await engine.start()

        async def decided() -> bool:
            return bool(engine.refused) or bool(engine.live(lab.name))

        await eventually(decided)
        assert engine.live(lab.name) == frozenset()
        assert engine.not_ready() is not None
        text = engine.refused[lab.name, 0]
    finally:
        await engine.stop()
    assert await lab.counted() == []
    assert f"{lab.source} partition 0" in text
    assert "Remedy:" in text
    return text


async def test_rows_without_a_marker(lab: Lab) -> None:
    await keep(lab, Message(b"a", seal(b"1")))

    assert "1 rows but no marker" in await refusal(lab)


async def test_a_group_offset_without_a_marker(lab: Lab) -> None:
    await commit_group_offset(lab, 2)

    assert "is empty: it was lost" in await refusal(lab)


async def test_a_marker_above_the_end_of_the_source(lab: Lab) -> None:
    await keep(lab, marker(4))

    assert "the marker says 4, but" in (text := await refusal(lab))
    assert "ends at 3: it was created anew" in text


async def test_a_marker_below_the_first_offset_of_the_source(lab: Lab) -> None:
    await keep(lab, marker(1))
    await delete_before(lab, 2)
    assert (
        await KafkaLog({"bootstrap_servers": lab.bootstrap_servers}).first_offset(lab.source, 0)
        == 2
    )

    assert "begins at 2: 1 offsets were removed" in await refusal(lab)


async def test_a_marker_behind_the_group(lab: Lab) -> None:
    await keep(lab, marker(1))
    await commit_group_offset(lab, 2)

    assert "has lost its tail" in await refusal(lab)


async def test_a_row_whose_checksum_is_wrong(lab: Lab) -> None:
    await keep(lab, Message(b"a", seal(b"1")[:-1] + b"2"), marker(1))

    assert "row_checksum" in await refusal(lab)


async def test_a_group_offset_that_expired_is_no_reason_to_refuse(lab: Lab) -> None:
    await keep(lab, Message(b"b", seal(b"4")), marker(1))
    engine = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await engine.start()

        await lab.until_counted(["b:5", "c:1"])
    finally:
        await engine.stop()


async def test_a_source_that_was_created_anew_between_two_runs(lab: Lab) -> None:
    """Nothing is read from its beginning as if it were the old one."""
    engine = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await engine.start()
        await lab.until_counted(["a:1", "b:1", "c:1"])
    finally:
        await engine.stop()
    await recreate(lab)
    again = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await again.start()

        async def decided() -> bool:
            return bool(again.refused) or bool(again.live(lab.name))

        await eventually(decided)
        text = again.refused[lab.name, 0]
    finally:
        await again.stop()

    assert "it was created anew" in text or "has lost its tail" in text
    assert await lab.counted() == ["a:1", "b:1", "c:1"]


async def test_a_source_created_anew_that_is_as_long_as_the_old_one(lab: Lab) -> None:
    """Its offsets look alike; the record that was read there does not."""
    engine = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await engine.start()
        await lab.until_counted(["a:1", "b:1", "c:1"])
    finally:
        await engine.stop()
    await recreate(lab)
    await lab.produce(["p", "q", "r", "s"])
    again = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await again.start()

        async def decided() -> bool:
            return bool(again.refused) or bool(again.live(lab.name))

        await eventually(decided)
        text = again.refused[lab.name, 0]
    finally:
        await again.stop()

    assert "offset 2 of" in text
    assert "holds another record than was read there: it was created anew" in text
    assert await lab.counted() == ["a:1", "b:1", "c:1"]


async def test_partitions_added_while_a_worker_runs_end_it(lab: Lab) -> None:
    engine = Engine([lab.processor], lab.settings(), system_clock)
    try:
        await engine.start()
        await lab.until_counted(["a:1", "b:1", "c:1"])
        await add_partition(lab)
        (lane,) = engine._lanes
        assert isinstance(lane._group, KafkaGroup)
        lane._group._consumer._client.force_metadata_update()

        with pytest.raises(Refused, match=r"has 2 partitions, and had 1 .* Remedy"):
            await asyncio.wait_for(engine.failed(), 30)
    finally:
        await engine.stop()


async def test_a_changelog_that_forgets_is_refused_before_anything_is_read(
    broker: Address,
) -> None:
    """A topic of the catalogue as a cluster's own defaults would make it."""
    await create_topics(broker.bootstrap_servers, {"care.state.customer": 8, "care.customer": 8})
    processor = counting_processor("customer", reads="care.customer", results="refused.results")
    await create_topics(broker.bootstrap_servers, {"refused.results": 8})
    settings = Lab(broker.bootstrap_servers).settings()
    engine = Engine([processor], settings, system_clock)
    try:
        with pytest.raises(
            Refused, match=r"care\.state\.customer: cleanup\.policy=delete, must be compact.*remedy"
        ):
            await engine.start()
    finally:
        await engine.stop()
        await delete_topics(broker.bootstrap_servers, "care.state.customer", "care.customer")
