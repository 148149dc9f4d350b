"""The open form of a schema: what a consumer may rely on when later versions of v1 add to it.

The schemas themselves are closed: they say what carewatch writes today. Whoever checks records, or
makes code of a schema, on the reading side needs the same with room for what v1 may still add:
fields, values of lists, kinds of records.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]

LATER = {
    "description": "A kind of record that a later version adds: skip it.",
    "type": "object",
    "properties": {
        "specversion": {"description": "Of CloudEvents.", "const": "1.0"},
        "id": {"description": "Of the record.", "type": "string", "minLength": 1},
        "source": {"description": "Where it comes from.", "type": "string", "minLength": 1},
    },
    "required": ["specversion", "id", "source", "type"],
}


def open_form(schema: Node) -> dict[str, Any]:
    """The consumer's form of a closed schema; every value of the closed one fits it."""
    opened: dict[str, Any] = _opened(schema)
    opened["$id"] = f"{schema['$id']}:consumer"
    opened["description"] = (
        f"For consumers: ignore fields you do not know, take a value that is in no list as "
        f"`other`. {schema['description']}"
    )
    types = sorted(_record_types(schema))
    if types:
        kind = {"description": "None of today's.", "type": "string", "not": {"enum": types}}
        later = LATER | {"properties": {**_properties(LATER), "type": kind}}
        opened["definitions"]["Later"] = later
        alternatives = schema.get("oneOf", schema.get("allOf"))
        opened.pop("oneOf", None)
        opened.pop("allOf", None)
        opened["anyOf"] = [*(alternatives or ()), {"$ref": "#/definitions/Later"}]
    return {name: opened[name] for name in _in_order(opened)}


def _opened(node: Any, name: str = "") -> Any:
    """A part of the schema, opened; `name` is the property it describes, if any."""
    if isinstance(node, list):
        return [_opened(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for word, inner in node.items():
        if word == "additionalProperties" and inner is False:
            continue
        if word == "anyOf" and all(set(one) == {"required"} for one in inner):
            continue  # which fields a value has: a later version may add another set
        if word == "properties":
            kept[word] = {one: _opened(value, one) for one, value in inner.items()}
        elif word == "enum" and _may_grow(name, inner):
            other = {"type": ["string", "null"] if None in inner else "string"}
            kept["anyOf"] = [{"enum": inner}, other]
        elif word == "if":
            kept[word] = inner  # a question, not a promise
        else:
            kept[word] = _opened(inner)
    return kept


def _may_grow(name: str, values: list[object]) -> bool:
    """Whether v1 may add values: to lists of words; `type` says which record this is."""
    return name != "type" and len(values) > 1 and not any(isinstance(one, int) for one in values)


def _record_types(schema: Node) -> Iterator[str]:
    """Every `type` of a record that the schema knows; none where records have no type."""
    for alternative in (*schema.get("oneOf", ()), *schema.get("allOf", ())):
        definition = schema["definitions"][alternative["$ref"].rpartition("/")[2]]
        said = _properties(definition)["type"]
        yield from said.get("enum", [said.get("const")])


def _properties(definition: Node) -> dict[str, Any]:
    found: dict[str, Any] = definition["properties"]
    return found


def _in_order(opened: Node) -> list[str]:
    """The alternatives before the definitions, as in the closed form."""
    return [*(one for one in opened if one != "definitions"), *({"definitions"} & set(opened))]
