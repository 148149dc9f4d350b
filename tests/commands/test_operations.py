"""`carewatch dead` and `carewatch state` on a real Kafka that a worker has worked on."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner, Result

from carewatch.cli import main
from carewatch.clock import system_clock
from carewatch.engine.catalogue import plan_topics
from carewatch.engine.engine import Engine
from carewatch.engine.orders import Orders
from carewatch.engine.sealing import Seal
from carewatch.engine.topics import apply_topics
from carewatch.gateway.dead import dead_letter
from carewatch.local.kafka import LocalKafka
from carewatch.processors import PROCESSORS
from carewatch.settings import KafkaSettings, Settings, WorkerSettings
from carewatch.wire.commands import Accept, Pause, Redrive, Release, decode_command
from carewatch.wire.partitions import partition_of
from carewatch.wire.topics import COMMANDS, DEAD, EVENTS
from support.envelopes import START, message
from support.lab import eventually, produce, read_committed

pytestmark = pytest.mark.broker

SECRET = "a key of the tests, 32 bytes long"
PARTITIONS = 2
CONFIG = f"""\
kafka:
  partitions: {PARTITIONS}
  partials_partitions: 1
  metrics_partitions: 1
accounts:
  - {{channel: generic, account: web-1, tenant: acme, secrets: [env:WEB_SECRET]}}
privacy:
  dead_letter_key: env:DEAD_KEY
  customer_keys: {{acme: env:A_KEY}}
  agent_keys: {{acme: env:A_KEY}}
tenants: {{acme: {{}}}}
"""
BODY = {
    "type": "care.message.created",
    "id": "from-the-shop-1",
    "timestamp": "2026-01-05T10:00:00Z",
    "data": {
        "conversation_key": "chat-2",
        "actor": {"kind": "customer", "key": "Jane Doe"},
        "message": {"key": "m2", "direction": "inbound", "kind": "text"},
    },
}


class Shop:
    """A cluster with a conversation, a record nobody understands, and a body of the gateway's."""

    def __init__(self, kafka: LocalKafka, folder: Path) -> None:
        self.address = kafka.bootstrap_servers
        self.folder = folder
        self.settings = Settings(
            kafka=KafkaSettings(
                bootstrap_servers=self.address,
                partitions=PARTITIONS,
                partials_partitions=1,
                metrics_partitions=1,
            ),
            worker=WorkerSettings(metrics_port=0, flush_interval_ms=20),
        )

    def carewatch(self, *arguments: str) -> Result:
        """A command, as somebody on call would type it."""
        environ = {
            "CAREWATCH_CONFIG": str(self.folder),
            "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": self.address,
            "WEB_SECRET": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0",
            "DEAD_KEY": SECRET,
            "A_KEY": "k" * 32,
        }
        return CliRunner().invoke(main, arguments, env=environ)

    def stored(self, topic: str, partition: int = 0) -> list[tuple[bytes | None, bytes | None]]:
        found = asyncio.run(read_committed(self.address, topic, partition))
        return [(record.key, record.value) for record in found]

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Engine]:
        engine = Engine(PROCESSORS, self.settings, system_clock, seal=Seal(SECRET), orders=Orders())
        try:
            await engine.start()
            yield engine
        finally:
            await engine.stop()

    async def come_to_be(self) -> None:
        await apply_topics(plan_topics({}, self.settings.kafka), self.settings.kafka)
        at = partition_of(b"chat-1", PARTITIONS)
        now = system_clock() - START
        event = orjson.dumps(message(now, id_="1", key="chat-1", customer_key="Jane Doe"))
        await produce(self.address, EVENTS, ["chat-1"], at, event)
        await produce(self.address, EVENTS, ["chat-1"], at, event.replace(b".created", b".sung"))
        async with self.worker():

            async def seen() -> bool:
                return len(await read_committed(self.address, DEAD, 0)) == 1

            await eventually(seen)
        letter = dead_letter(
            json.dumps(BODY).encode(),
            "error",
            seal=Seal(SECRET),
            channel="generic",
            account="web-1",
            received_at=1_767_607_201_000,
        )
        await produce(self.address, DEAD, [""], 0, letter.value, list(letter.headers))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("config")
    (folder / "carewatch.yaml").write_text(CONFIG)
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        made = Shop(kafka, folder)
        asyncio.run(made.come_to_be())
        yield made


def letters(shop: Shop, *arguments: str) -> list[dict[str, object]]:
    told = shop.carewatch("dead", "list", "--json", *arguments)
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.output.splitlines()]


def last_order(shop: Shop) -> object:
    return decode_command(shop.stored(COMMANDS)[-1][1]).order


def test_dead_letters_are_listed_with_where_they_come_from_and_not_opened(shop: Shop) -> None:
    found = letters(shop)

    assert [(one["kind"], one["reason"], one["stage"]) for one in found] == [
        ("record", "unknown_type", "track"),
        ("body", "error", "gateway"),
    ]
    assert found[0]["original_topic"] == EVENTS
    assert found[0]["original_offset"] == 1
    assert found[1]["arrived_at"] == "2026-01-05T10:00:01.000Z"
    assert letters(shop, "--stage", "gateway") == found[1:]
    assert "Jane Doe" not in shop.carewatch("dead", "list").output


def test_a_letter_is_opened_on_demand_alone(shop: Shop) -> None:
    body = letters(shop)[1]["offset"]

    shown = shop.carewatch("dead", "show", str(body))
    missing = shop.carewatch("dead", "show", "4711")

    assert json.loads(shown.stdout) == BODY
    assert missing.exit_code == 1
    assert "has no record at offset 4711" in missing.output


def test_a_record_goes_back_to_its_place_and_a_body_to_the_conversation_it_means(
    shop: Shop,
) -> None:
    record, body = (int(str(one["offset"])) for one in letters(shop))
    where = partition_of(b"chat-1", PARTITIONS)
    whole = shop.stored(EVENTS, where)

    fed = shop.carewatch("dead", "redrive", str(record), str(body + 1))

    assert fed.exit_code == 0, fed.output
    assert "fed 2 dead letters again, as" in fed.output
    assert whole[1] in shop.stored(EVENTS, where)[len(whole) :]
    events = [
        json.loads(value)
        for partition in range(PARTITIONS)
        for key, value in shop.stored(EVENTS, partition)
        if key not in (None, b"chat-1") and value
    ]
    message = next(one for one in events if one["type"] == "care.message.created")

    assert message["recordedtime"] == "2026-01-05T10:00:01.000Z"
    assert "Jane Doe" not in json.dumps(events)
    assert last_order(shop) == Redrive(
        by=last_order(shop).by,  # type: ignore[attr-defined]
        partition=0,
        from_offset=record,
        until_offset=body + 1,
    )


def test_a_release_and_a_pause_are_orders_with_who_gave_them(shop: Shop) -> None:
    where = ("--stage", "track", "--partition", "1", "--by", "on-call")

    allowed = shop.carewatch("dead", "allow", *where, "--until", "4711")
    release = last_order(shop)
    paused = shop.carewatch("state", "pause", *where)
    pause = last_order(shop)
    shop.carewatch("state", "resume", *where)

    assert allowed.output.startswith("ordered: track partition 1, not counting below 4711")
    assert paused.output.startswith("ordered: pause")
    assert release == Release(by="on-call", stage="track", partition=1, until_offset=4711)
    assert pause == Pause(by="on-call", stage="track", partition=1)


def test_a_conversation_is_shown_without_who_is_in_it(shop: Shop) -> None:
    shown = shop.carewatch("state", "show", "chat-1", "--json")
    lines = shop.carewatch("state", "show", "chat-1")
    strange = shop.carewatch("state", "show", "chat-99")
    other = shop.carewatch("state", "show", "chat-1", "--tenant", "nobody")

    told = json.loads(shown.stdout)
    assert (told["tenant"], told["conversation"]) == ("acme", "chat-1")
    assert told["state"]["sessions"] == 1
    assert told["state"]["customer"] == "(hidden)"
    assert "Jane Doe" not in shown.output + lines.output
    assert "  sessions: 1" in lines.output
    assert "knows no conversation 'chat-99'" in strange.output
    assert "of tenant 'nobody'" in other.output


def test_nothing_is_accepted_where_nothing_was_lost(shop: Shop) -> None:
    where = ("--stage", "track", "--partition", "0")
    before = len(shop.stored(COMMANDS))

    replay = shop.carewatch("state", "accept-replay", *where)
    gap = shop.carewatch("state", "accept-gap", *where)

    assert (replay.exit_code, gap.exit_code) == (1, 1)
    assert "nothing to accept" in replay.output
    assert "nothing to accept" in gap.output
    assert len(shop.stored(COMMANDS)) == before


def test_a_lost_tail_is_accepted_with_what_is_repeated(shop: Shop) -> None:
    """The group is put ahead of the marker, as if the changelog had lost its last transactions."""
    ahead = asyncio.run(put_group_ahead(shop))

    accepted = shop.carewatch("state", "accept-replay", "--stage", "track", "--partition", "1")

    assert accepted.exit_code == 0, accepted.output
    order = last_order(shop)
    assert isinstance(order, Accept)
    assert f"results of offsets {order.marker} to {ahead - 1} are written again" in accepted.output


async def put_group_ahead(shop: Shop) -> int:
    where = TopicPartition(EVENTS, 1)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=shop.address, group_id="carewatch-track", enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([where])
        ahead = (await consumer.end_offsets([where]))[where] + 5
        await consumer.commit({where: ahead})
        return int(ahead)
    finally:
        await consumer.stop()
