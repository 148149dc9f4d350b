"""What the exactly-once protocol relies on, expected of the in-memory log and of a real Kafka.

The simulation proves the protocol on the fake. This suite keeps the fake honest: each of its
expectations holds on Kafka, too, through the engine's own clients.
"""

import asyncio
import os
from collections.abc import Awaitable

import pytest

from carewatch.domain.errors import Retryable
from carewatch.engine.ports import Fenced, Message
from support.backends import (
    Backend,
    FakeBackend,
    KafkaBackend,
    Scenario,
    committed,
    sent,
    until_stable_end,
)

A, B, C, D = (Message(key, key.lower()) for key in (b"A", b"B", b"C", b"D"))


@pytest.fixture(params=["fake", pytest.param("kafka", marks=pytest.mark.broker)])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "fake":
        return FakeBackend()
    return KafkaBackend(request.getfixturevalue("broker").bootstrap_servers)


async def error_of(awaitable: Awaitable[object]) -> Exception | None:
    """The error that comes instead of a result."""
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


def named(test: str) -> str:
    """A transactional id of its own: ids outlive the test on a real broker."""
    return f"{test}-{os.getpid()}"


def test_a_commit_makes_all_visible_in_order_and_its_mark_takes_an_offset(
    backend: Backend,
) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        producer = backend.producer(named("order"))
        await producer.start()
        for messages in ([A, B], [C]):
            await producer.begin()
            await sent(producer, topic, messages)
            await producer.commit()
        await until_stable_end(backend, topic, 5)

        records = await committed(backend, topic)

        assert [(r.offset, r.key) for r in records] == [(0, b"A"), (1, b"B"), (3, b"C")]
        assert await backend.log.stable_end(topic, 0) == 5

    backend.run(scenario)


