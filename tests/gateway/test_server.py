"""The answers of the real HTTP server, over a real Kafka."""

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carewatch.bootstrap import build_gateway
from carewatch.channels import CHANNELS
from carewatch.channels.base import Secrets
from carewatch.clock import SteadyClock, system_clock
from carewatch.domain.errors import ConfigError
from carewatch.engine.timekeeper import Timekeeper
from carewatch.gateway import server
from carewatch.gateway.connections import reserve_files
from carewatch.gateway.doors import doors_of
from carewatch.gateway.trial import post, signed_request
from carewatch.local.kafka import LocalKafka
from carewatch.wire.envelope import decode_envelope
from support import hooks
from support.doors import COUNTS, NOWHERE, SMALL, Door, message, running, settings
from support.eventually import eventually


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka of this module's own: its topics come and go, and it is killed."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as node:
        yield node


async def have_topics(bootstrap_servers: str, counts: dict[str, int]) -> None:
    """Exactly these topics, all of them empty."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await client.start()
    try:
        there = await client.list_topics()
        if there:
            await client.delete_topics(there)

        async def gone() -> bool | None:
            return None if await client.list_topics() else True

        await eventually(gone)
        if counts:
            config = {"max.message.bytes": "6291456"}
            await client.create_topics(
                [NewTopic(name, count, 1, topic_configs=config) for name, count in counts.items()]
            )
    finally:
        await client.close()


Stored = tuple[int, bytes, dict[str, bytes]]


async def stored(bootstrap_servers: str, topic: str) -> list[Stored]:
    """Everything in a topic: timestamp, value, headers."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=8_388_608,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(COUNTS[topic])]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(r.timestamp, r.value, dict(r.headers)) for r in records]
        return found
    finally:
        await consumer.stop()


def padded(size: int) -> bytes:
    """A body of exactly `size` bytes that means nothing."""
    head = b'{"object":"x","event":"inbox_updated","pad":"'
    return head + b"x" * (size - len(head) - 2) + b'"}'


class WrongBroker:
    """Kafka's clock, an hour behind the machine's."""

    behind_ms = 3_600_000

    async def __call__(self) -> int:
        return system_clock() - self.behind_ms

    async def close(self) -> None: ...


@pytest.mark.broker
async def test_nothing_is_taken_while_the_clock_is_wrong(kafka: LocalKafka) -> None:
    """Neither before the first comparison nor after one that failed; the sender comes back."""
    await have_topics(kafka.bootstrap_servers, COUNTS)
    async with running(settings(kafka.bootstrap_servers)) as door:
        await door.until_ready()
        broker_time = WrongBroker()
        keeper = Timekeeper(SteadyClock(), broker_time)
        door.gateway._timekeeper = keeper
        before = await door.post("generic", message(1))
        await keeper.compare()
        apart = await door.post("generic", message(1))
        ready = await door.get("/readyz")
        broker_time.behind_ms = 0
        await keeper.compare()
        right = await door.post("generic", message(1))

    assert [one.status for one in (before, apart, right)] == [503, 503, 200]
    assert apart.headers["Retry-After"] == "2"
    assert ready[0] == 503
    assert "this machine's clock is 3600.0 s ahead of Kafka's" in ready[1]


async def test_refusals_need_no_kafka() -> None:
    async with running(settings(NOWHERE)) as door:
        good = message(1)
        signed = hooks.signature("generic", good)
        stale = hooks.signature("generic", good, at=hooks.NOW - 301_000)
        answers = {
            "unsigned": await door.post("generic", good, {}),
            "wrongly signed": await door.post("generic", good + b" ", signed),
            "stale": await door.post("generic", good, stale),
            "unknown account": await door.post("generic", good, path="/hooks/generic/nobody"),
            "unknown channel": await door.post("generic", good, path="/hooks/fax/web-1"),
            "encoded": await door.post("generic", good, signed | {"Content-Encoding": "gzip"}),
            "too large": await door.post("generic", padded(SMALL + 1)),
            "kafka away": await door.post("generic", good),
        }
        async with door.client.put(door.gateway.url + "/hooks/generic/web-1") as response:
            await response.read()
            answers["put"] = response
        async with door.client.get(door.gateway.url + "/hooks/generic/web-1") as response:
            await response.read()
            answers["get without a handshake"] = response

        assert {kind: answer.status for kind, answer in answers.items()} == {
            "unsigned": 401,
            "wrongly signed": 401,
            "stale": 401,
            "unknown account": 404,
            "unknown channel": 404,
            "encoded": 415,
            "too large": 413,
            "kafka away": 503,
            "put": 405,
            "get without a handshake": 405,
        }
        assert answers["kafka away"].headers["Retry-After"] == str(server.RETRY_AFTER_S)
        assert answers["put"].headers["Allow"] == "GET, OPTIONS, POST"
        assert {await answer.text() for answer in answers.values()} == {""}
        for outcome, count in (("unverified", 2), ("stale", 1), ("unavailable", 1)):
            name = f'care_webhook_requests_total{{channel="generic",outcome="{outcome}"}}'
            assert await door.sample(name) == count


async def test_it_lives_without_kafka_and_says_that_it_is_not_ready() -> None:
    async with running(settings(NOWHERE)) as door:
        status, text = await door.get("/readyz")

        assert (await door.get("/livez"))[0] == 200
        assert status == 503
        assert json.loads(text)["ready"] is False


async def test_without_kafka_the_spool_answers_for_it(tmp_path: Path) -> None:
    """Unless the account leaves waiting to its provider; and it is not ready before Kafka was."""
    config = settings(NOWHERE, spool_limit_bytes=100_000, spool_dir=str(tmp_path / "spool"))
    own = msgspec.structs.replace(config.accounts[0], account="own", spool=False)
    config = msgspec.structs.replace(config, accounts=(*config.accounts, own))
    async with running(config) as door:
        broken = await door.post("chatwoot", b"{")
        taken = [await door.post("generic", message(number)) for number in range(3)]
        refused = await door.post("generic", message(1), path="/hooks/generic/own")
        ready = await door.get("/readyz")
        counted = {
            name: await door.sample(name)
            for name in (
                "care_spool_records",
                'care_webhook_requests_total{channel="generic",outcome="spooled"}',
                'care_webhook_requests_total{channel="chatwoot",outcome="spooled"}',
                'care_webhook_items_total{channel="generic",outcome="published"}',
                'care_webhook_requests_total{channel="generic",outcome="unavailable"}',
            )
        }
        on_disk = spool_bytes(tmp_path)
    async with running(config) as door:
        after = await door.sample("care_spool_records")

    assert [one.status for one in (broken, *taken, refused)] == [200, 200, 200, 200, 503]
    assert list(counted.values()) == [4, 3, 1, 3, 1]
    assert ready[0] == 503
    assert "4 records wait in the spool" in ready[1]
    assert b"hello" not in on_disk
    assert after == 4


def spool_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "spool").glob("*.spool"))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/cloudevents+json; charset=utf-8",
        "application/cloudevents-batch+json",
        "text/plain",
    ],
)
async def test_what_a_body_is_called_changes_nothing(tmp_path: Path, content_type: str) -> None:
    """No signature covers the content type, so it decides nothing; the body says what it is."""
    config = settings(NOWHERE, spool_limit_bytes=100_000, spool_dir=str(tmp_path))
    batch = json.dumps([json.loads(message(n)) | {"id": str(n)} for n in range(2)]).encode()
    async with running(config) as door:
        signed = hooks.signature("generic", batch) | {"Content-Type": content_type}
        answer = await door.post("generic", batch, signed)
        records = await door.sample("care_spool_records")

    assert (answer.status, records) == (200, 2)


async def test_metas_handshake_is_answered_as_plain_text() -> None:
    async with running(settings(NOWHERE)) as door:
        token = hooks.TOKENS["whatsapp"]
        query = f"hub.mode=subscribe&hub.challenge=%3Cb%3E1&hub.verify_token={token}"
        url = f"{door.gateway.url}/hooks/whatsapp/wa-1?"
        async with door.client.get(url + query) as response:
            assert (response.status, await response.text()) == (200, "<b>1")
            assert response.content_type == "text/plain"
        async with door.client.get(url + query + "x") as response:
            assert (response.status, await response.text()) == (401, "")


