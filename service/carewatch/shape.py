"""Checks plain values against a msgspec type and reports every mistake, not only the first."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from carewatch.yamlfile import Keys, Mistake, YamlFile

T = TypeVar("T")
Custom = Callable[[type, object, Keys], str | None]
"""Says what is wrong with a value of a type msgspec does not know; None: nothing."""
Convert = Callable[[type, Any], Any]


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "queue"?`, or the whole list if nothing is near."""
    choices = list(known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(choices)}" if choices else "none is known"


def decode(
    file: YamlFile,
    value: object,
    keys: Keys,
    kind: type[T],
    mistakes: list[Mistake],
    *,
    custom: Custom | None = None,
    convert: Convert | None = None,
) -> T | None:
    """`value`, which stands at `keys` of `file`, as `kind`; None after adding to `mistakes`."""
    found = [
        file.mistake(at, says)
        for at, says in _check(value, inspect.type_info(kind), keys, custom or _no_custom)
    ]
    mistakes.extend(found)
    return None if found else msgspec.convert(value, kind, dec_hook=convert)


def problems(value: object, kind: inspect.Type) -> list[tuple[Keys, str]]:
    """What is wrong with a value that stands in no file."""
    return list(_check(value, kind, (), _no_custom))


def _no_custom(_type: type, _value: object, _keys: Keys) -> str | None:
    return None


def _check(
    value: object, kind: inspect.Type, keys: Keys, custom: Custom
) -> Iterator[tuple[Keys, str]]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _check(value, inner, keys, custom)
        case inspect.UnionType(types=types):
            # The only unions of a configuration are "this or nothing".
            if value is not None:
                one = next(t for t in types if not isinstance(t, inspect.NoneType))
                yield from _check(value, one, keys, custom)
        case inspect.StructType(fields=fields):
            yield from _check_struct(value, fields, keys, custom)
        case inspect.DictType(key_type=key_type, value_type=value_type):
            if not isinstance(value, dict):
                yield keys, f"expected keys and values, got {_shown(value)}"
                return
            for key, item in value.items():
                for _, says in _check(key, key_type, (), custom):
                    yield (*keys, key), f"is not known here: {says}"
                yield from _check(item, value_type, (*keys, key), custom)
        case inspect.ListType(item_type=item_type) | inspect.VarTupleType(item_type=item_type):
            if not isinstance(value, list):
                yield keys, f"expected a list, got {_shown(value)}; write [a, b]"
                return
            for at, item in enumerate(value):
                yield from _check(item, item_type, (*keys, at), custom)
        case inspect.CustomType(cls=cls):
            if (wrong := custom(cls, value, keys)) is not None:
                yield keys, wrong
        case _:
            if (wrong := _check_scalar(value, kind)) is not None:
                yield keys, wrong


def _check_struct(
    value: object, fields: tuple[inspect.Field, ...], keys: Keys, custom: Custom
) -> Iterator[tuple[Keys, str]]:
    if not isinstance(value, dict):
        yield keys, f"expected keys and values, got {_shown(value)}"
        return
    known = {field.encode_name: field for field in fields}
    for key, item in value.items():
        if key in known:
            yield from _check(item, known[key].type, (*keys, key), custom)
        else:
            yield (*keys, key), f"unknown key; {nearest(key, known)}"
    for name, field in known.items():
        if field.required and name not in value:
            yield (*keys, name), "is missing"


def _check_scalar(value: object, kind: inspect.Type) -> str | None:
    match kind:
        case inspect.StrType():
            if not isinstance(value, str):
                return f"expected text, got {_shown(value)}; write it in quotes"
        case inspect.BoolType():
            if not isinstance(value, bool):
                return f"expected true or false, got {_shown(value)}"
        case inspect.IntType(ge=least, le=most):
            if isinstance(value, bool) or not isinstance(value, int):
                return f"expected a whole number, got {_shown(value)}"
            if (least is not None and value < least) or (most is not None and value > most):
                return f"{value} is out of range; it must be {_range(least, most)}"
        case inspect.LiteralType(values=values):
            if value not in values:
                choices = [str(one) for one in values]
                hint = nearest(value, choices) if isinstance(value, str) else ", ".join(choices)
                return f"{_shown(value)} is not one of the choices; {hint}"
        case _:
            raise TypeError(f"no check for {kind!r}: extend carewatch.shape")
    return None


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"{least} or more"
    return f"{most} or less" if least is None else f"{least} to {most}"


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value)
        case int():
            return f"the number {value}"
        case list():
            return "a list"
        case _:
            return "keys and values"
