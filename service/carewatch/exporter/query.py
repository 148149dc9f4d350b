"""Reads the query of a request: known names, each at most once, of a bounded length."""

from collections.abc import Collection, Iterable
from typing import Final

TOKEN: Final = "token"  # noqa: S105 - a name, no secret
"""May stand in every query in place of a header; whoever reads a query passes it over."""

LONGEST: Final = 200
"""Characters of a value."""


def read_query(query: Iterable[tuple[str, str]], known: Collection[str]) -> dict[str, str]:
    """The values by name, sorted by it, without the token.

    Raises ValueError, which names the parameter and those that are known.
    """
    found: dict[str, str] = {}
    for name, value in query:
        if name == TOKEN:
            continue
        if name not in known:
            raise ValueError(f"{name[:LONGEST]!r} is no parameter here; known: {', '.join(known)}")
        if name in found:
            raise ValueError(f"{name}: given more than once; give it once")
        if len(value) > LONGEST:
            raise ValueError(f"{name}: longer than {LONGEST} characters; shorten it")
        found[name] = value
    return dict(sorted(found.items()))
