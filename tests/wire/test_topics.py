"""The catalogue keeps its own rules: flow order, retention, names."""

import pytest

from carewatch import processors
from carewatch.processors.base import Processor
from carewatch.wire.topics import BY_NAME, CUSTOMER, DAY_MS, EVENTS, TOPICS, Topic

PROCESSORS: tuple[Processor, ...] = getattr(processors, "PROCESSORS", ())
ORDER = {topic.name: place for place, topic in enumerate(TOPICS)}
UPSTREAM = {("track", EVENTS), ("customer", CUSTOMER)}
"""What flows upstream: hand-overs of merged conversations, contacts of customers who are linked."""


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda one: str(one.name))
def test_topics_flow_downhill(processor: Processor) -> None:
    uphill = {
        (processor.name, topic)
        for topic in processor.writes
        if ORDER[topic] <= ORDER[processor.reads]
    }

    assert uphill == {one for one in UPSTREAM if one[0] == processor.name}


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda one: str(one.name))
def test_the_catalogue_names_who_writes_and_who_reads(processor: Processor) -> None:
    assert processor.name in BY_NAME[processor.reads].readers
    for topic in processor.writes:
        if topic != "care.dead":
            assert processor.name in BY_NAME[topic].writers
    assert BY_NAME[processor.changelog].count == BY_NAME[processor.reads].count


def test_names_are_unique_and_ours() -> None:
    assert len(BY_NAME) == len(TOPICS)
    assert [topic.name for topic in TOPICS if not topic.name.startswith("care.")] == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda one: str(one.name))
def test_only_deleted_topics_have_a_retention(topic: Topic) -> None:
    settings = topic.settings()

    assert (settings["cleanup.policy"] == "delete") == ("retention.ms" in settings)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda one: str(one.name))
def test_no_record_outlives_its_retention_by_more_than_a_day(topic: Topic) -> None:
    if topic.retention_ms is not None:
        assert int(topic.settings()["segment.ms"]) <= min(DAY_MS, topic.retention_ms)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("care.events", 7),
        ("care.facts", 30),
        ("care.sla", 30),
        ("care.late", 30),
        ("care.customer", 7),
        ("care.partials", 7),
        ("care.dead", 7),
        ("care.commands", 7),
        ("care.metrics", None),
        ("care.rulebooks", None),
    ],
)
def test_retentions_are_the_promised_ones(name: str, days: int | None) -> None:
    assert BY_NAME[name].retention_ms == (None if days is None else days * DAY_MS)


def test_what_holds_personal_text_is_restricted() -> None:
    assert {topic.name for topic in TOPICS if topic.restricted} == {"care.text", "care.dead"}
