"""The board's HTTP door, on a real Kafka of its own: topic names are fixed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry

from carewatch.bootstrap import build_board
from carewatch.domain.aggregates import Gauge
from carewatch.domain.errors import ConfigError
from carewatch.exporter.feed import Feed
from carewatch.exporter.server import BoardServer
from carewatch.local.kafka import LocalKafka
from carewatch.processors.base import Output
from carewatch.settings import BoardSettings, KafkaSettings, Settings
from carewatch.wire import topics
from carewatch.wire.points import point_key
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.boards import RULEBOOK, sample_outputs
from support.eventually import eventually
from support.partial_log import T0, as_records, clock_record, outputs_of, partial_record

pytestmark = pytest.mark.broker

NOW = T0 + 7_000
WAITING = 'care_waiting_conversations{channel="web",queue="support",tenant="acme"} '


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """An empty Kafka."""
    with LocalKafka(tmp_path / "kafka") as started:
        yield started


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka with the sample board, records that are none, and results that were aborted."""

    async def fill(kafka: LocalKafka) -> None:
        await create_topics(kafka)
        await publish_rulebook(kafka)
        moved = [o._replace(key=b"moved|" + o.key) for o in sample_outputs()[:2] if o.key]
        await publish(kafka, [Output(topics.METRICS, 0, b"k", b"{", 0), *moved, *sample_outputs()])
        await publish(kafka, waiting_outputs(50, T0 + 9_000), commit=False)

    with LocalKafka(tmp_path_factory.mktemp("board")) as started:
        asyncio.run(fill(started))
        yield started


@asynccontextmanager
async def running(kafka: LocalKafka) -> AsyncIterator[tuple[BoardServer, aiohttp.ClientSession]]:
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers),
        board=BoardSettings(port=0),
    )
    server = build_board(settings, lambda: NOW)
    await server.start()
    try:
        async with aiohttp.ClientSession(server.url) as session:
            yield server, session
    finally:
        await server.stop()


async def create_topics(kafka: LocalKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(name=topics.METRICS, num_partitions=8, replication_factor=1),
                NewTopic(name=topics.RULEBOOKS, num_partitions=1, replication_factor=1),
            ]
        )
    finally:
        await admin.close()


