"""schemas/asyncapi.yaml: the topic catalogue in the words of AsyncAPI, for its tools.

Everything in it follows from `wire/topics.py`, so it is written by a test and never by hand.
"""

from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from carewatch.settings import Settings
from carewatch.wire.topics import DEAD, TOPICS, Topic

Section = dict[str, Any]

_STAGES = frozenset({"track", "customer", "merge", "worker"})
"""Writers whose records carry `position` and `sequence`."""

_COUNTS = {
    "source": "kafka.partitions",
    "partials": "kafka.partials_partitions",
    "metrics": "kafka.metrics_partitions",
    "one": "one",
}

_DRIVEN: Section = {
    "position": {
        "description": "Source partition and offset of the record that led to this one.",
        "type": "string",
        "pattern": "^[0-9]+:[0-9]+$",
    },
    "sequence": {
        "description": "Running number by source partition and destination, from 0 on.",
        "type": "string",
        "pattern": "^[0-9]+$",
    },
}

_CLOUD_EVENTS = "application/cloudevents+json"
_BYTES = "application/octet-stream"


def document() -> Section:
    """The whole document."""
    return {
        "asyncapi": "3.1.0",
        "id": "urn:carewatch:v1",
        "info": {
            "title": "carewatch",
            "version": "1",
            "description": (
                "Live customer-care metrics. Read results with isolation.level=read_committed and "
                "each is there exactly once. A message has two forms: `written` is closed, it is "
                "what carewatch writes today; `read` leaves room for what v1 may add, and is what "
                "to make consumers of."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _CLOUD_EVENTS,
        "servers": {
            "kafka": {
                "host": Settings().kafka.bootstrap_servers,
                "protocol": "kafka",
                "description": "The brokers of kafka.bootstrap_servers; these are the default.",
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: one for topic in TOPICS for name, one in _operations(topic)},
        "components": {
            "messages": {name: one for topic in TOPICS for name, one in _messages(topic)}
        },
    }


def as_yaml(section: Section, says: str = "The topics in AsyncAPI 3") -> str:
    """The text of a file: what it is, keys in their order, one way to write each value."""
    yaml = YAML()
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _node: True
    stream = StringIO()
    yaml.dump(section, stream)
    return f"# {says}, written by: pytest tests/contract --update-tables\n{stream.getvalue()}"


def _channel(topic: Topic) -> Section:
    internal = "" if topic.schema else " Internal: its form may change with any release."
    restricted = " Restricted: it may hold personal data." if topic.restricted else ""
    return {
        "address": topic.name,
        "title": topic.value,
        "description": (
            f"Key: {_key(topic)}. Kept: {_kept(topic)}. Partitions: {_COUNTS[topic.count]}."
            f"{internal}{restricted}"
        ),
        "messages": {
            name.rpartition(".")[2]: {"$ref": f"#/components/messages/{name}"}
            for name, _ in _messages(topic)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {
                    name: [value] if name == "cleanup.policy" else _number(value)
                    for name, value in topic.settings().items()
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _number(value: str) -> str | int:
    return int(value) if value.isdigit() else value


def _key(topic: Topic) -> str:
    return "none" if topic.key == "-" else topic.key


def _kept(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "the newest record of each key"
    hours = topic.retention_ms // 3_600_000
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"


def _messages(topic: Topic) -> list[tuple[str, Section]]:
    """The forms of a topic's records; an internal topic has one, which nobody else may read."""
    if topic.schema is None:
        return [(f"{topic.name}.internal", _message(topic, "internal", None))]
    closed = f"./{topic.schema}.schema.json"
    opened = f"./consumer/{topic.schema}.schema.json"
    return [
        (f"{topic.name}.written", _message(topic, "written", closed)),
        (f"{topic.name}.read", _message(topic, "read", opened)),
    ]


def _message(topic: Topic, form: str, schema: str | None) -> Section:
    """A dead letter's schema describes its headers; all others describe values."""
    dead = topic.name == DEAD
    message: Section = {
        "name": f"{topic.name}.{form}",
        "title": topic.value,
        "contentType": _CLOUD_EVENTS if schema and not dead else _BYTES,
    }
    headers = {"$ref": schema} if dead else _headers(topic)
    if headers is not None:
        message["headers"] = headers
    if schema and not dead:
        message["payload"] = {"$ref": schema}
    if topic.key != "-":
        key = {"type": "string", "description": topic.key}
        message["bindings"] = {"kafka": {"key": key, "bindingVersion": "0.5.0"}}
    return message


def _headers(topic: Topic) -> Section | None:
    properties: Section = {}
    required = []
    if topic.schema is not None:
        properties["content-type"] = {
            "description": "Structured mode of CloudEvents; a tombstone has none.",
            "const": _CLOUD_EVENTS,
        }
    if _STAGES & set(topic.writers) and not topic.name.startswith("care.state."):
        properties |= _DRIVEN
        required = [] if set(topic.writers) - _STAGES else list(_DRIVEN)
    if not properties:
        return None
    return {"type": "object", "properties": properties, "required": required}


def _operations(topic: Topic) -> list[tuple[str, Section]]:
    """Who writes and who reads, with the form that each can rely on."""
    forms = [name.rpartition(".")[2] for name, _ in _messages(topic)]
    return [
        *(_operation(topic, "send", who, forms[0]) for who in topic.writers),
        *(_operation(topic, "receive", who, forms[-1]) for who in topic.readers),
    ]


def _operation(topic: Topic, action: str, who: str, form: str) -> tuple[str, Section]:
    verb = {"send": "writes", "receive": "reads"}[action]
    return f"{who}.{verb}.{topic.name}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{who} {verb} {topic.value}".split(":")[0] + ".",
        "tags": [{"name": who}],
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{form}"}],
    }
