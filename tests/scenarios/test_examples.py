"""The consumers in docs/examples do on a real Kafka what the README says of them."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner

from carewatch.cli import main
from carewatch.local.kafka import LocalKafka
from support.cases import GOLDEN, until_of

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CASE = "V12-breach-taken-back"
STANDING = json.loads((ROOT / "schemas/examples/care.sla/1/breached.json").read_text("utf-8"))

Written = list[tuple[str, bytes, bytes | None]]


def results() -> Written:
    """What a worker writes of a breach that is withdrawn; another one stands; a minute goes."""
    folder, until = GOLDEN / CASE, until_of(CASE)
    arguments = ["--config", str(folder / "config"), "--until", until, str(folder / "events.jsonl")]
    lines = CliRunner().invoke(main, ["replay", *map(str, arguments)]).stdout.splitlines()
    records: Written = [
        (one["topic"], one["key"].encode(), json.dumps(one["value"]).encode())
        for one in map(json.loads, lines)
        if one["topic"] in ("care.sla", "care.metrics")
    ]
    minute = next(key for topic, key, _ in records if topic == "care.metrics" and b"|1m|" in key)
    breach = (b"c9", json.dumps(STANDING).encode())
    return [*records, ("care.sla", *breach), ("care.metrics", minute, None)]


async def write(servers: str, records: Written) -> None:
    """All in one transaction; what was begun before and given up is in the log, and no result."""
    point = next(value for topic, _, value in records if topic == "care.metrics")
    given_up = [
        ("care.metrics", b"given up", point),
        *(r for r in records[::-1] if r[0] == "care.sla"),
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in ("care.sla", "care.metrics")])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id="worker") as producer:
        await producer.begin_transaction()
        for topic, key, value in given_up:
            await producer.send_and_wait(topic, value, key=key)
        await producer.abort_transaction()
        async with producer.transaction():
            for topic, key, value in records:
                await producer.send_and_wait(topic, value, key=key)


@pytest.fixture(scope="module")
def written() -> Written:
    return results()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, written: Written) -> Iterator[str]:
    """A Kafka of their own: the names of topics are fixed, and hold nothing else."""
    with LocalKafka(tmp_path_factory.mktemp("examples")) as kafka:
        asyncio.run(write(kafka.bootstrap_servers, written))
        yield kafka.bootstrap_servers


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a consumer prints; it is ended as by Ctrl-C when the test has read enough."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            yield process.stdout
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def lines_of(example: str, servers: str, count: int) -> list[str]:
    """The first lines of a consumer that follows a topic and never ends."""
    async with running(sys.executable, str(EXAMPLES / example), servers) as out:
        return [(await out.readline()).decode().rstrip("\n") for _ in range(count)]


async def all_lines_of(example: str, *arguments: str) -> list[str]:
    """Everything that a consumer prints which ends by itself."""
    missing = [name for name in ("kcat", "jq") if shutil.which(name) is None]
    if missing:
        remedy = f"{' and '.join(missing)} not installed (Debian: apt-get install kcat jq)"
        if os.environ.get("CI"):
            pytest.fail(remedy)
        pytest.skip(remedy)
    async with running(str(EXAMPLES / example), *arguments) as out:
        return (await out.read()).decode().splitlines()


def said(value: bytes) -> str:
    """The values of a point as the Python example says them."""
    point = json.loads(value)["data"]
    names = ("value", "n", "d", "count", "p90_ms", "at", "due")
    return "\t".join(f"{name}={point[name]}" for name in names if name in point)


async def test_the_newest_value_of_each_series_is_followed(servers: str, written: Written) -> None:
    expected = [
        f"{key.decode()}\t{'gone' if value is None else said(value)}"
        for topic, key, value in written
        if topic == "care.metrics"
    ]

    assert expected == await lines_of("latest_metrics.py", servers, len(expected))


async def test_breaches_are_followed_and_taken_back(servers: str) -> None:
    taken_back = "p first_reply c1 due 2026-01-05T09:10:00.000Z"
    data = STANDING["data"]
    stands = f"{data['policy']} {data['target']} {data['conversation_key']} due {data['due_at']}"

    assert [
        f"breached {taken_back} 1",
        f"withdrawn {taken_back} 0",
        f"breached {stands} 1",
    ] == await lines_of("sla_breaches.py", servers, 3)


async def test_the_command_line_lists_the_newest_values(servers: str, written: Written) -> None:
    newest = {key: value for topic, key, value in written if topic == "care.metrics"}
    rows = [json.loads(value)["data"] for value in newest.values() if value is not None]
    labels = ("tenant", "channel", "queue", "priority", "metric", "window")
    series = sorted(tuple(one[name] for name in labels) for one in rows)

    found = [line.split("\t") for line in await all_lines_of("latest_metrics.sh", servers)]

    assert len(newest) - 1 == len(rows) == len(found)
    assert series == sorted(tuple(cells[:6]) for cells in found)
    totals = {(cells[4], cells[7]) for cells in found if cells[4:6] == ["sla_breaches", "total"]}
    assert totals == {("sla_breaches", "0")}


async def test_the_command_line_says_breaches_and_withdrawals(servers: str) -> None:
    found = await all_lines_of("sla_breaches.sh", servers, "-e")

    assert [line.split()[0] for line in found] == ["breached", "withdrawn", "breached"]
    assert found[1] == "withdrawn p first_reply c1 due 2026-01-05T09:10:00.000Z"


def test_the_readme_names_every_example_and_each_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("<!-- examples -->\n```sh\n")[1].split("```\n<!-- end -->")[0]
    files = sorted(path for path in EXAMPLES.iterdir() if path.is_file())

    assert sorted(re.findall(r"docs/examples/(\S+)", block)) == [path.name for path in files]
    assert [path.name for path in files if len(path.read_text("utf-8").splitlines()) >= 30] == []
