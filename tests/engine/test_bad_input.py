"""Damaged records written straight into the topics of a real Kafka, past every door.

In `care.events` and `care.partials` each becomes a dead letter with its reason, and everything
around it counts as if it had never been there; the oracle agrees. In a changelog it is a refusal
that names topic, partition and key, and the partition goes on as soon as the row is mended.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from carewatch.clock import system_clock
from carewatch.engine.catalogue import plan_topics
from carewatch.engine.connection import kafka_options
from carewatch.engine.engine import Engine
from carewatch.engine.topics import apply_topics, describe_topics
from carewatch.local.kafka import LocalKafka
from carewatch.processors import PROCESSORS
from carewatch.processors.base import Record
from carewatch.settings import KafkaSettings, Settings, WorkerSettings
from carewatch.verify.comparison import Report
from carewatch.verify.live import judge_cluster
from carewatch.wire import topics
from carewatch.wire.partitions import partition_of
from support.damages import (
    CROWD,
    EVENTS,
    MERGED,
    PANES,
    PARTITIONS,
    TRACKED,
    Damage,
    Row,
    damaged_rows,
)
from support.envelopes import START, encode, message
from support.lab import eventually, read_committed
from support.replays import POLICY, publication

pytestmark = [pytest.mark.broker, pytest.mark.slow]

HOME = partition_of(CROWD, PARTITIONS)
"""Where the conversation lives, and all the damage around it."""


@dataclass
class Aftermath:
    """What stands in the topics after a worker has read all of it."""

    letters: dict[tuple[str, int, int], dict[str, bytes]] = field(default_factory=dict)
    offsets: dict[tuple[str, str], int] = field(default_factory=dict)
    judged: Report = field(default_factory=Report)
    messages: int = 0
    refused: dict[tuple[str, int], str] = field(default_factory=dict)
    live: dict[str, frozenset[int]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka of its own: the topics have the names that everybody else's have."""
    with LocalKafka(tmp_path_factory.mktemp("bad-input")) as running:
        yield running


def settings_for(kafka: LocalKafka) -> Settings:
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka.bootstrap_servers,
            partitions=PARTITIONS,
            partials_partitions=1,
            metrics_partitions=1,
        ),
        worker=WorkerSettings(metrics_port=0, flush_interval_ms=50, session_timeout_ms=6000),
    )


@asynccontextmanager
async def working(
    kafka: LocalKafka, registry: CollectorRegistry | None = None
) -> AsyncIterator[Engine]:
    engine = Engine(PROCESSORS, settings_for(kafka), system_clock, registry=registry)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


