"""`CAREWATCH_*` variables: one for every plain setting, named by its section and key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from carewatch.shape import nearest, problems
from carewatch.yamlfile import Keys, Mistake

PREFIX = "CAREWATCH_"

_PLAIN = (inspect.StrType, inspect.IntType, inspect.BoolType, inspect.LiteralType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting as a variable."""

    name: str
    keys: Keys
    kind: inspect.Type
    default: object
    says: str


def list_variables(kind: type[msgspec.Struct]) -> dict[str, Variable]:
    """Every setting that is a text, a choice, a number or yes/no, by the name of its variable."""
    return {one.name: one for one in _walk(inspect.type_info(kind), ())}


def _walk(kind: inspect.Type, keys: Keys) -> list[Variable]:
    if not isinstance(kind, inspect.StructType):
        return []
    found: list[Variable] = []
    for field in kind.fields:
        at = (*keys, field.encode_name)
        plain, says = _plain(field.type)
        if isinstance(plain, inspect.StructType):
            found.extend(_walk(plain, at))
        elif isinstance(plain, _PLAIN) and says:
            name = PREFIX + "_".join(str(key) for key in at).upper()
            found.append(Variable(name=name, keys=at, kind=plain, default=field.default, says=says))
    return found


def _plain(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """A type without "or nothing", and the description it carries."""
    says = ""
    while True:
        if isinstance(kind, inspect.Metadata):
            says = says or str((kind.extra_json_schema or {}).get("description", ""))
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
        else:
            return kind, says


def apply_overrides(
    tree: dict[str, object],
    environ: Mapping[str, str],
    kind: type[msgspec.Struct],
    mistakes: list[Mistake],
) -> dict[str, object]:
    """`tree` with the variables laid over it.

    A variable that begins like a section and is none of its settings is refused: it is misspelt,
    or Kubernetes made it for a Service called carewatch-gateway.
    """
    variables = list_variables(kind)
    sections = {str(one.keys[0]).upper() for one in variables.values() if len(one.keys) > 1}
    result = dict(tree)
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        variable = variables.get(name)
        if variable is None:
            if name.removeprefix(PREFIX).partition("_")[0] in sections:
                says = (
                    f"unknown setting; {nearest(name, variables)} (in Kubernetes set "
                    "enableServiceLinks: false, which makes such variables for its Services)"
                )
                mistakes.append(Mistake("environment", 0, name, says))
            continue
        value = _parse(environ[name], variable.kind)
        wrong = [says for _, says in problems(value, variable.kind)]
        mistakes.extend(Mistake("environment", 0, name, says) for says in wrong)
        if not wrong:
            _lay(result, variable.keys, value)
    return result


def _parse(text: str, kind: inspect.Type) -> object:
    """A number or yes/no if the setting is one and the text reads so; else the text as it is."""
    if isinstance(kind, inspect.BoolType):
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if isinstance(kind, inspect.IntType) and text.removeprefix("-").isascii():
        digits = text.removeprefix("-")
        return int(text) if digits.isdigit() and len(digits) < 18 else text
    return text


def _lay(tree: dict[str, Any], keys: Keys, value: object) -> None:
    """Sets one value; sections are copied, and one that is no mapping is left to the check."""
    *path, last = (str(key) for key in keys)
    at = tree
    for key in path:
        section = at.get(key, {})
        if not isinstance(section, dict):
            return
        at[key] = dict(section)
        at = at[key]
    at[last] = value
