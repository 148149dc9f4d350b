"""What holds of the files in schemas/ whatever they describe: drafts, closedness, descriptions."""

import pytest
from jsonschema_rs import meta

from carewatch.wire.topics import Topic
from support.schemas import FOLDER, PUBLIC, examples, objects, schema

each_topic = pytest.mark.parametrize("topic", PUBLIC, ids=lambda topic: str(topic.name))


@each_topic
def test_a_public_topic_has_a_schema_valid_in_both_drafts_and_examples(topic: Topic) -> None:
    found = schema(str(topic.schema))

    meta.validate(found)
    meta.validate(found | {"$schema": "http://json-schema.org/draft-07/schema#"})

    assert list(examples(topic)) != []


def test_every_file_belongs_to_a_topic() -> None:
    assert {path.name for path in FOLDER.glob("*.schema.json")} == {
        f"{topic.schema}.schema.json" for topic in PUBLIC
    }
    assert {path.name for path in (FOLDER / "examples").iterdir()} == {
        topic.name for topic in PUBLIC
    }


@each_topic
def test_schemas_stay_in_the_subset_of_both_drafts(topic: Topic) -> None:
    beyond = {"unevaluatedProperties", "unevaluatedItems", "prefixItems", "dependentRequired"}
    used = {word for node in objects(schema(str(topic.schema))) for word in node}

    assert used & (beyond | {"$defs", "$dynamicRef", "format"}) == set()


@each_topic
def test_every_definition_and_field_is_described(topic: Topic) -> None:
    document = schema(str(topic.schema))
    described_ones = {
        f"#/definitions/{name}"
        for name, one in document["definitions"].items()
        if one.get("description")
    }
    fields = [
        (name, field)
        for node in objects(document)
        if "type" in node
        for name, field in node.get("properties", {}).items()
    ]

    assert len(described_ones) == len(document["definitions"])
    assert [
        name
        for name, field in fields
        if not field.get("description") and field.get("$ref") not in described_ones
    ] == []


@each_topic
def test_schemas_are_closed_for_producers(topic: Topic) -> None:
    open_ones = [
        node
        for node in objects(schema(str(topic.schema)))
        if "properties" in node and "type" in node and node.get("additionalProperties") is not False
    ]

    assert open_ones == []
