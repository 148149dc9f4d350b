"""Mutations that keep a document a document: a fuzzer of bytes would rarely get past the braces."""

import json
from copy import deepcopy
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 3, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30, 0.5, 1e300,
    "", "0", "-1", "1e3", "true", "١٢٣", "\x00", "\ud800", "é", "x" * 300, "2026-01-05T10:00:00Z",
    "2026-02-30T10:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1767607500",
    "1767607500000", [], {}, [[]], [None], {"": None}, [{}], ["x"],
)  # fmt: skip
"""What providers never send, and what they send at the wrong place."""


def mutated(data: bytes, random: Random) -> bytes | None:
    """The document in `data`, a little different; None when there is none in it."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _form(data, random)
    try:
        for _ in range(random.randint(1, 4)):
            document = _changed(document, random)
        return json.dumps(document).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of every value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in pairs:
        found.append((node, key))
        if isinstance(child, dict | list):
            _places(child, found)
    return found


def _changed(document: Any, random: Random) -> Any:
    if not isinstance(document, dict | list):
        return random.choice(VALUES)
    places = _places(document, [])
    if not places:
        return random.choice(VALUES)
    container, key = random.choice(places)
    match random.randrange(6):
        case 0:
            del container[key]
        case 1:
            container[key] = deepcopy(random.choice(VALUES))
        case 2:
            # A value from elsewhere in the same document has the right form at the wrong place.
            other, at = random.choice(places)
            container[key] = deepcopy(other[at])
        case 3:
            container[key] = [deepcopy(container[key]), deepcopy(container[key])]
        case 4 if isinstance(container, dict):
            container[random.choice(("type", "id", "value", "x", ""))] = container.pop(key)
        case _:
            container[key] = _nudged(container[key], random)
    return document


def _nudged(value: Any, random: Random) -> Any:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return random.choice((str(value), value * 1000, value // 1000, -value, value + 0.25))
    if isinstance(value, str):
        return random.choice((value.upper(), value[:-1], value + value, [value], value + "é"))
    return random.choice(VALUES)


def _form(data: bytes, random: Random) -> bytes | None:
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return None
    at = random.randrange(len(pairs))
    match random.randrange(4):
        case 0:
            del pairs[at]
        case 1:
            pairs.insert(at, (pairs[at][0], str(random.choice(VALUES))))
        case 2:
            pairs[at] = (pairs[at][0], str(random.choice(VALUES)))
        case _:
            pairs[at] = (random.choice(pairs)[0], pairs[at][1])
    return urlencode(pairs, errors="surrogatepass").encode()
