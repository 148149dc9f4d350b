"""Reading JSON of unknown shape: every accessor says what it wants and refuses anything else.

All raise InvalidRecord("schema") naming the field, never its value.
"""

from typing import NoReturn

from carewatch.domain.errors import InvalidRecord

Fields = dict[str, object]


def _refuse(name: str) -> NoReturn:
    raise InvalidRecord("schema", name)


def as_object(value: object, name: str) -> Fields:
    """A JSON object."""
    return value if isinstance(value, dict) else _refuse(name)


def get_object(parent: Fields, name: str) -> Fields:
    """A JSON object; missing or null is empty."""
    value = parent.get(name)
    return {} if value is None else as_object(value, name)


def get_list(parent: Fields, name: str) -> list[object]:
    """A JSON array; missing or null is empty."""
    value = parent.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else _refuse(name)


def get_text(parent: Fields, name: str) -> str | None:
    """A text; missing, null and empty are None."""
    value = parent.get(name)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else _refuse(name)


def need_text(parent: Fields, name: str) -> str:
    """A text that is there."""
    return get_text(parent, name) or _refuse(name)


def get_id(parent: Fields, name: str) -> str | None:
    """An identifier, kept as text: providers write numbers above 2^53 and change between both."""
    value = parent.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return get_text(parent, name)


def need_id(parent: Fields, name: str) -> str:
    """An identifier that is there."""
    return get_id(parent, name) or _refuse(name)


def get_int(parent: Fields, name: str) -> int | None:
    """An integer, also written as text; missing or null is None."""
    value = parent.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _refuse(name)


def get_flag(parent: Fields, name: str) -> bool:
    """A boolean; some providers write it as text. Missing or null is false."""
    value = parent.get(name)
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    return value.lower() == "true" if isinstance(value, str) else _refuse(name)
