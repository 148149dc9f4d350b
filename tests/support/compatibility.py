"""What a change of a schema breaks within a major version, for writers and for readers.

Two promises. A record that was right stays right: nobody who writes has to change. And a reader
of the released version, who ignores fields, list values and kinds of records it does not know
(`consumer_form` makes that a schema), understands every new record. So optional fields, values of
lists and alternatives of records may come; all else stays as it is. Descriptions are free.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]

_SAYS_NOTHING = {"$schema", "$id", "title", "description", "definitions", "$comment", "examples"}
_OWN_RULE = {"properties", "required", "enum", "oneOf", "anyOf", "allOf", "items", "if", "then"}


def breaks(released: Node, current: Node) -> list[str]:
    """Each break as `where: what, whom it breaks`; empty when v1 may have the change."""
    found = [
        *_differences("", released, current, _Pair(released, current)),
        *(
            f"{name}: the definition is gone, who refers to it finds nothing"
            for name in released.get("definitions", {})
            if name not in current.get("definitions", {})
        ),
    ]
    return list(dict.fromkeys(found))


class _Pair:
    """The two documents, to follow references in each; every pair of places is compared once."""

    def __init__(self, released: Node, current: Node) -> None:
        self._released = released
        self._current = current
        self._seen: set[tuple[str, str]] = set()

    def resolve(self, old: Node, new: Node) -> tuple[Node, Node] | None:
        """Both without references; None where this pair of definitions was compared before."""
        there, here = old.get("$ref", ""), new.get("$ref", "")
        if not (there or here):
            return old, new
        if there and here:
            if (there, here) in self._seen:
                return None
            self._seen.add((there, here))
        return _target(self._released, old), _target(self._current, new)


def _target(document: Node, node: Node) -> Node:
    if "$ref" not in node:
        return node
    found: Node = document["definitions"][node["$ref"].rpartition("/")[2]]
    return found


def _differences(where: str, old: Node, new: Node, pair: _Pair) -> Iterator[str]:
    resolved = pair.resolve(old, new)
    if resolved is None:
        return
    old, new = resolved
    for word in sorted((set(old) | set(new)) - _SAYS_NOTHING - _OWN_RULE):
        if old.get(word) != new.get(word):
            yield _said(where, f"{word} was {_of(old, word)}, is {_of(new, word)}", "both sides")
    yield from _fields(where, old, new, pair)
    yield from _values(where, old, new)
    yield from _alternatives(where, old, new, pair)
    yield from _conditions(where, old, new)
    yield from _items(where, old, new, pair)


def _fields(where: str, old: Node, new: Node, pair: _Pair) -> Iterator[str]:
    before, now = old.get("properties", {}), new.get("properties", {})
    for name in before:
        if name not in now:
            yield _said(f"{where}.{name}", "the field is gone", "writers, readers")
        else:
            yield from _differences(f"{where}.{name}", before[name], now[name], pair)
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(needs - needed):
        yield _said(f"{where}.{name}", "the field is required now", "writers")
    for name in sorted(needed - needs):
        yield _said(f"{where}.{name}", "the field is not required any more", "readers")


def _values(where: str, old: Node, new: Node) -> Iterator[str]:
    if ("enum" in old) != ("enum" in new):
        yield _said(where, f"enum was {_of(old, 'enum')}, is {_of(new, 'enum')}", "both sides")
        return
    before, now = old.get("enum", ()), new.get("enum", ())
    for value in before:
        if value not in now:
            yield _said(where, f"the value {value!r} is gone", "writers")
    for value in now:
        grows = isinstance(value, str) and len(before) > 1 and isinstance(before[0], str)
        if value not in before and not grows:
            yield _said(where, f"the value {value!r} is new in a closed list", "readers")


def _alternatives(where: str, old: Node, new: Node, pair: _Pair) -> Iterator[str]:
    """Kinds of records and sets of fields may come; other alternatives are types of a value."""
    for word in ("oneOf", "anyOf", "allOf"):
        before, now = _branches(old, word), _branches(new, word)
        for name, branch in before.items():
            if name not in now:
                yield _said(where, f"the alternative {name} of {word} is gone", "writers")
            elif "$ref" in branch:
                yield from _differences(where, branch, now[name], pair)
        for name, branch in now.items():
            if name not in before and not (before and _is_new_kind(where, word, branch)):
                yield _said(where, f"the alternative {name} of {word} is new", "readers")


def _branches(node: Node, word: str) -> dict[str, Node]:
    """Alternatives by what they refer to or say; conditions have a rule of their own."""
    return {one.get("$ref", str(one)): one for one in node.get(word, ()) if "if" not in one}


def _is_new_kind(where: str, word: str, branch: Node) -> bool:
    is_record = word == "oneOf" and where == "" and "$ref" in branch
    return is_record or (word == "anyOf" and set(branch) == {"required"})


def _conditions(where: str, old: Node, new: Node) -> Iterator[str]:
    """`if this is the type, then that is required`, type by type; types of later may be new."""
    before, now = dict(_conditional(old)), dict(_conditional(new))
    known = old.get("properties", {}).get("type", {}).get("enum", ())
    for value, then in before.items():
        if now.get(value) != then:
            yield _said(
                where, f"what {value!r} requires was {then}, is {now.get(value)}", "both sides"
            )
    for value, then in now.items():
        if value not in before and value in known:
            yield _said(where, f"{value!r} requires {then} now", "writers")


def _conditional(node: Node) -> Iterator[tuple[str, str]]:
    for one in node.get("allOf", ()):
        if "if" in one:
            for value in one["if"]["properties"]["type"]["enum"]:
                yield value, str(one["then"])


def _items(where: str, old: Node, new: Node, pair: _Pair) -> Iterator[str]:
    if ("items" in old) != ("items" in new):
        yield _said(where, "what the list holds is said on one side alone", "both sides")
    elif "items" in old:
        yield from _differences(f"{where}[]", old["items"], new["items"], pair)


def _of(node: Node, word: str) -> str:
    return repr(node[word]) if word in node else "not said"


def _said(where: str, what: str, whom: str) -> str:
    return f"{where.lstrip('.') or 'the record'}: {what} (breaks {whom})"
