"""Words of customers, where a tenant asked for it: in `care.text` and nowhere else; and their mood
comes back as numbers, by the example in docs/examples/annotator.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import aiohttp
import pytest

from carewatch.clock import system_clock
from carewatch.domain.times import format_time
from carewatch.wire.topics import BY_NAME, TOPICS
from support import hooks
from support.deployment import Deployment, deployed
from support.eventually import eventually
from support.schemas import complaints
from support.story import CONFIG, SECRETS

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(480)]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "annotator" / "annotator.py"
SECRET = "whsec_" + "QW5ub3RhdG9yIG9mIHRoZSB0ZXN0cw=="
ANNOTATOR = """\
accounts:
  - channel: generic
    account: annotator
    tenant: acme
    secrets: [env:SCENARIO_ANNOTATOR_SECRET]
    options: {keys: ours}
"""
WORDS = re.compile(rb"quokka", re.IGNORECASE)
"""A word that stands in every message of this test, and in nothing else."""

SAID = {
    "m1": ("customer", "The quokka is terrible, I am very angry"),
    "m2": ("customer", "Thank you, what a great and lovely quokka"),
    "m3": ("customer", "Quokka 4711?"),
    "m4": ("agent", "A wonderful quokka is on its way"),
}


def configured(folder: Path) -> Path:
    """The configuration of the scenarios, with texts and an annotator."""
    config = folder / "config"
    shutil.copytree(CONFIG, config)
    file = config / "carewatch.yaml"
    text = file.read_text("utf-8").replace("accounts:\n", ANNOTATOR)
    file.write_text(text.replace("privacy:\n", "privacy:\n  text_tenants: [acme]\n"), "utf-8")
    return config


def message(key: str, at: int) -> bytes:
    kind, text = SAID[key]
    data = {
        "conversation_key": f"chat of {key}",
        "actor": {"kind": kind, "key": f"{kind} Quokka"},
        "customer_key": "quokka@example.org",
        "message": {
            "key": f"quokka {key}",
            "direction": "inbound" if kind == "customer" else "outbound",
            "kind": "text",
            "text": text,
        },
    }
    return json.dumps(
        {"type": "care.message.created", "timestamp": format_time(at), "data": data}
    ).encode()


@asynccontextmanager
async def annotating(deployment: Deployment) -> AsyncIterator[None]:
    environ = os.environ | {
        "GATEWAY": deployment.gateway_url,
        "CARE_ANNOTATOR_SECRET": SECRET,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), deployment.bootstrap_servers, env=environ
    )
    try:
        yield
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def annotations(deployment: Deployment) -> list[dict[str, object]] | None:
    records = await deployment.committed("care.events")
    events = [json.loads(record.value or b"") for record in records]
    found = [one["data"] for one in events if one["type"] == "care.message.annotated"]
    return found if len(found) == 3 else None


async def pages(deployment: Deployment) -> bytes:
    async with aiohttp.ClientSession() as session:
        read = []
        for url in (deployment.gateway_metrics_url, deployment.board_url):
            async with session.get(f"{url}/metrics") as answer:
                read.append(await answer.read())
    return b"".join(read)


def logged(folder: Path) -> bytes:
    """What all processes have said."""
    return b"".join(path.read_bytes() for path in folder.glob("*.log"))


async def test_words_stay_in_their_topic_and_their_mood_is_counted(tmp_path: Path) -> None:
    secrets = {**SECRETS, "SCENARIO_ANNOTATOR_SECRET": SECRET}
    async with (
        deployed(tmp_path, configured(tmp_path), secrets) as deployment,
        annotating(deployment),
    ):
        for number, key in enumerate(SAID):
            body = message(key, system_clock() - 1000 + number)
            headers = hooks.signature("generic", body, at=system_clock())
            answer = await deployment.post("/hooks/generic/web-1", body, headers)
            assert answer == (200, "")
        said = await eventually(lambda: annotations(deployment), within_s=90)
        await deployment.passed(system_clock() + 1000)
        texts = await deployment.committed("care.text")
        others = [one.name for one in TOPICS if one.name != "care.text"]
        reading = deployment.reading(*others, isolation_level="read_uncommitted")
        stored = [record async for record in reading]
        shown = await pages(deployment)
    logs = logged(tmp_path)

    documents = [json.loads(record.value or b"") for record in texts]
    assert [one for one in documents if complaints(str(BY_NAME["care.text"].schema), one)] == []
    assert sorted(one["data"]["text"] for one in documents) == sorted(
        text for kind, text in SAID.values() if kind == "customer"
    )
    everywhere = b"".join(
        b"".join((record.key or b"", record.value or b"", *(v for _, v in record.headers)))
        for record in stored
    )
    assert len(everywhere) > 10_000
    assert [WORDS.findall(some) for some in (everywhere, shown, logs)] == [[], [], []]

    assert {(one["account_ref"], one["source_role"]) for one in said} == {("web-1", "generic")}
    assert Counter(one["annotations"][0]["label"] for one in said) == {  # type: ignore[index]
        "negative": 1,
        "positive": 1,
        "neutral": 1,
    }
    points = [json.loads(r.value) for r in stored if r.topic == "care.metrics" and r.value]
    newest = {
        (data["label"], data["model"]): data
        for data in (point["data"] for point in points)
        if data["metric"] == "sentiment" and data["window"] == "1d"
    }
    model = f"lexicon-textblob@{version('textblob')}"
    assert set(newest) == {(label, model) for label in ("negative", "neutral", "positive")}
