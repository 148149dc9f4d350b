"""The JSON Schemas of schemas/, and how to compare one with the Structs of the codec."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson
from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from carewatch.wire.topics import BY_NAME, DEAD, TOPICS, Topic

FOLDER = Path(__file__).parents[2] / "schemas"
PUBLIC = tuple(topic for topic in TOPICS if topic.schema is not None)


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema `care.<topic>.v1`."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8"))
    return loaded


def objects(node: object) -> Iterator[dict[str, Any]]:
    """Every object of a document or schema."""
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from objects(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from objects(inner)


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def complaints(name: str, value: object) -> list[str]:
    """What is wrong with a value, in the words of the validator; empty when it is valid."""
    return [text for error in _validator(name).iter_errors(value) for text in _told(error)]


class Written(Protocol):
    """A record, as a processor hands it over or as Kafka has it."""

    @property
    def topic(self) -> str: ...

    @property
    def value(self) -> bytes | None: ...


def complaints_of(outputs: Iterable[Written]) -> list[tuple[str, list[str], object]]:
    """Topic, complaints and value of every record of a public topic that is not as its schema says.

    A tombstone has no value, and a dead letter is what came, whatever that was.
    """
    found = []
    for output in outputs:
        name = BY_NAME[output.topic].schema
        if name is not None and output.topic != DEAD and output.value is not None:
            value = orjson.loads(output.value)
            if wrong := complaints(name, value):
                found.append((output.topic, wrong, value))
    return found


def _told(error: ValidationError) -> Iterator[str]:
    """What the error says, and of each alternative why it is none."""
    yield error.message
    match error.kind:
        case ValidationErrorKind.AnyOf(branches) | ValidationErrorKind.OneOfNotValid(branches):
            for branch in branches:
                for inner in branch:
                    yield from _told(inner)


def consumer_file(topic: Topic) -> Path:
    """Where the generated open form of a public topic's schema is."""
    return FOLDER / "consumer" / f"{topic.schema}.schema.json"


def examples(topic: Topic) -> list[Path]:
    """The example records of a public topic."""
    return sorted((FOLDER / "examples" / topic.name / "1").glob("*.json"))


def shape(node: Mapping[str, Any]) -> str:
    """What a schema lets through, in one comparable text: bounds and descriptions left out."""
    match node:
        case {"allOf": [only]}:
            return shape(only)
        case {"$ref": "#/definitions/Time"}:
            return "string"
        case {"$ref": str(ref)}:
            return ref.rpartition("/")[2]
        case {"anyOf": list(options)}:
            return " or ".join(sorted(shape(option) for option in options))
        case {"enum": list(values)}:
            return "one of " + ", ".join(sorted("null" if one is None else one for one in values))
        case {"const": value}:
            return f"one of {value}"
        case {"type": list(types)}:
            return " or ".join(sorted(types))
        case {"type": "array", "items": items}:
            return f"[{shape(items)}]"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"{{{shape(values)}}}"
        case {"type": str(name)}:
            return name
        case _:
            return "anything"


def described(definition: Mapping[str, Any]) -> dict[str, str]:
    """Field name -> shape of one definition; a required field's name ends in `!`."""
    return {
        f"{name}!" if name in definition["required"] else name: shape(node)
        for name, node in definition["properties"].items()
    }


def structs(kinds: list[type[msgspec.Struct]]) -> dict[str, dict[str, str]]:
    """The same of Structs and all they contain, by class name.

    Producers leave out what has no value, so a null that is only the default is no shape.
    """
    _, components = msgspec.json.schema_components(kinds, ref_template="#/definitions/{name}")
    return {
        name: described({**component, "properties": dict(_without_null(component))})
        for name, component in components.items()
    }


def _without_null(component: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, node in component["properties"].items():
        if "anyOf" in node and node.get("default", ...) is None:
            options = [option for option in node["anyOf"] if option != {"type": "null"}]
            yield name, {"anyOf": options} if len(options) > 1 else options[0]
        else:
            yield name, node


def topic_table() -> str:
    """The table of topics for people, from the catalogue."""
    rows = ["| topic | key | value | kept | written by | read by |", "|---|---|---|---|---|---|"]
    for topic in TOPICS:
        days = None if topic.retention_ms is None else topic.retention_ms // 86_400_000
        kept = "newest of each key" if days is None else f"{days} d"
        what = topic.value + (", **restricted**" if topic.restricted else "")
        name = f"`{topic.name}`"
        if topic.schema is not None:
            name = f"[{name}]({topic.schema}.schema.json)"
        key = topic.key.replace("|", "\\|")
        writers, readers = ", ".join(topic.writers), ", ".join(topic.readers)
        rows.append(f"| {name} | {key} | {what} | {kept} | {writers} | {readers} |")
    return "\n".join(rows)