async def publish(kafka: LocalKafka, outputs: list[Output], *, commit: bool = True) -> None:
    """Writes outputs in one transaction, as the engine does."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=f"test-{commit}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        for output in outputs:
            await producer.send(
                output.topic, output.value, key=output.key, partition=output.partition
            )
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


async def publish_rulebook(kafka: LocalKafka) -> None:
    value = encode_publication(
        number=1, canonical=encode_document(RULEBOOK), effective_at=T0, recorded_at=T0
    )
    await publish(kafka, [Output(topics.RULEBOOKS, 0, b"1", value, 0)])


def waiting_outputs(value: int, at: int) -> list[Output]:
    """A later point of the people who wait."""
    labels = ("acme", "web", "support", "normal")
    record = partial_record("waiting_conversations", "now", None, Gauge(value), labels=labels)
    return outputs_of(as_records([record, clock_record(at)]))


async def text_when(session: aiohttp.ClientSession, path: str, part: str) -> str:
    """The page as soon as it answers 200 and holds the part."""

    async def look() -> str | None:
        async with session.get(path) as response:
            text = await response.text()
            return text if response.status == 200 and part in text else None

    return await eventually(look)


async def reason_when(session: aiohttp.ClientSession, path: str, part: str) -> str:
    async def look() -> str | None:
        async with session.get(path) as response:
            text = await response.text()
            return text if response.status == 503 and part in text else None

    return await eventually(look)


async def test_board_answers_503_until_the_topics_are_read_and_then_follows_them(
    kafka: LocalKafka,
) -> None:
    async with running(kafka) as (_, session):
        for path in ("/readyz", "/metrics", "/api/v1/board", "/api/v1/stream"):
            assert "topics apply" in await reason_when(session, path, "care.metrics")
        async with session.get("/livez") as response:
            assert response.status == 200

        await create_topics(kafka)
        assert "no rulebook" in await text_when(session, "/readyz", "ready")
        await publish_rulebook(kafka)
        await publish(kafka, sample_outputs())
        assert WAITING + "3.0" in await text_when(session, "/metrics", WAITING)
        assert await text_when(session, "/readyz", "ready") == "ready\n"

        await publish(kafka, waiting_outputs(8, T0 + 9_000))
        text = await text_when(session, "/metrics", WAITING + "9.0")
        for name in ("care_board_lag_records", "care_stable_offset_lag_seconds"):
            shown = re.findall(rf'^{name}{{.*topic="care.metrics"}} (.+)$', text, re.MULTILINE)
            assert shown == ["0.0"] * 8, name


async def test_aborted_results_are_not_shown_and_unreadable_ones_are_counted(
    filled: LocalKafka, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(filled) as (_, session):
        text = await text_when(session, "/metrics", WAITING + "3.0")
    name = 'care_board_unreadable_records_total{reason="%s",topic="care.metrics"} %s'
    assert name % ("not_json", "1.0") in text
    assert name % ("wrong_key", "2.0") in text
    told = [line for line in caplog.messages if "cannot be read" in line]
    assert sorted(line.split("(")[1].split(")")[0] for line in told) == ["not_json", "wrong_key"]
    assert any("care.metrics partition 0 offset 0 cannot be read (not_json)" in one for one in told)


async def test_tombstone_takes_a_window_off_the_board(filled: LocalKafka) -> None:
    labels = ("acme", "web", "support", "normal")
    key = point_key("first_response_time", labels, "1h", T0)
    [hour] = [one for one in sample_outputs() if one.key == key]

    async with running(filled) as (_, session):
        assert '"1h":' in await text_when(session, "/api/v1/board", "first_response_time")
        await publish(filled, [hour._replace(value=None)])

        async def gone() -> bool | None:
            async with session.get("/api/v1/board") as response:
                return '"1h":' not in await response.text() or None

        assert await eventually(gone)


async def test_interface_and_formats(filled: LocalKafka) -> None:
    async with running(filled) as (server, session):
        board = json.loads(await text_when(session, "/api/v1/board", "waiting_conversations"))
        assert board["generated_at"] == "2026-01-05T10:00:07.000Z"
        assert board["watermark"] == "2026-01-05T10:00:05.250Z"
        assert board["rulebook"] == 1
        [waiting] = [
            one
            for one in board["series"]
            if one["metric"] == "waiting_conversations" and one["labels"]["priority"] == "normal"
        ]
        assert waiting["now"] == {"value": 2}

        async with session.get("/api/v1/board?recent=0") as response:
            assert (response.status, "1560" in await response.text()) == (400, True)

        async with session.get("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert WAITING in await response.text()
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with session.get("/metrics", headers=accept) as response:
            assert (await response.text()).endswith("# EOF\n")

        for path in ("/wall", "/wall/wall.js", "/wall/wall.css"):
            async with session.get(path) as response:
                assert response.status == 200
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                tag = response.headers["ETag"]
            async with session.get(path, headers={"If-None-Match": tag}) as response:
                assert response.status == 304

        async with session.get("/api/v1/stream") as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            lines = [(await response.content.readline()).decode() for _ in range(4)]
            assert lines[:2] == ["retry: 2000\n", "\n"]
            message = json.loads(lines[3].removeprefix("data: "))
            assert message["generated_at"] == "2026-01-05T10:00:07.000Z"
            assert message["watermark"] == "2026-01-05T10:00:05.250Z"
            # An open stream must not hold up the stop.
            await server.stop()


async def test_board_survives_a_broker_that_goes_and_comes_back(kafka: LocalKafka) -> None:
    await create_topics(kafka)
    await publish_rulebook(kafka)
    await publish(kafka, sample_outputs())

    async with running(kafka) as (_, session):
        await text_when(session, "/metrics", WAITING + "3.0")
        kafka.stop()
        assert WAITING + "3.0" in await text_when(session, "/metrics", WAITING)
        kafka.start()
        await publish(kafka, waiting_outputs(8, T0 + 9_000))
        await text_when(session, "/metrics", WAITING + "9.0")


async def test_taken_port_names_port_and_setting() -> None:
    def server(port: int) -> BoardServer:
        return BoardServer(
            BoardSettings(port=port),
            feed=Feed({"bootstrap_servers": "127.0.0.1:1"}),
            clock=lambda: NOW,
            message=lambda *_: {},
            registry=CollectorRegistry(),
        )

    first = server(0)
    await first.start()
    port = int(first.url.rsplit(":", 1)[1])
    try:
        with pytest.raises(ConfigError, match=rf"board\.port: port {port} on 127\.0\.0\.1"):
            await server(port).start()
    finally:
        await first.stop()