async def append(kafka: LocalKafka, topic: str, partition: int, *records: Record) -> list[int]:
    """Writes records as they are; returns their offsets."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, max_request_size=4_194_304
    )
    await producer.start()
    try:
        sent = [
            await producer.send_and_wait(
                topic, one.value, key=one.key, partition=partition, headers=list(one.headers)
            )
            for one in records
        ]
        return [one.offset for one in sent]
    finally:
        await producer.stop()


def records_of(damages: Sequence[Damage]) -> list[Record]:
    return [Record(0, one.key, one.value) for one in damages]


async def happened(kafka: LocalKafka) -> Aftermath:
    """A conversation with all the damage between its question and its answer."""
    settings = settings_for(kafka)
    await apply_topics(
        plan_topics(await describe_topics(settings.kafka), settings.kafka), settings.kafka
    )
    now = system_clock() - START
    asked = Record(0, CROWD, encode(message(now, id_="e1", arrives=now)))
    answer = message(now + 500, id_="e2", actor="agent", actor_key="a1", arrives=now + 500)
    after = Aftermath()
    for partition in range(PARTITIONS):
        await append(kafka, topics.EVENTS, partition, Record(0, None, publication(POLICY)))
    await append(kafka, topics.EVENTS, HOME, asked)
    wrong = await append(kafka, topics.EVENTS, HOME, *records_of(list(EVENTS.values())))
    after.offsets |= {(topics.EVENTS, name): at for name, at in zip(EVENTS, wrong, strict=True)}
    await append(kafka, topics.EVENTS, HOME, Record(0, CROWD, encode(answer)))
    wrong = await append(kafka, topics.PARTIALS, 0, *records_of(list(PANES.values())))
    after.offsets |= {(topics.PARTIALS, name): at for name, at in zip(PANES, wrong, strict=True)}

    async with working(kafka) as engine:

        async def told() -> bool:
            letters = await read_committed(kafka.bootstrap_servers, topics.DEAD, 0)
            return len(letters) >= len(after.offsets) and await counted(kafka) == 2

        await eventually(told)
        after.refused = engine.refused
        after.live = {one.name: engine.live(one.name) for one in PROCESSORS}
        after.messages = await counted(kafka)
        after.judged = await judge_cluster(kafka_options(settings.kafka), lambda *_: None)
    for one in await read_committed(kafka.bootstrap_servers, topics.DEAD, 0):
        headers = dict(one.headers)
        place = headers["original_topic"].decode(), int(headers["original_partition"])
        after.letters[*place, int(headers["original_offset"])] = headers
    return after


async def counted(kafka: LocalKafka) -> int:
    """How many messages the newest totals say there were."""
    newest: dict[bytes | None, int] = {}
    for one in await read_committed(kafka.bootstrap_servers, topics.METRICS, 0):
        said = orjson.loads(one.value)["data"] if one.value else {}
        if (said.get("metric"), said.get("window")) == ("messages", "total"):
            newest[one.key] = said["value"]
    return sum(newest.values())


@pytest.fixture(scope="module")
def aftermath(kafka: LocalKafka) -> Aftermath:
    return asyncio.run(happened(kafka))


@pytest.mark.parametrize("name", EVENTS)
def test_a_damaged_event_is_a_dead_letter_with_its_reason(aftermath: Aftermath, name: str) -> None:
    letter = aftermath.letters[topics.EVENTS, HOME, aftermath.offsets[topics.EVENTS, name]]

    assert (letter["reason"], letter["stage"]) == (EVENTS[name].reason.encode(), b"track")


@pytest.mark.parametrize("name", PANES)
def test_a_damaged_partial_is_a_dead_letter_with_its_reason(
    aftermath: Aftermath, name: str
) -> None:
    letter = aftermath.letters[topics.PARTIALS, 0, aftermath.offsets[topics.PARTIALS, name]]

    assert (letter["reason"], letter["stage"]) == (PANES[name].reason.encode(), b"merge")


def test_nothing_else_is_a_dead_letter(aftermath: Aftermath) -> None:
    assert len(aftermath.letters) == len(EVENTS) + len(PANES)


def test_no_number_is_wrong_beside_the_damage(aftermath: Aftermath) -> None:
    assert aftermath.messages == 2
    assert [str(one) for one in aftermath.judged.differences] == []
    assert aftermath.judged.compared["care.dead"] == len(EVENTS)
    assert aftermath.judged.compared["care.facts"] > 0


def test_no_partition_stands_still(aftermath: Aftermath) -> None:
    assert aftermath.refused == {}
    assert aftermath.live["track"] == set(range(PARTITIONS))
    assert aftermath.live["merge"] == {0}


async def newest_rows(kafka: LocalKafka, topic: str, partition: int) -> dict[bytes, Record]:
    found = await read_committed(kafka.bootstrap_servers, topic, partition)
    return {one.key: one for one in found if one.key is not None and one.value is not None}


async def refusals(kafka: LocalKafka) -> dict[str, tuple[Row, str, float | None]]:
    """What a worker says of every damage, and whether its metric says so; each is mended again."""
    tracked, merged = [
        {key: one.value or b"" for key, one in (await newest_rows(kafka, *place)).items()}
        for place in ((TRACKED, HOME), (MERGED, 0))
    ]
    found: dict[str, tuple[Row, str, float | None]] = {}
    for name, row in damaged_rows(tracked, merged, HOME).items():
        newest = await newest_rows(kafka, row.topic, row.partition)
        sound = newest.get(row.key)
        headers = sound.headers if sound is not None else ()
        await append(kafka, row.topic, row.partition, Record(0, row.key, row.value, headers))
        found[name] = (row, *await refused(kafka, row))
        mended = Record(0, row.key, sound.value if sound is not None else None, headers)
        await append(kafka, row.topic, row.partition, mended)
    return found


async def refused(kafka: LocalKafka, row: Row) -> tuple[str, float | None]:
    registry = CollectorRegistry()
    stage = row.topic.rpartition(".")[2]
    source = {"track": topics.EVENTS, "merge": topics.PARTIALS}[stage]
    counts = {topics.PARTIALS: 1}
    partitions = sum(counts.get(one.reads, PARTITIONS) for one in PROCESSORS)
    async with working(kafka, registry) as engine:

        async def decided() -> bool:
            live = {(one.name, number) for one in PROCESSORS for number in engine.live(one.name)}
            return len(live | set(engine.refused)) == partitions

        await eventually(decided)
        labels = {"topic": source, "partition": str(row.partition), "reason": "refused"}
        stopped = registry.get_sample_value("care_partition_stopped", labels)
        return engine.refused.get((stage, row.partition), "it was worked on"), stopped


@pytest.fixture(scope="module")
def told(kafka: LocalKafka, aftermath: Aftermath) -> dict[str, tuple[Row, str, float | None]]:
    """Of each damaged row; only after the worker had made sound ones."""
    assert aftermath.refused == {}
    return asyncio.run(refusals(kafka))


def test_a_damaged_row_is_refused_by_topic_partition_and_key(
    told: dict[str, tuple[Row, str, float | None]],
) -> None:
    assert told
    for name, (row, text, stopped) in told.items():
        assert f"{row.topic} partition {row.partition}" in text, name
        assert repr(row.key) in text, name
        assert row.told in text, name
        assert "Remedy:" in text, name
        assert stopped == 1, name


async def test_a_mended_changelog_goes_on_where_it_was(
    kafka: LocalKafka, told: dict[str, tuple[Row, str, float | None]]
) -> None:
    now = system_clock() - START
    again = encode(message(now, id_="e3", arrives=now))
    await append(kafka, topics.EVENTS, HOME, Record(0, CROWD, again))
    async with working(kafka) as engine:

        async def reached() -> bool:
            return await counted(kafka) == 3

        await eventually(reached)
        judged = await judge_cluster(kafka_options(settings_for(kafka).kafka), lambda *_: None)
        still = engine.refused

    assert (len(told) > 0, await counted(kafka), still) == (True, 3, {})
    assert [str(one) for one in judged.differences] == []
