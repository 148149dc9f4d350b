"""The fenced producer and the restore reader, on a real Kafka."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.changelog import KafkaLog, read_newest
from carewatch.engine.ports import Fenced, Message
from carewatch.engine.transaction import BATCH_BYTES, KafkaTransaction
from carewatch.local.kafka import LocalKafka
from carewatch.processors.base import Row
from support.lab import Address, Lab

pytestmark = pytest.mark.broker

Producers = Callable[[], KafkaTransaction]


@pytest.fixture
async def lab(broker: Address) -> Lab:
    return await Lab(broker.bootstrap_servers).create()


@pytest.fixture
async def producers(lab: Lab) -> AsyncIterator[Producers]:
    """Producers of one transactional id, closed in the end."""
    made: list[KafkaTransaction] = []

    def make() -> KafkaTransaction:
        options: dict[str, Any] = {"bootstrap_servers": lab.bootstrap_servers}
        producer = KafkaTransaction(f"{lab.name}-0", options=options, transaction_timeout_ms=10_000)
        made.append(producer)
        return producer

    yield make
    for producer in made:
        await producer.close()


async def write(producer: KafkaTransaction, topic: str, *messages: Message) -> None:
    await producer.begin()
    await asyncio.gather(*await producer.send(topic, 0, messages))
    await producer.commit()


async def test_a_restore_sees_exactly_the_committed_rows(lab: Lab, producers: Producers) -> None:
    first = producers()
    await first.start()
    await write(first, lab.changelog, Message(b"a", b"1"), Message(b"b", b"1"))
    await write(first, lab.changelog, Message(b"a", b"2"), Message(b"marker", b"m"))
    await write(first, lab.changelog, Message(b"b", None))
    await first.begin()
    await asyncio.gather(*await first.send(lab.changelog, 0, [Message(b"a", b"never")]))
    second = producers()
    await second.start()

    restored = await read_newest(
        KafkaLog({"bootstrap_servers": lab.bootstrap_servers}), lab.changelog, 0
    )

    assert list(restored.take_rows()) == [Row(b"a", b"2")]
    assert restored.newest == {}
    assert restored.marker == b"m"


async def test_who_was_fenced_commits_nothing(lab: Lab, producers: Producers) -> None:
    zombie = producers()
    await zombie.start()
    await zombie.begin()
    await asyncio.gather(*await zombie.send(lab.results, 0, [Message(b"a", b"zombie")]))
    owner = producers()
    await owner.start()

    with pytest.raises(Fenced):
        await zombie.commit()

    await write(owner, lab.results, Message(b"a", b"owner"))
    assert await lab.counted() == ["owner"]


async def test_who_was_fenced_cannot_even_begin_again(lab: Lab, producers: Producers) -> None:
    zombie = producers()
    await zombie.start()
    await write(zombie, lab.results, Message(b"a", b"1"))
    await producers().start()

    with pytest.raises(Retryable):
        await write(zombie, lab.results, Message(b"a", b"zombie"))

    assert await lab.counted() == ["1"]


async def test_the_end_is_the_last_stable_offset(lab: Lab, producers: Producers) -> None:
    log = KafkaLog({"bootstrap_servers": lab.bootstrap_servers})
    producer = producers()
    await producer.start()
    await write(producer, lab.changelog, Message(b"a", b"1"))
    decided = await log.stable_end(lab.changelog, 0)
    await producer.begin()
    await asyncio.gather(*await producer.send(lab.changelog, 0, [Message(b"b", b"1")]))

    assert await log.stable_end(lab.changelog, 0) == decided


async def test_a_record_larger_than_a_batch_gets_one_of_its_own(
    lab: Lab, producers: Producers
) -> None:
    large = b"x" * (BATCH_BYTES + 1000)
    producer = producers()
    await producer.start()

    await write(
        producer,
        lab.changelog,
        Message(b"a", b"1"),
        Message(b"large", large),
        Message(b"b", b"2"),
    )

    records = await lab.read(lab.changelog)
    assert [(r.key, len(r.value or b"")) for r in records] == [
        (b"a", 1),
        (b"large", len(large)),
        (b"b", 1),
    ]


async def test_a_record_above_the_topics_limit_is_refused_before_anything_is_sent(
    lab: Lab, producers: Producers
) -> None:
    producer = producers()
    await producer.start()
    await producer.begin()

    with pytest.raises(Refused, match=r"max\.message\.bytes"):
        await producer.send(
            lab.changelog, 0, [Message(b"a", b"1"), Message(b"large", b"x" * 2_000_000)]
        )

    await producer.close()
    assert await lab.read(lab.changelog) == []


async def test_closing_in_the_middle_of_a_transaction_leaves_no_task_behind(
    lab: Lab, producers: Producers
) -> None:
    before = asyncio.all_tasks()
    producer = producers()
    await producer.start()
    await producer.begin()
    await producer.send(lab.results, 0, [Message(b"a", b"1")])

    await producer.close()
    await producer.close()

    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=5)
    assert [task for task in left if not task.done()] == []


async def test_closing_while_the_broker_is_gone_says_nothing_of_aiokafkas_inside(
    tmp_path: Path,
) -> None:
    """Its requests are tried again and again; one that outlived its producer told of keys and
    futures that nobody had asked for, by the hundred."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, of: told.append(str(of)))
    with LocalKafka(tmp_path) as kafka:
        lab = await Lab(kafka.bootstrap_servers).create()
        options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap_servers}
        made = [
            KafkaTransaction(f"{lab.name}-{n}", options=options, transaction_timeout_ms=10_000)
            for n in range(4)
        ]
        for number, producer in enumerate(made):
            await producer.start()
            await producer.begin()
            for topic in (lab.results, lab.changelog):
                await asyncio.gather(*await producer.send(topic, 0, [Message(b"a", b"1")]))
            if number % 2:
                await producer.commit()
                await producer.begin()
        kafka.kill()
        sent = [
            answer
            for producer in made
            for topic in (lab.results, lab.changelog)
            for answer in await producer.send(topic, 0, [Message(b"b", b"2")])
        ]
        await asyncio.wait([asyncio.ensure_future(answer) for answer in sent], timeout=0.3)
        await asyncio.gather(*(producer.close() for producer in made))
        answers = await asyncio.gather(*sent, return_exceptions=True)
        del sent, made, producer
        gc.collect()

    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert [task for task in left if not task.done()] == []
    assert [type(answer) for answer in answers] == [Retryable] * 8
    assert told == []
