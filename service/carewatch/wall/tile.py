"""A tile of the wall and a row of its lists, and how the page is told of them.

Values stay integers with a unit: the page writes numbers, times and percentages in the viewer's
language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from carewatch.domain.times import format_time
from carewatch.wall.promised import Limits, State
from carewatch.wall.trends import Trend

Unit = Literal["count", "ms", "permille", "times", "name"]
"""`times` are thousandths of a factor; `name` is text that is shown as it is."""

WORDS: Final[dict[State, str]] = {
    "ok": "OK",
    "risk": "At risk",
    "breach": "Breach",
    "none": "No data",
    "plain": "",
}
"""Colour and shape are never alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a value is measured by: a time at most (`ms`), or a share at least (`permille`)."""

    unit: Unit
    least: int
    most: int
    business: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure. `value` None is no data, or `few`: samples there are, and are needed.

    `since` is an instant that the value is counted from, so that the page can go on counting.
    `of` are part and whole of a share; `samples` stand behind a percentile. `as_of`: what happened
    later is not in the value. `note` says what is worth knowing beside it.
    """

    id: str
    label: str
    unit: Unit
    value: int | str | None
    state: State
    as_of: int | None
    goal: Goal | None = None
    since: int | None = None
    few: tuple[int, int] | None = None
    of: tuple[int, int] | None = None
    samples: int | None = None
    note: str | None = None
    trend: Trend | None = None

    def message(self) -> dict[str, object]:
        """Plain JSON values; instants as RFC 3339 text."""
        return {
            "id": self.id,
            "label": self.label,
            "unit": self.unit,
            "value": self.value,
            "state": self.state,
            "word": "Too few" if self.few else WORDS[self.state],
            "as_of": _text(self.as_of),
            "goal": None
            if self.goal is None
            else {
                "unit": self.goal.unit,
                "least": self.goal.least,
                "most": self.goal.most,
                "business": self.goal.business,
            },
            "since": _text(self.since),
            "few": None if self.few is None else {"n": self.few[0], "needed": self.few[1]},
            "of": None if self.of is None else {"n": self.of[0], "d": self.of[1]},
            "samples": self.samples,
            "note": self.note,
            "trend": None
            if self.trend is None
            else {
                "step_ms": self.trend.step_ms,
                "until": _text(self.trend.until),
                "values": list(self.trend.values),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of a row; `few` are the samples of a percentile that has too few.

    `note` says more of the first cell.
    """

    unit: Unit
    value: int | str | None
    state: State = "plain"
    few: int | None = None
    note: str | None = None

    def message(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "unit": self.unit,
            "value": self.value,
            "state": self.state,
            "word": WORDS[self.state],
            "few": self.few,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of figures under a title; the first cell of each says whose they are."""

    id: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str

    def message(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "kind": "table",
            "id": self.id,
            "title": self.title,
            "columns": list(self.columns),
            "rows": [[cell.message() for cell in row] for row in self.rows],
            "empty": self.empty,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A promise that is due, by ids alone."""

    due_at: int
    conversation: str
    policy: str
    target: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The promises that are due next, soonest first; `more` are not listed."""

    id: str
    title: str
    rows: Sequence[Due]
    more: int
    empty: str

    def message(self) -> dict[str, object]:
        """Plain JSON values; instants as RFC 3339 text."""
        return {
            "kind": "due",
            "id": self.id,
            "title": self.title,
            "rows": [
                {
                    "due_at": _text(row.due_at),
                    "conversation": row.conversation,
                    "policy": row.policy,
                    "target": row.target,
                    "state": row.state,
                    "word": WORDS[row.state],
                }
                for row in self.rows
            ],
            "more": self.more,
            "empty": self.empty,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What a view shows: a handful of tiles, and lists beside them."""

    tiles: Sequence[Tile]
    panels: Sequence[Table | Queue] = ()


def time_goal(limits: Limits | None) -> Goal | None:
    """A promise as the goal of a tile."""
    if limits is None:
        return None
    return Goal(unit="ms", least=limits.least_ms, most=limits.most_ms, business=limits.business)


def _text(at: int | None) -> str | None:
    return None if at is None else format_time(at)
