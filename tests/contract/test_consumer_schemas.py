"""The open forms in schemas/consumer are made of the closed ones, and take what v1 may add."""

import json
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from carewatch.wire.topics import Topic
from support.consumer_form import open_form
from support.schemas import FOLDER, PUBLIC, consumer_file, examples, schema

TYPED = [topic for topic in PUBLIC if topic.name != "care.dead"]
each_topic = pytest.mark.parametrize("topic", PUBLIC, ids=lambda topic: str(topic.name))
each_typed = pytest.mark.parametrize("topic", TYPED, ids=lambda topic: str(topic.name))

Record = dict[str, Any]


def accepts(topic: Topic, record: Record) -> bool:
    return Draft202012Validator(open_form(schema(str(topic.schema)))).is_valid(record)


def records(topic: Topic) -> list[Record]:
    return [json.loads(path.read_text("utf-8")) for path in examples(topic)]


def test_there_is_an_open_form_for_nothing_else() -> None:
    files = {consumer_file(topic) for topic in PUBLIC}

    assert set((FOLDER / "consumer").iterdir()) == files


@each_topic
def test_a_consumer_takes_every_record_of_today(topic: Topic) -> None:
    assert [one for one in records(topic) if not accepts(topic, one)] == []


@each_topic
def test_a_consumer_takes_fields_that_are_new(topic: Topic) -> None:
    for record in records(topic):
        more = record | {"new": "1"}
        if isinstance(record.get("data"), dict):
            more["data"] = record["data"] | {"new": {"of": [1]}}

        assert accepts(topic, more), more


@each_typed
def test_a_consumer_takes_kinds_of_records_that_are_new(topic: Topic) -> None:
    later = {"specversion": "1.0", "id": "1", "source": "/care", "type": "care.new", "more": 1}

    assert accepts(topic, later)


@each_typed
def test_a_consumer_refuses_a_record_of_today_that_is_wrong(topic: Topic) -> None:
    """Room for later kinds must not let a broken record of a known kind through."""
    for record in records(topic):
        assert not accepts(topic, {k: v for k, v in record.items() if k != "time"})
        assert not accepts(topic, record | {"time": "yesterday"})


def changed(topic: str, example: str, **fields: object) -> bool:
    """Whether a consumer takes the example with these fields of `data` said otherwise."""
    (found,) = (one for one in PUBLIC if one.name == topic)
    path = FOLDER / "examples" / topic / "1" / f"{example}.json"
    record = json.loads(path.read_text("utf-8"))
    return accepts(found, record | {"data": record["data"] | fields})


def test_a_consumer_takes_values_of_lists_that_are_new() -> None:
    assert changed("care.sla", "breached", target="third_reply", reason="moved")
    assert changed("care.events", "message.created", channel="telepathy")
    assert changed("care.facts", "sample", metric="novelty_time")
    assert changed("care.metrics", "gauge.now", metric="novelty", unit="words")


def test_a_consumer_refuses_what_is_no_word_of_the_list() -> None:
    assert not changed("care.sla", "breached", target=7)
    assert not changed("care.sla", "breached", to=None)


def test_a_sign_has_two_values_for_ever() -> None:
    assert not changed("care.sla", "breached", sign=0)


def test_a_consumer_takes_another_set_of_values() -> None:
    """A later metric may have values of a new kind, as the soonest deadlines once were."""
    path = FOLDER / "examples" / "care.metrics" / "1" / "gauge.now.json"
    record = json.loads(path.read_text("utf-8"))
    del record["data"]["value"]
    (topic,) = (one for one in PUBLIC if one.name == "care.metrics")

    assert accepts(topic, record | {"data": record["data"] | {"curve": [1, 2]}})


def test_what_an_event_of_today_needs_it_needs_in_the_open_form_too() -> None:
    path = FOLDER / "examples" / "care.events" / "1" / "queue.left.json"
    record = json.loads(path.read_text("utf-8"))
    del record["data"]["queue"]
    (topic,) = (one for one in PUBLIC if one.name == "care.events")

    assert not accepts(topic, record)
