"""Within v1 a schema changes only in ways that break nobody."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from jsonschema_rs import canonical, canonicalize

from carewatch.wire.topics import Topic
from support.compatibility import breaks
from support.consumer_form import open_form
from support.schemas import FOLDER, PUBLIC, schema

RELEASED = FOLDER / "released" / "v1"
REMEDY = "make it optional or additional, or start v2: schemas/README.md says how"

Document = dict[str, Any]


def released(name: str) -> Document:
    found: Document = json.loads((RELEASED / f"{name}.schema.json").read_text("utf-8"))
    return found


def test_every_schema_of_today_was_released_or_is_new() -> None:
    """A schema that was released never goes; a new one is compared from its release on."""
    names = {path.name.removesuffix(".schema.json") for path in RELEASED.glob("*.json")}

    assert names - {str(topic.schema) for topic in PUBLIC} == set()


@pytest.mark.parametrize("topic", PUBLIC, ids=lambda topic: str(topic.name))
def test_a_schema_breaks_nobody_who_uses_the_released_one(topic: Topic) -> None:
    name = str(topic.schema)
    if not (RELEASED / f"{name}.schema.json").exists():
        return

    assert breaks(released(name), schema(name)) == [], REMEDY


@pytest.fixture
def metrics() -> Document:
    return released("care.metrics.v1")


def keeps_both_promises(old: Document, new: Document) -> bool:
    """The same by other code, which proves but does not explain: sets of values in each other."""
    yes = canonical.Containment.YES
    writers = canonicalize(new).covers(canonicalize(old))
    readers = canonicalize(open_form(old)).covers(canonicalize(new))
    return (writers, readers) == (yes, yes)


def data(document: Document) -> Document:
    found: Document = document["definitions"]["Data"]
    return found


def set_in(name: str, **words: object) -> Callable[[Document], None]:
    """A change of some words of one field of a metric point."""
    return lambda document: data(document)["properties"][name].update(words)


def replace(name: str, node: object) -> Callable[[Document], None]:
    return lambda document: data(document)["properties"].update({name: node})


BREAKS: dict[str, tuple[Callable[[Document], object], str]] = {
    "a field that goes": (
        lambda d: data(d)["properties"].pop("revision"),
        "data.revision: the field is gone (breaks writers, readers)",
    ),
    "a field that is renamed": (
        lambda d: data(d)["properties"].update(edition=data(d)["properties"].pop("pane")),
        "data.pane: the field is gone (breaks writers, readers)",
    ),
    "a new field that is required": (
        lambda d: (
            data(d)["properties"].update(place={"type": "string"}),
            data(d)["required"].append("place"),
        ),
        "data.place: the field is required now (breaks writers)",
    ),
    "a field that becomes required": (
        lambda d: data(d)["required"].append("value"),
        "data.value: the field is required now (breaks writers)",
    ),
    "a field that need not be there any more": (
        lambda d: data(d)["required"].remove("unit"),
        "data.unit: the field is not required any more (breaks readers)",
    ),
    "a type that takes less": (
        set_in("min_ms", type="integer"),
        "data.min_ms: type was ['integer', 'null'], is 'integer' (breaks both sides)",
    ),
    "a type that takes more": (
        set_in("value", type=["integer", "null"]),
        "data.value: type was 'integer', is ['integer', 'null'] (breaks both sides)",
    ),
    "a time that may be missing": (
        replace("pane", {"anyOf": [{"enum": ["early"]}, {"type": "null"}]}),
        "data.pane: enum was ['early', 'on_time', 'late'], is not said (breaks both sides)",
    ),
    "a value of a list that goes": (
        lambda d: data(d)["properties"]["pane"]["enum"].remove("late"),
        "data.pane: the value 'late' is gone (breaks writers)",
    ),
    "a list in place of any text": (
        set_in("queue", enum=["billing"]),
        "data.queue: enum was not said, is ['billing'] (breaks both sides)",
    ),
    "a constant that changes": (
        set_in("provisional", const=False),
        "data.provisional: const was True, is False (breaks both sides)",
    ),
    "a bound that is tighter": (
        set_in("value", minimum=0),
        "data.value: minimum was not said, is 0 (breaks both sides)",
    ),
    "a bound that is looser": (
        lambda d: data(d)["properties"]["revision"].pop("minimum"),
        "data.revision: minimum was 0, is not said (breaks both sides)",
    ),
    "a pattern that changes": (
        lambda d: d["definitions"]["Time"].update(pattern="^.*Z$"),
        "time: pattern was",
    ),
    "what a list holds": (
        lambda d: data(d)["properties"]["buckets"]["items"]["items"].update(type="number"),
        "data.buckets[][]: type was 'integer', is 'number' (breaks both sides)",
    ),
    "a set of values that goes": (
        lambda d: data(d)["anyOf"].remove({"required": ["n", "d"]}),
        "data: the alternative {'required': ['n', 'd']} of anyOf is gone (breaks writers)",
    ),
    "an alternative type of a value": (
        lambda d: data(d)["properties"]["start"]["anyOf"].append({"type": "integer"}),
        "data.start: the alternative {'type': 'integer'} of anyOf is new (breaks readers)",
    ),
    "a definition that goes": (
        lambda d: (
            d["definitions"].pop("Deadline"),
            data(d)["properties"]["due"].update(items={"type": "object"}),
            d["definitions"]["Values"]["properties"]["due"].update(items={"type": "object"}),
        ),
        "Deadline: the definition is gone",
    ),
    "another meaning of the type": (
        lambda d: d["definitions"]["Point"]["properties"]["type"].update(const="care.metric"),
        "type: const was 'care.metric.point', is 'care.metric' (breaks both sides)",
    ),
}


@pytest.mark.parametrize(("change", "named"), BREAKS.values(), ids=BREAKS)
def test_a_break_is_found_and_named(
    metrics: Document, change: Callable[[Document], object], named: str
) -> None:
    current = deepcopy(metrics)
    change(current)

    found = breaks(metrics, current)

    assert any(one.startswith(named) for one in found), found
    assert not keeps_both_promises(metrics, current)


ALLOWED: dict[str, Callable[[Document], object]] = {
    "a field that may be there": replace("place", {"type": "string"}),
    "a value of a list": lambda d: data(d)["properties"]["metric"]["enum"].append("novelty"),
    "another set of values": lambda d: data(d)["anyOf"].append({"required": ["place"]}),
    "a description": set_in("value", description="Better words."),
    "a definition": lambda d: d["definitions"].update(Place={"type": "object"}),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_what_adds_without_breaking_is_allowed(
    metrics: Document, change: Callable[[Document], object]
) -> None:
    current = deepcopy(metrics)
    change(current)

    assert current != metrics
    assert breaks(metrics, current) == []
    assert keeps_both_promises(metrics, current)


def test_a_sign_has_two_values_for_ever() -> None:
    """A reader adds signs up: a third one is no list value it could take as `other`."""
    old = released("care.sla.v1")
    current = deepcopy(old)
    current["definitions"]["Sla"]["properties"]["sign"]["enum"].append(0)

    assert breaks(old, current) == [
        "data.sign: the value 0 is new in a closed list (breaks readers)"
    ]


def test_kinds_of_records_may_come_but_not_go() -> None:
    old = released("care.events.v1")
    fewer, more = deepcopy(old), deepcopy(old)
    fewer["oneOf"].remove({"$ref": "#/definitions/Gate"})
    more["definitions"]["Notice"] = deepcopy(old["definitions"]["Tick"])
    more["oneOf"].append({"$ref": "#/definitions/Notice"})

    assert breaks(old, fewer) == [
        "the record: the alternative #/definitions/Gate of oneOf is gone (breaks writers)"
    ]
    assert breaks(old, more) == []


def needing(document: Document, type_: str, section: str) -> Document:
    """The events schema with one more type whose records need a section."""
    changed = deepcopy(document)
    event = changed["definitions"]["Event"]
    if type_ not in event["properties"]["type"]["enum"]:
        event["properties"]["type"]["enum"].append(type_)
    event["allOf"].append(
        {
            "if": {"properties": {"type": {"enum": [type_]}}},
            "then": {"properties": {"data": {"required": [section]}}},
        }
    )
    return changed


def test_a_type_of_today_needs_no_more_than_before_and_no_less() -> None:
    old = released("care.events.v1")
    less = deepcopy(old)
    del less["definitions"]["Event"]["allOf"][0]
    then = "{'properties': {'data': {'required': ['call']}}}"

    assert breaks(old, needing(old, "care.other", "call")) == [
        f"the record: 'care.other' requires {then} now (breaks writers)"
    ]
    assert any("'care.message.created' requires was" in one for one in breaks(old, less))
    assert breaks(old, needing(old, "care.call.rated", "call")) == []
