"""YAML 1.2 files that remember the line of every key, so that a mistake can name its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Keys = tuple[str | int, ...]
"""Where a value stands: the keys and list positions on the way to it."""

_TAG: Final = "tag:yaml.org,2002:"
_INTEGER: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that a person has to change; `says` holds what is wrong and the remedy."""

    file: str
    line: int
    key: str
    says: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.says}" if self.key else f"{place}: {self.says}"


def show_keys(keys: Keys) -> str:
    """`targets.first_reply.all` or `at_risk[1].before`."""
    return "".join(
        f"[{key}]" if isinstance(key, int) else f".{key}" if at else key
        for at, key in enumerate(keys)
    )


@dataclass(frozen=True, slots=True)
class YamlFile:
    """One file: its values as plain Python objects, and the line of each of them."""

    name: str
    value: dict[str, object]
    lines: dict[Keys, int] = field(default_factory=dict)

    def mistake(self, keys: Keys, says: str) -> Mistake:
        """A mistake at `keys`; a missing key is reported on the line of what should hold it."""
        known = next(keys[:n] for n in range(len(keys), -1, -1) if n == 0 or keys[:n] in self.lines)
        return Mistake(self.name, self.lines.get(known, 1), show_keys(keys), says)


def read_yaml(path: Path, mistakes: list[Mistake]) -> YamlFile | None:
    """The file, or None with every reason added to `mistakes`.

    The core schema of YAML 1.2 in a narrow reading: `no` and `2026-12-24` are text, `09:30` is no
    number. Refused because they hide mistakes: a key given twice, tags, a file of several
    documents, an anchor that contains itself.
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        mistakes.append(Mistake(name, 0, "", "there is no such file"))
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        mistakes.append(Mistake(name, 0, "", f"cannot be read: {reason}"))
        return None
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        mistakes.append(Mistake(name, line, "", f"is not YAML: {error.problem or error.context}"))
        return None
    except YAMLError:
        mistakes.append(Mistake(name, 0, "", "is not YAML: it holds a character YAML forbids"))
        return None
    reader = _Reader(name)
    value = reader.read(root, ()) if root is not None else {}
    if not isinstance(value, dict):
        reader.mistakes.append(Mistake(name, 1, "", "must hold keys and values at its top"))
    if reader.mistakes:
        mistakes.extend(reader.mistakes)
        return None
    assert isinstance(value, dict)  # noqa: S101 - the lines above returned otherwise
    return YamlFile(name, value, reader.lines)


class _Reader:
    """Turns the nodes of one file into plain values and notes their lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Keys, int] = {}
        self.mistakes: list[Mistake] = []
        self._open: list[int] = []

    def read(self, node: Node, keys: Keys) -> object:
        self.lines.setdefault(keys, node.start_mark.line + 1)
        if id(node) in self._open:
            self._refuse(node, keys, "this anchor contains itself; write the values out")
            return None
        self._open.append(id(node))
        try:
            match node:
                case MappingNode():
                    return {
                        key: self.read(value, (*keys, key))
                        for key, value in self._pairs(node, keys)
                    }
                case SequenceNode():
                    return [self.read(item, (*keys, at)) for at, item in enumerate(node.value)]
                case _:
                    return self._scalar(node, keys)
        finally:
            self._open.pop()

    def _pairs(self, node: MappingNode, keys: Keys) -> Iterator[tuple[str, Node]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self.mistakes.append(Mistake(self.name, line, "", "a key must be plain text"))
                continue
            key = str(key_node.value)
            if key in seen:
                says = f"is given twice, first on line {seen[key]}; keep one"
                self.mistakes.append(Mistake(self.name, line, key, says))
                continue
            seen[key] = self.lines[*keys, key] = line
            yield key, value_node

    def _scalar(self, node: Node, keys: Keys) -> object:
        text = str(node.value)
        match str(node.tag).removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" if _INTEGER.fullmatch(text):
                return int(text)
            case "str" | "timestamp" | "int" | "float":
                # Fractions, hexadecimal and the like stay text: nothing here takes them, and the
                # check of the type then says so with the text as it was written.
                return text
            case _:
                self._refuse(node, keys, "tags are not used here; remove it")
                return None

    def _refuse(self, node: Node, keys: Keys, says: str) -> None:
        line = node.start_mark.line + 1
        self.mistakes.append(Mistake(self.name, line, show_keys(keys), says))
