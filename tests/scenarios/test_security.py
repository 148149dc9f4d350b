"""Every process as a user of its own, over TLS: each does its work, and can do nothing else."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from carewatch.clock import system_clock
from carewatch.engine.connection import kafka_options
from carewatch.local.child import Child
from carewatch.settings import KafkaSettings, Secret
from carewatch.wire.access import ROLES, rights
from carewatch.wire.topics import TOPICS
from support.deployment import Deployment
from support.secured import SecuredKafka, password_of, secured_kafka
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ROLE_OF = {"topics": "admin", "verify": "oracle"}
"""The role of a command, where it is not called like it."""


class Secured(Deployment):
    """Every process logs in as its own role, by the listener that asks who comes."""

    def __init__(self, folder: Path, config: Path, kafka: SecuredKafka) -> None:
        super().__init__(folder, config, SECRETS, kafka.kafka)
        self.secured = kafka

    def start(self, *arguments: str, **settings: str) -> Child:
        role = ROLE_OF.get(arguments[0], arguments[0])
        return super().start(*arguments, **(self.secured.variables(role) | settings))


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured") / "node") as node:
        yield node


def configuration(folder: Path) -> Path:
    """The scenarios' own, with a password to Kafka."""
    shutil.copytree(CONFIG, folder)
    file = folder / "carewatch.yaml"
    text = file.read_text(encoding="utf-8")
    password = "kafka:\n  password: env:CARE_KAFKA_PASSWORD\n"
    file.write_text(text.replace("kafka:\n", password), encoding="utf-8")
    return folder


@asynccontextmanager
async def working(folder: Path, kafka: SecuredKafka) -> AsyncIterator[Secured]:
    deployment = Secured(folder, configuration(folder / "config"), kafka)
    try:
        await deployment.come_up()
        yield deployment
    finally:
        await deployment.go_down()


def settings_of(kafka: SecuredKafka, role: str, password: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=kafka.secured_servers,
        security_protocol="SASL_SSL",
        username=role,
        password=Secret(password),
        ca_file=str(kafka.ca_file),
    )


async def refused_writes(kafka: SecuredKafka, role: str, names: set[str]) -> set[str]:
    """Of these topics those that the role may not write to."""
    found = set()
    options = kafka_options(settings_of(kafka, role, password_of(role)))
    producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=False)
    await producer.start()
    try:
        for name in sorted(names):
            try:
                await producer.send_and_wait(name, b"x", partition=0)
            except TopicAuthorizationFailedError:
                found.add(name)
    finally:
        await producer.stop()
    return found


async def refused_reads(kafka: SecuredKafka, role: str, names: set[str]) -> set[str]:
    """Of these topics those that the role may not read."""
    options = kafka_options(settings_of(kafka, role, password_of(role)))
    client = AIOKafkaClient(**options)
    await client.bootstrap()
    try:
        # What may not even be described has no leader to ask: a read of it would wait for ever.
        await client.set_topics(names)
        found = set(client.cluster.unauthorized_topics)
    finally:
        await client.close()
    for name in sorted(names - found):
        consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, group_id=None)
        await consumer.start()
        try:
            place = TopicPartition(name, 0)
            consumer.assign([place])
            consumer.seek(place, 0)
            await consumer.getmany(timeout_ms=5000)
        except TopicAuthorizationFailedError:
            found.add(name)
        finally:
            await consumer.stop()
    return found


async def too_much(kafka: SecuredKafka, role: str) -> tuple[set[str], set[str]]:
    """What a role can write and read although it has no right to."""
    every = {topic.name for topic in TOPICS}
    may = {(one.operation, one.name) for one in rights() if one.role == role}
    unwritable = {name for name in every if ("Write", name) not in may}
    unreadable = {name for name in every if ("Read", name) not in may}
    assert unwritable | unreadable, role
    found = await asyncio.gather(
        refused_writes(kafka, role, unwritable), refused_reads(kafka, role, unreadable)
    )
    return unwritable - found[0], unreadable - found[1]


@pytest.mark.timeout(480)
async def test_each_role_does_its_work_and_nothing_else(
    tmp_path: Path, kafka: SecuredKafka
) -> None:
    """The story of one customer, told by processes that may do as little as they need."""
    async with working(tmp_path / "d", kafka) as deployment:
        began_s = system_clock() // 1000 + 1
        await deployment.passed(began_s * 1000)
        for name in ("whatsapp_1_question", "whatsapp_2_sent"):
            assert await deliver(deployment, name, began_s) == (200, "")
        await deployment.passed(system_clock() + 1000)
        facts = await deployment.committed("care.facts")
        assert len([fact for fact in facts if fact.value]) >= 4
        await deployment.run("verify")
        assert deployment.ended_early == []

        allowed = await asyncio.gather(*(too_much(kafka, role) for role in ROLES))
        assert dict(zip(ROLES, allowed, strict=True)) == dict.fromkeys(ROLES, (set(), set()))


async def test_a_wrong_password_is_refused(kafka: SecuredKafka) -> None:
    options = kafka_options(settings_of(kafka, "worker", "guess"))
    producer = AIOKafkaProducer(**options)
    try:
        with pytest.raises(KafkaConnectionError):
            await producer.start()
    finally:
        await producer.stop()


async def test_a_broker_that_nobody_vouches_for_is_refused(kafka: SecuredKafka) -> None:
    """The system's authorities do not know the one of the tests."""
    known = settings_of(kafka, "worker", password_of("worker"))
    options = kafka_options(
        KafkaSettings(
            bootstrap_servers=known.bootstrap_servers,
            security_protocol="SASL_SSL",
            username="worker",
            password=known.password,
        )
    )
    producer = AIOKafkaProducer(**options)
    try:
        with pytest.raises(KafkaConnectionError):
            await producer.start()
    finally:
        await producer.stop()