async def test_the_handshake_of_cloudevents_is_answered_for_a_known_account_alone() -> None:
    asked = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "600"}
    async with running(settings(NOWHERE)) as door:
        answers = []
        for path, headers in (
            ("/hooks/generic/web-1", asked),
            ("/hooks/generic/nobody", asked),
            ("/hooks/chatwoot/cw-1", asked),
            ("/hooks/generic/web-1", {}),
        ):
            async with door.client.options(door.gateway.url + path, headers=headers) as response:
                told = response.headers.get("WebHook-Allowed-Origin")
                answers.append((response.status, told, await response.text()))
        async with door.client.options(door.gateway.url + path, headers=asked) as response:
            rate, methods = response.headers["WebHook-Allowed-Rate"], response.headers["Allow"]

    assert answers == [
        (200, "events.example.com", ""),
        (404, None, ""),
        (401, None, ""),
        (405, None, ""),
    ]
    assert (rate, methods) == ("*", "OPTIONS, POST")


async def test_an_account_over_its_rate_is_told_when_to_come_back() -> None:
    """Other accounts are none the worse, and what proves nothing uses nothing up."""
    config = settings(NOWHERE)
    slow = msgspec.structs.replace(config.accounts[0], rate_limit_per_second=1, rate_burst=2)
    config = msgspec.structs.replace(config, accounts=(slow, *config.accounts[1:]))
    async with running(config) as door:
        forged = [(await door.post("generic", message(1), {})).status for _ in range(5)]
        answers = [await door.post("generic", message(number)) for number in range(4)]
        other = await door.post("chatwoot", b"{")
        name = 'care_webhook_requests_total{channel="generic",outcome="over_rate"}'
        counted = await door.sample(name)

    assert forged == [401] * 5
    # Kafka is away, so that what passes is told so: another refusal than the rate's.
    assert [answer.status for answer in answers] == [503, 503, 429, 429]
    assert answers[-1].headers["Retry-After"] == "1"
    assert other.status == 503
    assert counted == 2


async def connected(door: Door, *parts: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    where = urlsplit(door.gateway.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    for part in parts:
        writer.write(part)
    return reader, writer


async def dripping(writer: asyncio.StreamWriter, part: bytes) -> None:
    """Until the other side has had enough."""
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)


HEAD = b"POST /hooks/generic/web-1 HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("begins", "drips", "too_slow"),
    [
        (b"", b"", 0),
        (HEAD, b"X-A: b\r\n", 0),
        (HEAD + b"Content-Length: 999\r\n\r\n", b"x", 1),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 1),
    ],
    ids=["silence", "a head", "a body", "chunks"],
)
async def test_who_only_drips_is_cut_off(begins: bytes, drips: bytes, too_slow: int) -> None:
    """The connection ends; what never became a request is none, a body too slow is answered."""
    async with running(settings(NOWHERE, idle_timeout_ms=200, read_timeout_ms=200)) as door:
        reader, writer = await connected(door, begins)
        task = asyncio.create_task(dripping(writer, drips)) if drips else None
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 30)
        writer.close()
        if task is not None:
            await task
        name = 'care_webhook_requests_total{channel="generic",outcome="too_slow"}'

        assert await door.sample(name) == too_slow


async def test_more_connections_than_allowed_are_told_to_come_back() -> None:
    """And those that are open go on; who leaves makes room."""
    async with running(settings(NOWHERE, max_connections=3)) as door:
        held = [await connected(door) for _ in range(3)]
        where = door.gateway._runners[0].server
        assert where is not None

        async def full() -> bool | None:
            return len(where.connections) == 3 or None

        await eventually(full)
        reader, writer = await connected(door)
        refused = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        held[0][1].write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        served = await asyncio.wait_for(held[0][0].read(), 30)

        async def room() -> bool | None:
            return len(where.connections) == 2 or None

        await eventually(room)
        live = await door.get("/livez")
        counted = await door.sample("care_connections_refused_total")
        for _, writer in held:
            writer.close()

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 2\r\n" in refused
    assert served.startswith(b"HTTP/1.1 200 ")
    assert live[0] == 200
    assert counted == 1


def test_more_connections_than_the_system_has_files_for_are_a_mistake() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    with pytest.raises(
        ConfigError, match=r"gateway\.max_connections: .* lower the setting or raise"
    ):
        reserve_files(hard)


