"""What customers write goes to `care.text`, if their tenant asked for it, and nowhere else."""

import json
from typing import Any

import msgspec
import pytest

from carewatch.channels.outcomes import RequestOutcome
from carewatch.gateway.parsing import TEXT_CHARS
from carewatch.gateway.producer import Outgoing
from carewatch.settings import Settings
from carewatch.wire.envelope import Message, decode_envelope
from support import hooks
from support.receiving import SETTINGS, Lab, body_of
from support.schemas import complaints

PRIVACY = msgspec.structs.replace(hooks.PRIVACY, text_tenants=("acme",))
SWITCHED_ON = msgspec.structs.replace(SETTINGS, privacy=PRIVACY)
WORDS = "Where is my parcel? Ada Example, 0151 23456789"


def message(**changes: object) -> bytes:
    data: dict[str, Any] = {
        "conversation_key": "chat-1",
        "actor": {"kind": "customer", "key": "ada"},
        "message": {"key": "m1", "direction": "inbound", "text": WORDS, "lang": "en"},
    } | changes
    return json.dumps(
        {"type": "care.message.created", "timestamp": "2026-01-05T10:00:00.000Z", "data": data}
    ).encode()


def read(record: Outgoing) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(record.value)
    assert complaints("care.text.v1", document) == []
    return document


async def test_it_is_off_unless_the_tenant_is_named() -> None:
    lab = Lab()

    assert await lab.post("generic", message()) == RequestOutcome.PUBLISHED
    assert lab.text.records == []


async def test_a_text_carries_the_keys_of_its_event() -> None:
    lab = Lab(SWITCHED_ON)

    await lab.post("generic", message())
    [record] = lab.text.records
    event = decode_envelope(lab.events.records[0].value)
    assert event.data.message is not None
    assert read(record) == {
        "specversion": "1.0",
        "id": event.id,
        "source": "/care/acme/generic/web-1",
        "type": "care.message.text",
        "time": "2026-01-05T10:00:00.000Z",
        "dataschema": "care-text/1.0",
        "data": {
            "tenant": "acme",
            "channel": "web",
            "conversation_key": event.data.conversation_key,
            "message_key": event.data.message.key,
            "text": WORDS,
            "account_ref": "web-1",
            "source_role": "generic",
            "lang": "en",
        },
    }
    assert record.key == event.data.message.key.encode()
    assert record.timestamp == hooks.NOW
    assert b"parcel" not in lab.events.records[0].value


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": {"kind": "agent", "key": "bob"}},
        {"message": {"key": "m1", "direction": "inbound", "text": ""}},
        {"message": {"key": "m1", "direction": "inbound", "chars": 12}},
    ],
    ids=["an agent's", "empty", "not told"],
)
async def test_only_the_words_of_customers_are_kept(changes: dict[str, object]) -> None:
    lab = Lab(SWITCHED_ON)

    await lab.post("generic", message(**changes))
    assert len(lab.events.records) == 1
    assert lab.text.records == []


async def test_another_tenants_words_are_not_kept() -> None:
    privacy = msgspec.structs.replace(hooks.PRIVACY, text_tenants=("globex",))
    lab = Lab(msgspec.structs.replace(SETTINGS, privacy=privacy))

    await lab.post("generic", message())
    assert lab.text.records == []


async def test_an_endless_text_is_cut_where_the_topic_still_takes_it() -> None:
    lab = Lab(SWITCHED_ON)

    await lab.post("generic", message(message={"key": "m1", "text": "\x01" * (TEXT_CHARS + 1)}))
    [record] = lab.text.records
    assert len(read(record)["data"]["text"]) == TEXT_CHARS
    assert len(record.value) < 1_000_000


async def test_without_kafka_words_are_promised_as_little_as_events() -> None:
    lab = Lab(SWITCHED_ON)
    lab.text.unready = "gone"

    assert await lab.post("generic", message()) == RequestOutcome.UNAVAILABLE