def test_headers_and_tombstones_arrive_as_they_were_sent(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        producer = backend.producer(named("headers"))
        await producer.start()
        await producer.begin()
        messages = [Message(b"A", b"1", (("position", b"0:7"),)), Message(b"A", None)]
        await sent(producer, topic, messages)
        await producer.commit()
        await until_stable_end(backend, topic, 3)

        records = await committed(backend, topic)

        assert [Message(r.key, r.value, r.headers) for r in records] == messages

    backend.run(scenario)


def test_an_open_transaction_hides_itself_and_everything_after_it(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        await backend.append(topic, A)
        producer = backend.producer(named("open"))
        await producer.start()
        await producer.begin()
        await sent(producer, topic, [B])
        await backend.append(topic, C)

        assert await backend.log.stable_end(topic, 0) == 1
        assert [r.key for r in await committed(backend, topic)] == [b"A"]
        assert [r.key for r in await backend.everything(topic)] == [b"A", b"B", b"C"]

        await producer.commit()
        await until_stable_end(backend, topic, 4)

        assert [r.key for r in await committed(backend, topic)] == [b"A", b"B", b"C"]

    backend.run(scenario)


def test_a_new_start_aborts_what_was_left_open_before_it_returns(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        left = backend.producer(named("left"))
        await left.start()
        await left.begin()
        await sent(left, topic, [A, B])

        await backend.producer(named("left")).start()

        assert await backend.log.stable_end(topic, 0) == 3
        assert await committed(backend, topic) == []
        assert [r.key for r in await backend.everything(topic)] == [b"A", b"B"]

    backend.run(scenario)


def test_a_new_start_makes_every_commit_before_it_visible(backend: Backend) -> None:
    """A commit returns when it is decided; the restore needs it to be readable."""

    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        for number in range(5):
            producer = backend.producer(named("visible"))
            await producer.start()
            assert await backend.log.stable_end(topic, 0) == 2 * number
            await producer.begin()
            await sent(producer, topic, [A])
            await producer.commit()

    backend.run(scenario)


@pytest.mark.parametrize("at", ["begin", "send", "commit"])
def test_an_owner_that_was_replaced_can_commit_nothing(backend: Backend, at: str) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        zombie, owner = backend.producer(named(f"at{at}")), backend.producer(named(f"at{at}"))
        await zombie.start()
        if at != "begin":
            await zombie.begin()
        if at == "commit":
            await sent(zombie, topic, [A])
        await owner.start()

        async def go_on() -> None:
            if at == "begin":
                await zombie.begin()
            if at != "commit":
                await sent(zombie, topic, [A])
            await zombie.commit()

        error = await error_of(go_on())
        await owner.begin()
        await sent(owner, topic, [B])
        await owner.commit()
        await backend.producer(named(f"at{at}")).start()

        assert isinstance(error, Fenced)
        assert [r.key for r in await committed(backend, topic)] == [b"B"]

    backend.run(scenario)


def test_producers_of_other_ids_are_not_fenced(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        one, other = backend.producer(named("one")), backend.producer(named("other"))
        await one.start()
        await one.begin()
        await sent(one, topic, [A])
        await other.start()
        await one.commit()
        await until_stable_end(backend, topic, 2)

        assert [r.key for r in await committed(backend, topic)] == [b"A"]

    backend.run(scenario)


def test_another_writer_holds_back_what_we_have_committed(backend: Backend) -> None:
    """Why a changelog partition has one writer: a restore would miss our own rows."""

    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        stranger, ours = backend.producer(named("stranger")), backend.producer(named("ours"))
        await stranger.start()
        await ours.start()
        await stranger.begin()
        await sent(stranger, topic, [A])
        await ours.begin()
        await sent(ours, topic, [B])
        await ours.commit()

        await backend.producer(named("ours")).start()

        assert await backend.log.stable_end(topic, 0) == 0
        assert await committed(backend, topic) == []

    backend.run(scenario)


def test_a_commit_does_not_raise_for_a_batch_that_failed(backend: Backend) -> None:
    """Why every batch is awaited: the rest of the transaction would be committed without it."""

    async def scenario(backend: Backend) -> None:
        narrow, wide = await backend.topic(max_bytes=1000), await backend.topic()
        producer = backend.producer(named("partial"))
        await producer.start()
        await producer.begin()
        large = Message(b"L", os.urandom(5000))
        (failed,) = await producer.send(narrow, 0, [large])
        await sent(producer, wide, [A])
        await producer.commit()
        await until_stable_end(backend, wide, 2)

        assert isinstance(await error_of(failed), Retryable)
        assert [r.key for r in await committed(backend, narrow)] == []
        assert [r.key for r in await committed(backend, wide)] == [b"A"]

    backend.run(scenario)


def test_a_commit_that_nobody_heard_of_is_all_or_nothing_after_the_next_start(
    backend: Backend,
) -> None:
    async def scenario(backend: Backend) -> None:
        one, two = await backend.topic(), await backend.topic()
        for patience in (0.0, 0.001, 0.003, 0.01, 0.03):
            producer = backend.producer(named("unheard"))
            await producer.start()
            before = [len(await committed(backend, topic)) for topic in (one, two)]
            await producer.begin()
            await sent(producer, one, [A])
            await sent(producer, two, [B])
            commit = asyncio.create_task(producer.commit())
            await asyncio.sleep(patience)
            commit.cancel()
            await asyncio.wait([commit])
            await producer.close()

            await backend.producer(named("unheard")).start()
            grown = [
                len(await committed(backend, topic)) - count
                for topic, count in zip((one, two), before, strict=True)
            ]

            assert grown in ([0, 0], [1, 1])
            for topic in (one, two):
                # Visible at once: no transaction is open any more.
                await backend.append(topic, D)
                assert (await committed(backend, topic))[-1].key == b"D"

    backend.run(scenario)


def test_a_transaction_left_alone_is_aborted_and_its_producer_fenced(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        sleeper = backend.producer(named("sleeper"), timeout_ms=1000)
        await sleeper.start()
        await sleeper.begin()
        await sent(sleeper, topic, [A])

        assert await until_stable_end(backend, topic, 2) == 2
        assert await committed(backend, topic) == []
        with pytest.raises(Retryable):
            await sleeper.commit()

    backend.run(scenario)


def test_reading_an_empty_partition_gives_nothing(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()

        assert await backend.log.first_offset(topic, 0) == 0
        assert await backend.log.stable_end(topic, 0) == 0
        assert await committed(backend, topic) == []

    backend.run(scenario)


def test_reading_ends_exactly_where_it_was_told_to(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic()
        for message in (A, B, C):
            await backend.append(topic, message)

        found = [r.key async for batch in backend.log.read(topic, 0, 2) for r in batch]

        assert found == [b"A", b"B"]

    backend.run(scenario)


def test_compaction_keeps_the_newest_value_of_a_key_at_its_offset(backend: Backend) -> None:
    async def scenario(backend: Backend) -> None:
        topic = await backend.topic(compact=True)
        producer = backend.producer(named("compact"))
        await producer.start()
        for number in range(3):
            await producer.begin()
            rows = [Message(b"row", str(number).encode()), Message(b"marker", str(number).encode())]
            await sent(producer, topic, rows)
            await producer.commit()
        await producer.begin()
        await sent(producer, topic, [Message(b"row", b"aborted")])
        await backend.producer(named("compact")).start()

        await backend.compacted(topic)

        kept = [
            r for r in await committed(backend, topic) if not (r.key or b"").startswith(b"filler")
        ]
        assert [(r.offset, r.key, r.value) for r in kept] == [
            (6, b"row", b"2"),
            (7, b"marker", b"2"),
        ]

    backend.run(scenario)


def test_scenarios_on_the_fake_take_no_real_time() -> None:
    """The fake's clock is its world's: a day passes at once."""
    fake = FakeBackend()

    async def scenario(backend: Backend) -> None:
        await asyncio.sleep(86_400)

    run: Scenario = scenario
    fake.run(run)

    assert fake.world.now() == 86_400_000