async def test_a_body_without_a_length_is_cut_at_the_limit() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * SMALL

    async with running(settings(NOWHERE)) as door:
        url = f"{door.gateway.url}/hooks/generic/web-1"
        async with door.client.post(url, data=drip()) as response:
            assert response.status == 413


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async with running(settings(NOWHERE, read_timeout_ms=100)) as door:
        where = urlsplit(door.gateway.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(
            b"POST /hooks/generic/web-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
        )
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()

        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("setting", ["port", "metrics_port"])
async def test_a_taken_port_is_named_with_its_setting(setting: str) -> None:
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    gateway = build_gateway(settings(NOWHERE, **{setting: port}), lambda: hooks.NOW)
    try:
        with pytest.raises(ConfigError, match=rf"gateway\.{setting}: port {port} .* is taken"):
            await gateway.start()
    finally:
        taken.close()
        await taken.wait_closed()


@pytest.mark.broker
async def test_what_is_answered_with_200_is_stored(kafka: LocalKafka) -> None:
    await have_topics(kafka.bootstrap_servers, COUNTS)
    async with running(settings(kafka.bootstrap_servers)) as door:
        await door.until_ready()
        broken = b"{ Ada"
        batch = next(f for f in hooks.fixtures() if "cloudevents_batch" in f.name).body
        large = padded(3_000_000)
        answers = [
            await door.post("generic", message(1)),
            await door.post("chatwoot", broken),
            await door.post("generic", batch),
            await door.post("whatsapp", large),
            await door.post("whatsapp", padded(5_000_000)),
        ]

        assert [answer.status for answer in answers] == [200, 200, 200, 200, 413]
    events = await stored(kafka.bootstrap_servers, "care.events")
    dead = await stored(kafka.bootstrap_servers, "care.dead")
    assert sorted(decode_envelope(value).type for _, value, _ in events) == [
        "care.message.created",
        "care.queue.entered",
        "care.queue.left",
    ]
    assert {timestamp for timestamp, _, _ in events} == {hooks.NOW}
    assert [(value, headers["reason"]) for _, value, headers in dead] == [
        (broken, b"not_json"),
        (batch, b"schema"),
        (large, b"unmapped"),
    ]


@pytest.mark.broker
async def test_a_payload_tried_out_by_hand_is_taken_like_the_providers(kafka: LocalKafka) -> None:
    await have_topics(kafka.bootstrap_servers, COUNTS)
    config = settings(kafka.bootstrap_servers)
    doors = doors_of(config, CHANNELS)
    genuine = doors["generic", "web-1"]
    forger = replace(genuine, secrets=Secrets(signing=(hooks.SENDERS["generic"].other_secret,)))
    async with running(config) as door:
        await door.until_ready()
        answers = [
            await post(signed_request(who, config, message(1), hooks.NOW), door.gateway.url)
            for who in (genuine, forger)
        ]

    assert answers == [(200, ""), (401, "")]


@pytest.mark.broker
async def test_it_recovers_from_an_outage_without_a_restart(kafka: LocalKafka) -> None:
    """Kafka is killed under a request and comes back: the retry is taken under the same id."""
    await have_topics(kafka.bootstrap_servers, COUNTS)
    async with running(settings(kafka.bootstrap_servers)) as door:
        await door.until_ready()
        assert (await door.post("generic", message(1))).status == 200

        await asyncio.to_thread(kafka.kill)
        away = await door.post("generic", message(2))
        assert (away.status, away.headers["Retry-After"]) == (503, str(server.RETRY_AFTER_S))

        await asyncio.to_thread(kafka.start)

        async def accepted() -> bool | None:
            return True if (await door.post("generic", message(2))).status == 200 else None

        await eventually(accepted, within_s=60)
        events = await stored(kafka.bootstrap_servers, "care.events")
    ids = [decode_envelope(value).id for _, value, _ in events]
    assert len(set(ids)) == 2


@pytest.mark.broker
async def test_it_waits_for_its_topics_and_creates_none(kafka: LocalKafka) -> None:
    """Kafka away at the start, then without topics, then with them: no restart needed."""
    await asyncio.to_thread(kafka.stop)
    async with running(settings(kafka.bootstrap_servers)) as door:
        assert (await door.post("generic", message(1))).status == 503
        await asyncio.to_thread(kafka.start)
        await have_topics(kafka.bootstrap_servers, {})

        async def told() -> bool | None:
            remedy = "carewatch topics apply"
            return True if remedy in (await door.get("/readyz"))[1] else None

        await eventually(told, within_s=60)
        assert (await door.post("generic", message(1))).status == 503
        client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        await client.start()
        try:
            assert await client.list_topics() == []
        finally:
            await client.close()

        await have_topics(kafka.bootstrap_servers, COUNTS)
        await door.until_ready()
        assert (await door.post("generic", message(1))).status == 200