async def test_who_does_not_speak_for_messages_brings_no_words() -> None:
    account = msgspec.structs.replace(SETTINGS.accounts[0], messages_from="chatwoot")
    settings = msgspec.structs.replace(SWITCHED_ON, accounts=(account,))
    lab = Lab(settings)

    assert await lab.post("generic", message()) == RequestOutcome.IGNORED
    assert lab.text.records == []


ANNOTATOR = msgspec.structs.replace(
    SETTINGS.accounts[0], account="annotator", options={"keys": "ours"}
)
WITH_ANNOTATOR = Settings(accounts=(SETTINGS.accounts[0], ANNOTATOR), privacy=PRIVACY)


def annotation(text: dict[str, Any], **changes: object) -> bytes:
    """What an annotator says of a record of `care.text`."""
    data = text["data"]
    body = {
        "actor": {"kind": "system"},
        "message": {"key": data["message_key"]},
        "annotations": [{"kind": "sentiment", "label": "negative", "score": -640, "model": "m"}],
        **{key: data[key] for key in ("channel", "conversation_key", "account_ref", "source_role")},
        **changes,
    }
    return json.dumps(
        {"id": text["id"], "type": "care.message.annotated", "time": text["time"], "data": body}
    ).encode()


async def test_an_annotation_lands_at_the_message_it_is_about_and_speaks_for_its_source() -> None:
    """Else it would be another conversation's, or take the conversation to another account."""
    lab = Lab(WITH_ANNOTATOR)
    await lab.post("generic", message())
    text = read(lab.text.records[0])

    outcome = await lab.post("generic", annotation(text), account="annotator")

    assert outcome == RequestOutcome.PUBLISHED
    asked, said = (decode_envelope(record.value) for record in lab.events.records)
    assert asked.data.message is not None
    assert said.source == "/care/acme/generic/annotator"
    assert said.partitionkey == asked.partitionkey
    assert said.data.message == Message(key=asked.data.message.key)
    assert [(one.label, one.score) for one in said.data.annotations] == [("negative", -640)]
    for field in ("account_ref", "source_role", "channel", "tenant"):
        assert getattr(said.data, field) == getattr(asked.data, field)


@pytest.mark.parametrize(
    "changes",
    [
        {"conversation_key": "chat-1"},
        {"conversation_key": "m_" + "a" * 26},
        {"message": {"key": "c_" + "a" * 26}},
    ],
    ids=["the sender's own", "a message's", "a conversation's"],
)
async def test_what_is_no_key_of_ours_is_not_taken_for_one(changes: dict[str, object]) -> None:
    lab = Lab(WITH_ANNOTATOR)
    await lab.post("generic", message())
    text = read(lab.text.records[0])

    outcome = await lab.post("generic", annotation(text, **changes), account="annotator")

    assert outcome == RequestOutcome.DEAD_LETTERED
    assert len(lab.events.records) == 1


async def test_an_annotator_brings_nothing_but_annotations() -> None:
    lab = Lab(WITH_ANNOTATOR)

    assert await lab.post("generic", message(), account="annotator") == RequestOutcome.DEAD_LETTERED
    assert [dict(one.headers)["reason"] for one in lab.dead.records] == [b"unknown_type"]


async def test_other_senders_cannot_name_our_keys() -> None:
    """Whatever they write is hashed, so that nobody speaks of a conversation that is not his."""
    lab = Lab(WITH_ANNOTATOR)
    await lab.post("generic", message())
    text = read(lab.text.records[0])

    assert await lab.post("generic", annotation(text)) == RequestOutcome.PUBLISHED
    asked, said = (decode_envelope(record.value) for record in lab.events.records)
    assert said.partitionkey != asked.partitionkey
    assert said.data.account_ref == "web-1"


@pytest.mark.parametrize("name", ["whatsapp/text", "generic/customer_message"])
async def test_every_channel_hands_over_what_its_customers_write(name: str) -> None:
    lab = Lab(SWITCHED_ON)

    await lab.post(*body_of(name))
    assert [len(read(record)["data"]["text"]) > 0 for record in lab.text.records] == [True]
