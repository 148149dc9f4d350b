"""schemas/asyncapi.yaml says of every topic what the catalogue says, in valid AsyncAPI."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from carewatch.wire.topics import TOPICS, Topic
from support.asyncapi import as_yaml, document
from support.schemas import FOLDER, PUBLIC

FILE = FOLDER / "asyncapi.yaml"
ROOT = FOLDER.parent
MODULES = ROOT / ".venv" / "asyncapi" / "node_modules"
each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: str(topic.name))


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The document as it lies there."""
    found: dict[str, Any] = YAML(typ="safe").load(FILE.read_text("utf-8"))
    return found


def diagnostics(path: Path) -> list[dict[str, Any]]:
    """What the parser of the AsyncAPI initiative says of a document."""
    node = shutil.which("node")
    if node is None or not (MODULES / "@asyncapi" / "parser").exists():
        remedy = f"no AsyncAPI parser in {MODULES}: install npm, then make .venv/.asyncapi"
        if os.environ.get("CI"):
            pytest.fail(remedy)
        pytest.skip(remedy)
    script = Path(__file__).parent / "asyncapi" / "validate.cjs"
    done = subprocess.run(
        [node, str(script), str(path)],
        env=os.environ | {"NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_document_is_that_of_the_catalogue(pytestconfig: pytest.Config) -> None:
    expected = as_yaml(document())

    if pytestconfig.getoption("update_tables"):
        FILE.write_text(expected, "utf-8")
    assert FILE.read_text("utf-8") == expected


def test_the_document_is_valid_and_leaves_nothing_to_advise() -> None:
    assert diagnostics(FILE) == []


def test_a_reference_that_leads_nowhere_would_be_found(tmp_path: Path) -> None:
    """The schemas are looked up: a document beside none of them is invalid."""
    alone = tmp_path / "asyncapi.yaml"
    shutil.copy(FILE, alone)

    found = diagnostics(alone)

    assert {one["code"] for one in found if one["severity"] == 0} == {"invalid-ref"}


def test_it_names_exactly_the_topics_of_the_catalogue(written: dict[str, Any]) -> None:
    assert [one["address"] for one in written["channels"].values()] == [one.name for one in TOPICS]


@each_topic
def test_a_topic_has_its_key_and_its_schemas(written: dict[str, Any], topic: Topic) -> None:
    forms = ["written", "read"] if topic.schema else ["internal"]
    part = "headers" if topic.name == "care.dead" else "payload"

    messages = written["channels"][topic.name]["messages"]
    found = [written["components"]["messages"][f"{topic.name}.{form}"] for form in messages]

    assert list(messages) == forms
    assert [one.get(part, {}).get("$ref") for one in found] == (
        [f"./{topic.schema}.schema.json", f"./consumer/{topic.schema}.schema.json"]
        if topic.schema
        else [None]
    )
    for message in found:
        key = message.get("bindings", {}).get("kafka", {}).get("key", {}).get("description", "-")
        assert key == topic.key


@each_topic
def test_a_topic_has_its_retention_writers_and_readers(
    written: dict[str, Any], topic: Topic
) -> None:
    kafka = written["channels"][topic.name]["bindings"]["kafka"]["topicConfiguration"]
    channel = {"$ref": f"#/channels/{topic.name}"}
    operations = [
        (one["action"], one["tags"][0]["name"], one["messages"][0]["$ref"].rpartition("/")[2])
        for one in written["operations"].values()
        if one["channel"] == channel
    ]
    forms = ("written", "read") if topic.schema else ("internal", "internal")

    assert kafka["cleanup.policy"] == [topic.cleanup]
    assert kafka.get("retention.ms") == topic.retention_ms
    assert operations == [
        *(("send", who, forms[0]) for who in topic.writers),
        *(("receive", who, forms[1]) for who in topic.readers),
    ]


def test_every_public_schema_is_referred_to() -> None:
    text = FILE.read_text("utf-8")

    assert [one.name for one in PUBLIC if f"./{one.schema}.schema.json" not in text] == []


def test_the_lock_of_the_parser_holds_hashes_and_no_download_addresses() -> None:
    lock = json.loads((ROOT / "requirements/asyncapi/package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}

    assert [name for name, one in packages.items() if "integrity" not in one] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []
