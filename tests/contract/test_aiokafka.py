"""What the engine relies on in aiokafka: a test that fails here names what an upgrade changed."""

import asyncio
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionManager

from support.eventually import eventually
from support.lab import Address, Lab, create_topics


@pytest.fixture
async def lab(broker: Address) -> Lab:
    return await Lab(broker.bootstrap_servers).create()


def test_the_pins_of_what_was_read() -> None:
    assert version("aiokafka") == "0.14.0"


def test_the_sticky_assignor_keeps_its_assignment_in_the_class() -> None:
    """Two consumers of one process need a subclass each."""

    class Mine(StickyPartitionAssignor):  # type: ignore[misc]
        pass

    class Other(StickyPartitionAssignor):  # type: ignore[misc]
        pass

    Mine.on_assignment(ConsumerProtocolMemberAssignment(0, [("topic", [1])], b""))

    assert Mine.member_assignment == [TopicPartition("topic", 1)]
    assert Other.member_assignment is None
    assert StickyPartitionAssignor.member_assignment is None


async def test_private_parts_of_a_producer() -> None:
    """Closing a producer reaches for these, since its own stop can wait for ever."""
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="pin")
    try:
        assert isinstance(producer._sender, Sender)
        assert producer._sender.sender_task is None
        assert isinstance(producer._message_accumulator, MessageAccumulator)
        assert isinstance(producer._txn_manager, TransactionManager)
        assert producer._txn_manager.wait_for_transaction_end() is None
    finally:
        await producer.stop()


async def test_an_empty_batch_takes_a_record_of_any_size() -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers="127.0.0.1:1", transactional_id="pin", max_batch_size=100
    )
    try:
        batch = producer.create_batch()
        first = batch.append(timestamp=None, key=b"k", value=b"x" * 1000, headers=[])
        second = batch.append(timestamp=None, key=b"k", value=b"x", headers=[])
    finally:
        await producer.stop()

    assert first is not None
    assert second is None
    assert batch.size() > 1000


@pytest.mark.broker
async def test_a_static_member_leaves_only_when_its_name_is_taken_away(lab: Lab) -> None:
    """Stopping a static member sends no LeaveGroup; the engine clears this attribute first."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=lab.bootstrap_servers, group_id=lab.name, group_instance_id="slot"
    )
    await consumer.start()
    try:
        assert consumer._coordinator._group_instance_id == "slot"
    finally:
        await consumer.stop()


@pytest.mark.broker
async def test_a_commit_does_not_raise_for_a_batch_that_failed(lab: Lab) -> None:
    """The reason why every batch is awaited before the commit."""
    small = f"{lab.name}.small"
    await create_topics(lab.bootstrap_servers, {small: 1}, {"max.message.bytes": "500"})
    producer = AIOKafkaProducer(bootstrap_servers=lab.bootstrap_servers, transactional_id=lab.name)
    await producer.start()
    try:
        await producer.begin_transaction()
        batch = producer.create_batch()
        batch.append(timestamp=None, key=b"k", value=b"x" * 2000, headers=[])
        failed = await producer.send_batch(batch, small, partition=0)
        await producer.send(lab.results, b"torn", partition=0)

        await producer.commit_transaction()

        with pytest.raises(MessageSizeTooLargeError):
            await failed
    finally:
        await producer.stop()
    assert await lab.counted() == ["torn"]


@pytest.mark.broker
@pytest.mark.parametrize(("isolation", "end"), [("read_committed", 0), ("read_uncommitted", 1)])
async def test_the_end_offset_depends_on_the_isolation_level(
    lab: Lab, isolation: str, end: int
) -> None:
    where = TopicPartition(lab.results, 0)
    producer = AIOKafkaProducer(
        bootstrap_servers=lab.bootstrap_servers, transactional_id=f"{lab.name}-{isolation}"
    )
    consumer = AIOKafkaConsumer(bootstrap_servers=lab.bootstrap_servers, isolation_level=isolation)
    await producer.start()
    await consumer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(lab.results, b"open", partition=0)

        found = await consumer.end_offsets([where])

        await producer.abort_transaction()
    finally:
        await consumer.stop()
        await producer.stop()
    assert found == {where: end}


@pytest.mark.broker
async def test_a_subscribed_partition_tells_its_position_and_stable_end(lab: Lab) -> None:
    """The lag metric reads both from the consumer's own state, without asking the broker."""
    await lab.produce(["a", "b"])
    where = TopicPartition(lab.source, 0)
    consumer = AIOKafkaConsumer(
        lab.source,
        bootstrap_servers=lab.bootstrap_servers,
        group_id=lab.name,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        got = await asyncio.wait_for(consumer.getone(), 30)
        state = consumer._subscription.subscription.assignment.state_value(where)
        assert state.position == got.offset + 1 == 1
        assert consumer.last_stable_offset(where) == 2
    finally:
        await consumer.stop()


@pytest.mark.broker
async def test_a_reader_of_committed_records_is_told_that_a_transaction_is_open(lab: Lab) -> None:
    """The end goes on and the stable offset does not, as of the last fetch, until it is ended."""
    where = TopicPartition(lab.results, 0)
    producer = AIOKafkaProducer(
        bootstrap_servers=lab.bootstrap_servers, transactional_id=f"{lab.name}-open"
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=lab.bootstrap_servers,
        isolation_level="read_committed",
        fetch_max_wait_ms=50,
    )
    await producer.start()
    await consumer.start()
    try:
        consumer.assign([where])
        await consumer.seek_to_beginning(where)

        async def look(stable: int, end: int) -> bool | None:
            await consumer.getmany(timeout_ms=50)
            found = consumer.last_stable_offset(where), consumer.highwater(where)
            return found == (stable, end) or None

        await producer.begin_transaction()
        await producer.send_and_wait(lab.results, b"held back", partition=0)
        assert await eventually(lambda: look(0, 1))

        await producer.commit_transaction()
        assert await eventually(lambda: look(2, 2))
    finally:
        await consumer.stop()
        await producer.stop()
