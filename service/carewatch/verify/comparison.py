"""What must stand against what stands: differences, told without personal data."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Content = dict[str, Any]
What = Literal["missing", "unexpected", "other", "broken"]

PERSONAL = ("customer_key", "agent_key")
"""Keyed hashes of people: named when they differ, never shown."""

ALIKE = ("metric", "transition", "target", "cycle", "to", "reason", "at", "ended_at", "session")
"""Two records that agree in these are taken for one record that says something else."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is missing, not expected, or says something else."""

    topic: str
    key: str
    what: What
    expected: Content | None
    found: Content | None

    def __str__(self) -> str:
        head = f"{self.topic} {self.key}: "
        match self.what:
            case "missing":
                return f"{head}missing {_shown(self.expected)}"
            case "unexpected":
                return f"{head}not expected {_shown(self.found)}"
            case "broken":
                return f"{head}{_shown(self.found)}"
            case "other":
                expected, found = self.expected or {}, self.found or {}
                names = sorted({*expected, *found})
                changed = [name for name in names if expected.get(name) != found.get(name)]
                told = ", ".join(
                    f"{name} is {_value(name, found)}, expected {_value(name, expected)}"
                    for name in changed
                )
                said = {k: v for k, v in expected.items() if k in ALIKE and k not in changed}
                return f"{head}{told} in {_shown(said)}"


@dataclass(slots=True)
class Report:
    """The verdict: what was compared, what was left out and why, and the differences."""

    compared: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def leave_out(self, what: str, count: int) -> None:
        """Says what was not judged; nothing, if that was nothing."""
        if count:
            self.left_out[what] = self.left_out.get(what, 0) + count

    @property
    def same(self) -> bool:
        """Nothing differs."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """The report for programs; people's keys are masked as in the text."""
        told = [asdict(one) for one in self.differences]
        for one in told:
            one["expected"], one["found"] = _masked(one["expected"]), _masked(one["found"])
        return {
            "same": self.same,
            "compared": self.compared,
            "left_out": self.left_out,
            "differences": told,
        }


def compare(
    topic: str, key: str, expected: Iterable[Content], found: Iterable[Content]
) -> list[Difference]:
    """The differences of two multisets of records of one conversation."""
    wanted = Counter(map(_canonical, expected))
    there = Counter(map(_canonical, found))
    missing = [json.loads(text) for text in (wanted - there).elements()]
    extra = [json.loads(text) for text in (there - wanted).elements()]
    differences: list[Difference] = []
    for one in missing:
        twin = next((other for other in extra if _alike(one, other)), None)
        if twin is None:
            differences.append(Difference(topic, key, "missing", one, None))
        else:
            extra.remove(twin)
            differences.append(Difference(topic, key, "other", one, twin))
    return differences + [Difference(topic, key, "unexpected", None, one) for one in extra]


def _canonical(content: Content) -> str:
    return json.dumps(content, sort_keys=True)


def _alike(one: Content, other: Content) -> bool:
    return all(one.get(name) == other.get(name) for name in ALIKE)


def _masked(content: Content | None) -> Content | None:
    if content is None:
        return None
    return {k: "(hidden)" if k in PERSONAL and v is not None else v for k, v in content.items()}


def _value(name: str, content: Content) -> str:
    if name not in content:
        return "not there"
    if name in PERSONAL and content[name] is not None:
        return "(hidden)"
    return json.dumps(content[name])


def _shown(content: Content | None) -> str:
    masked = _masked(content) or {}
    return " ".join(f"{k}={json.dumps(v)}" for k, v in masked.items() if k not in PERSONAL)
