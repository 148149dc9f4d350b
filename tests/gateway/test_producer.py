"""The publisher on a real Kafka: what breaks a producer for good is replaced."""

import asyncio
import gc

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber

from carewatch.gateway.producer import Outgoing, Publisher, Unavailable
from carewatch.local.kafka import LocalKafka
from carewatch.wire.partitions import partition_of
from support.eventually import eventually
from support.lab import create_topics, read_committed

RECORD = Outgoing(b"key", b"value", 1_767_607_500_000, (("kind", b"test"),))


def publisher(bootstrap_servers: str, topic: str, partitions: int | None = None) -> Publisher:
    return Publisher(
        {"bootstrap_servers": bootstrap_servers},
        topic,
        deadline_ms=5000,
        max_request_bytes=4_194_304,
        client_id="test",
        partitions=partitions,
    )


async def ready(sender: Publisher) -> None:
    async def connected() -> bool | None:
        return True if sender.unready is None else None

    await eventually(connected, within_s=60)


@pytest.mark.broker
async def test_a_producer_that_failed_for_good_is_replaced(broker: LocalKafka) -> None:
    topic = "test.gateway.replaced"
    await create_topics(broker.bootstrap_servers, {topic: 1})
    sender = publisher(broker.bootstrap_servers, topic)
    sender.start()
    try:
        await ready(sender)
        await sender.publish([RECORD])
        assert sender._producer is not None
        sender._producer._message_accumulator.fail_all(OutOfOrderSequenceNumber())
        with pytest.raises(Unavailable, match="OutOfOrderSequenceNumber"):
            await sender.publish([RECORD])
        await ready(sender)
        await sender.publish([RECORD, RECORD])
    finally:
        await sender.stop()

    found = await read_committed(broker.bootstrap_servers, topic, 0)
    assert [(record.key, record.value, record.headers) for record in found] == [
        (b"key", b"value", (("kind", b"test"),))
    ] * 3


@pytest.mark.broker
async def test_a_record_goes_to_the_partition_in_which_everybody_looks_for_its_key(
    broker: LocalKafka,
) -> None:
    topic = "test.gateway.partition"
    await create_topics(broker.bootstrap_servers, {topic: 3})
    sender = publisher(broker.bootstrap_servers, topic)
    sender.start()
    keys = [b"c1", b"c2", b"c_9f2kq7m4x1", b"c4", b"c5"]
    try:
        await ready(sender)
        await sender.publish([RECORD._replace(key=key) for key in keys])
    finally:
        await sender.stop()

    found = [
        (record.key, partition)
        for partition in range(3)
        for record in await read_committed(broker.bootstrap_servers, topic, partition)
    ]
    assert sorted(found) == sorted((key, partition_of(key, 3)) for key in keys)


@pytest.mark.broker
async def test_what_is_given_up_is_not_complained_of(
    broker: LocalKafka, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch that was never sent: its senders were told, nobody else is waiting for it."""
    topic = "test.gateway.given_up"
    await create_topics(broker.bootstrap_servers, {topic: 1})
    sender = publisher(broker.bootstrap_servers, topic)
    sender.start()
    await ready(sender)
    sending = asyncio.create_task(sender.publish([RECORD]))
    await asyncio.sleep(0)
    await sender.stop()
    with pytest.raises(Unavailable):
        await sending
    del sender, sending
    await asyncio.sleep(0)
    gc.collect()

    assert "never retrieved" not in caplog.text


async def test_before_the_start_nothing_is_promised_and_stopping_is_safe() -> None:
    sender = publisher("127.0.0.1:1", "care.events")

    with pytest.raises(Unavailable, match="not connected"):
        await sender.publish([RECORD])
    await sender.stop()
    assert sender.unready == "not connected to Kafka yet"


@pytest.mark.broker
async def test_a_topic_with_another_count_than_it_was_born_with_gets_nothing(
    broker: LocalKafka,
) -> None:
    """At the connection, and when partitions are added under it: keys must not move."""
    topic = "test.gateway.counted"
    await create_topics(broker.bootstrap_servers, {topic: 2})
    right = publisher(broker.bootstrap_servers, topic, partitions=2)
    wrong = publisher(broker.bootstrap_servers, topic, partitions=3)
    for sender in (right, wrong):
        sender.start()
    try:
        await ready(right)

        async def said() -> bool | None:
            return True if "has 2 partitions" in str(wrong.unready) else None

        await eventually(said, within_s=60)
        refused = wrong.unready
        await right.publish([RECORD])
        with pytest.raises(Unavailable, match=r"has 3 partitions, kafka\.partitions says 2"):
            right._partition(b"key", [0, 1, 2], [0, 1, 2])
    finally:
        for sender in (right, wrong):
            await sender.stop()

    assert refused is not None
    assert "kafka.partitions says 3" in refused
    assert "Remedy: set kafka.partitions" in refused
