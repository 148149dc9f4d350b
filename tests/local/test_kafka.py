"""The local Kafka, for real: it keeps its data, gives way to another, and ends with its owner."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carewatch.domain.errors import Refused
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.local.ready import known_brokers
from support.waiting import Ending

OWNER = """
import os, sys
from pathlib import Path
from carewatch.local.kafka import LocalKafka
kafka = LocalKafka(Path(sys.argv[1]))
kafka.start()
print(kafka.pid, kafka._guard.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A Kafka of the test's own, which it may stop and kill."""
    with LocalKafka(tmp_path / "kafka") as kafka:
        yield kafka


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A process that owns a Kafka, Kafka's process id, and that of the guard between them."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "kafka"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        java, guard = map(int, process.stdout.readline().split())
        yield process, java, guard
        process.kill()


async def store(bootstrap_servers: str, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_request_size=8_000_000
    )
    await producer.start()
    try:
        await producer.send_and_wait("kept", value, partition=0)
    finally:
        await producer.stop()


async def stored(bootstrap_servers: str) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        kept = TopicPartition("kept", 0)
        consumer.assign([kept])
        end = (await consumer.end_offsets([kept]))[kept]
        values: list[bytes | None] = []
        while len(values) < end:
            values.append((await consumer.getone()).value)
        return values
    finally:
        await consumer.stop()


async def create_kept(bootstrap_servers: str, *, largest: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        topic = NewTopic("kept", 1, 1, topic_configs={"max.message.bytes": str(largest)})
        await admin.create_topics([topic])
    finally:
        await admin.close()


@pytest.mark.broker
async def test_records_survive_a_restart_and_a_kill_on_the_same_address(kafka: LocalKafka) -> None:
    address = kafka.bootstrap_servers
    await create_kept(address, largest=6_291_456)

    await store(address, b"x" * 6_000_000)
    kafka.restart()
    await store(address, b"two")
    kafka.kill()
    assert kafka.running is False
    kafka.start()

    assert kafka.bootstrap_servers == address
    assert [len(value or b"") for value in await stored(address)] == [6_000_000, 3]


@pytest.mark.broker
def test_one_that_ended_by_itself_starts_again_and_leaves_nothing_open(kafka: LocalKafka) -> None:
    former = kafka._guard
    assert former is not None
    assert former.stdin is not None
    os.kill(kafka.pid, signal.SIGTERM)
    assert kafka.wait() != 0

    kafka.start()

    assert former.stdin.closed
    assert known_brokers(HOST, kafka.port, timeout_s=5) == 1


@pytest.mark.broker
def test_a_second_start_on_the_same_folder_names_the_running_one(kafka: LocalKafka) -> None:
    with pytest.raises(Refused) as refusal:
        LocalKafka(kafka.folder).start()

    assert f"process {kafka.pid}, {kafka.bootstrap_servers}" in str(refusal.value)
    assert "--data" in str(refusal.value)
    assert known_brokers(HOST, kafka.port, timeout_s=5) == 1


@pytest.mark.broker
def test_a_kafka_that_cannot_run_shows_its_log_and_leaves_the_folder_free(
    kafka: LocalKafka,
) -> None:
    kafka.stop()
    broken = LocalKafka(kafka.folder, properties={"log.retention.bytes": "plenty"})

    with pytest.raises(Refused, match=r"(?s)ended while starting.*log\.retention\.bytes"):
        broken.start()

    assert broken.running is False
    kafka.start()
    assert known_brokers(HOST, kafka.port, timeout_s=5) == 1


@pytest.mark.broker
def test_kafka_ends_when_its_owner_is_killed(owner: tuple[subprocess.Popen[str], int, int]) -> None:
    process, java, _ = owner
    ending = Ending(java)

    process.kill()

    assert ending.comes()


@pytest.mark.broker
def test_kafka_ends_when_the_guard_is_killed(owner: tuple[subprocess.Popen[str], int, int]) -> None:
    _, java, guard = owner
    ending = Ending(java)

    os.kill(guard, signal.SIGKILL)

    assert ending.comes()


@pytest.mark.parametrize(("name", "option"), [("port", "--port"), ("controller_port", "--contr")])
def test_a_taken_port_is_named_with_its_option(tmp_path: Path, name: str, option: str) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        kafka = LocalKafka(tmp_path, **{name: port})

        with pytest.raises(Refused, match=rf"Port {port} .*{option}"):
            kafka.start()


def test_a_kafka_that_was_not_started_has_no_process(tmp_path: Path) -> None:
    kafka = LocalKafka(tmp_path / "kafka")
    kafka.stop()

    assert kafka.running is False
    with pytest.raises(Refused, match="not running"):
        kafka.kill()
    assert not (tmp_path / "kafka").exists()


def test_nobody_listening_is_an_oserror() -> None:
    with pytest.raises(OSError, match="refused"):
        known_brokers(HOST, free_port(), timeout_s=1)
