"""Every fixture of every channel, through the real gateway and a real Kafka to the worker.

A channel has a whole conversation, too: `tests/channels/<name>/conversation/` holds its deliveries
in their order and `facts.json`, the durations (ms) worked out by hand; null where the provider
states no time, so that only the fact can be expected. Adding a channel adds nothing here.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from carewatch.clock import system_clock
from carewatch.wire.envelope import Envelope
from support import hooks
from support.deployment import Stored, deployed
from support.moved import moved_body
from support.sender import BASE

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CHANNELS = Path(__file__).parents[1] / "channels"
NAMES = list(hooks.SENDERS)
TOPICS = (
    *("care.events", "care.facts", "care.sla", "care.metrics", "care.late"),
    *("care.customer", "care.partials", "care.state.track", "care.state.customer"),
)


@dataclass(frozen=True)
class Delivery:
    """One body of a channel, as it is sent: which file it is, and the ids of its events."""

    channel: str
    name: str
    body: bytes
    in_conversation: bool
    at: int

    def events(self) -> Iterator[Envelope]:
        found = hooks.events(self.channel, self.body, now=self.at)
        return (event for event in found if isinstance(event, Envelope))


@dataclass(frozen=True)
class Sent:
    """What was sent and answered, what the topics hold in the end, and what the processes told."""

    deliveries: list[Delivery]
    answers: dict[str, tuple[int, str]]
    records: dict[str, list[Stored]]
    told: dict[str, bytes]

    def documents(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records[topic] if record.value]


def deliveries(now: int) -> list[Delivery]:
    """Every fixture, then every conversation, as if it were sent `now` (ms)."""
    by_s = (now - hooks.NOW) // 1000
    found = [(fixture.channel, fixture.path, False) for fixture in hooks.fixtures()] + [
        (name, path, True)
        for name in NAMES
        for path in sorted((CHANNELS / name / "conversation").iterdir())
        if path.name != "facts.json"
    ]
    return [
        Delivery(
            channel,
            f"{channel}/{path.stem}",
            moved_body(path.read_bytes(), by_s, form=path.suffix == ".form"),
            in_conversation,
            now,
        )
        for channel, path, in_conversation in found
    ]


def configuration(folder: Path) -> tuple[Path, dict[str, str]]:
    """The accounts of the fixtures as a folder, and the variables its secrets refer to."""
    accounts = []
    variables = {
        "CHANNELS_CUSTOMER_KEY": "customer key of the tests",
        "CHANNELS_AGENT_KEY": "agent key of the tests, another",
        "CHANNELS_DEAD_LETTER_KEY": "dead letter key of the tests",
    }
    for name, sender in hooks.SENDERS.items():
        account, variable = sender.account, f"CHANNELS_{name.upper()}"
        variables[f"{variable}_SECRET"] = sender.secret
        entry: dict[str, Any] = {
            "channel": name,
            "account": account.account_ref,
            "tenant": account.tenant,
            "secrets": [f"env:{variable}_SECRET"],
            "match": dict(account.match),
            "options": dict(account.options),
        }
        for key in ("messages_from", "lifecycle_from"):
            if getattr(account, key) is not None:
                entry[key] = getattr(account, key)
        if sender.token is not None:
            variables[f"{variable}_TOKEN"] = sender.token
            entry["verify_token"] = f"env:{variable}_TOKEN"
        accounts.append(entry)
    document = {
        "kafka": {"partitions": 2, "partials_partitions": 1, "metrics_partitions": 1},
        "gateway": {"public_base_url": BASE},
        "accounts": accounts,
        "privacy": {
            "key_id": "1",
            "customer_keys": {"acme": "env:CHANNELS_CUSTOMER_KEY"},
            "agent_keys": {"acme": "env:CHANNELS_AGENT_KEY"},
            "dead_letter_key": "env:CHANNELS_DEAD_LETTER_KEY",
        },
        "tenants": {"acme": {"queues": {"billing-team": {}}}},
    }
    folder.mkdir()
    with (folder / "carewatch.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(document, file)
    return folder, variables


async def send_all(folder: Path) -> Sent:
    config, variables = configuration(folder / "config")
    async with deployed(folder, config, variables) as deployment:
        # After the rulebook took effect, and far enough that nothing lies ahead of its arrival.
        sent = deliveries(system_clock())
        answers = {}
        for one in sent:
            url = hooks.posted_to(one.channel, one.body)
            headers = hooks.signature(one.channel, one.body, at=system_clock())
            answers[one.name] = await deployment.post(url, one.body, headers)
        await deployment.passed(system_clock() + 1000)
        records = {topic: await deployment.committed(topic) for topic in (*TOPICS, "care.dead")}
        page = (await deployment.metrics()).splitlines()
    # Its help texts are ours, and full of events.
    samples = "\n".join(line for line in page if not line.startswith("#"))
    return Sent(sent, answers, records, {"the board's page": samples.encode()})


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """Everything is sent once; the tests look at what came of it."""
    folder = tmp_path_factory.mktemp("every-channel")
    found = asyncio.run(send_all(folder))
    logs = {path.name: path.read_bytes() for path in sorted(folder.glob("*.log"))}
    return replace(found, told=found.told | logs)


SHORT = 4
SHORT_NUMBER = 6


def test_every_delivery_was_taken(sent: Sent) -> None:
    """In the form of success of its provider; what was not understood is kept, not refused."""
    expected = {
        one.name: (hooks.adapter(one.channel).success.status, "") for one in sent.deliveries
    }

    assert sent.answers == expected


def test_every_event_is_in_the_log(sent: Sent) -> None:
    expected = {(event.id, event.type) for one in sent.deliveries for event in one.events()}

    logged = {
        (document["id"], document["type"])
        for document in sent.documents("care.events")
        if "data" in document and "conversation_key" in document["data"]
    }
    assert expected - logged == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_conversation_has_the_durations_worked_out_by_hand(sent: Sent, name: str) -> None:
    expected = json.loads((CHANNELS / name / "conversation" / "facts.json").read_text())
    keys = {
        event.partitionkey
        for one in sent.deliveries
        if one.channel == name and one.in_conversation
        for event in one.events()
        if event.partitionkey.startswith("c_")
    }
    facts = [
        document["data"]
        for document in sent.documents("care.facts")
        if document["data"]["conversation_key"] in keys and document["data"]["sign"] > 0
    ]
    found: dict[str, Any] = {}
    for metric, durations in expected.items():
        if metric in ("opened", "resolved"):
            found[metric] = sum(1 for fact in facts if fact.get("transition") == metric)
            continue
        measured = sorted(fact["calendar_ms"] for fact in facts if fact.get("metric") == metric)
        stated = None not in durations
        found[metric] = measured if stated else [None] * len(measured)

    assert found == expected


def test_no_person_is_in_any_topic(sent: Sent) -> None:
    words = {word.encode() for sender in hooks.SENDERS.values() for word in sender.personal}
    found = {
        (topic, word)
        for topic, records in sent.records.items()
        for record in records
        for part in (record.key, record.value, *(text for _, text in record.headers))
        for word in words
        if part is not None and holds(part, word) and (len(word) > SHORT or not is_binary(topic))
    }

    assert found == set()


def holds(text: bytes, word: bytes) -> bool:
    """Whether a word is in a text; a short number only by itself, since others are longer: of some
    thousand ids and durations one holds any five figures by chance."""
    if not word.isdigit() or len(word) > SHORT_NUMBER:
        return word in text
    return re.search(rb"(?<![0-9A-Za-z.])%b(?![0-9A-Za-z.])" % word, text) is not None


def is_binary(topic: str) -> bool:
    """Whether its records are no text: by chance, any three letters are somewhere in them."""
    return topic.startswith("care.state.")


def test_no_person_is_in_any_log_or_metric(sent: Sent) -> None:
    words = {word.encode() for sender in hooks.SENDERS.values() for word in sender.personal}
    found = {
        (place, word) for place, text in sent.told.items() for word in words if holds(text, word)
    }

    assert {"01-worker.log", "04-gateway.log"} <= sent.told.keys()
    assert found == set()
