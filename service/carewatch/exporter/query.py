"""Reads the query of a request: known names alone, and values of a bounded length."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

TOKEN: Final = "token"  # noqa: S105 - a name, no secret
"""May stand in every query in place of a header; whoever reads a query passes it over."""

LONGEST: Final = 200
"""Characters of a value."""


def read_query(
    query: Iterable[tuple[str, str]], known: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The values by name, sorted by it, without the token.

    Raises ValueError, which names the parameter and those that are known.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, value in query:
        if name == TOKEN:
            continue
        if name not in known:
            raise ValueError(f"{name[:LONGEST]!r} is no parameter here; known: {', '.join(known)}")
        if len(value) > LONGEST:
            raise ValueError(f"{name}: longer than {LONGEST} characters; shorten it")
        found[name] = (*found.get(name, ()), value)
    return dict(sorted(found.items()))


def only(query: Mapping[str, tuple[str, ...]], name: str) -> str | None:
    """The one value of a parameter, None where it is not given.

    Raises ValueError where it is given more than once.
    """
    values = query.get(name, ())
    if len(values) > 1:
        raise ValueError(f"{name}: given more than once; give it once")
    return values[0] if values else None
