"""Published totals beside what the simulator says they must be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Document = Mapping[str, Any]

SERIES_LABELS: Final = ("tenant", "channel", "queue", "priority")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One number: queues and priorities are added up."""

    tenant: str
    channel: str
    metric: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        labels = " ".join(value for _, value in self.labels)
        return f"{self.metric} {labels}".strip()


@dataclass(frozen=True, slots=True)
class Amount:
    """How many, and for durations their sum in milliseconds."""

    count: int = 0
    sum_ms: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.count + other.count, self.sum_ms + other.sum_ms)

    def __str__(self) -> str:
        return f"{self.count} ({self.sum_ms} ms)" if self.sum_ms else f"{self.count}"


NOTHING: Final = Amount()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison. `most` is above `expected` where repetitions may count, and None
    where nobody knows how many."""

    key: Key
    expected: Amount
    published: Amount
    most: int | None

    @property
    def equal(self) -> bool:
        return (
            self.expected.count <= self.published.count
            and (self.most is None or self.published.count <= self.most)
            and self.expected.sum_ms == self.published.sum_ms
        )


def compare(manifest: Document, board: Document, *, spooled: bool = False) -> list[Line]:
    """Every series that the manifest states, or that was published and it does not state.

    `manifest` is the simulator's, `board` the document of /api/v1/board. Net totals are compared.
    `spooled`: the gateway may have used its spool. That feeds an event again which Kafka had stored
    without being heard; it then counts as a duplicate, and as nothing else.
    """
    expected = _expected(manifest)
    published = _published(board, manifest)
    lines = []
    for key in sorted(expected.keys() | published.keys()):
        amount = expected.get(key, NOTHING)
        most: int | None = amount.count
        if key.metric == "duplicate_events":
            most = None if spooled else amount.count + manifest["requests"]["repeated"]
        lines.append(Line(key, amount, published.get(key, NOTHING), most))
    return lines


def _expected(manifest: Document) -> dict[Key, Amount]:
    return {
        Key(
            row["tenant"], row["channel"], row["metric"], tuple(sorted(row["labels"].items()))
        ): Amount(row["count"], row.get("sum_ms", 0))
        for row in manifest["expected"]
    }


def _published(board: Document, manifest: Document) -> dict[Key, Amount]:
    """The totals of the metrics that the manifest speaks of; series at 0 are left out."""
    sums: dict[Key, Amount] = {}
    for series in board["series"]:
        labels = series["labels"]
        total = series.get("total")
        if total is None or series["metric"] not in manifest["stated"]:
            continue
        if labels.get("transition", manifest["transitions"][0]) not in manifest["transitions"]:
            continue
        further = {name: value for name, value in labels.items() if name not in SERIES_LABELS}
        key = Key(
            labels["tenant"], labels["channel"], series["metric"], tuple(sorted(further.items()))
        )
        amount = Amount(total.get("count", total.get("value", 0)), total.get("sum_ms") or 0)
        sums[key] = sums.get(key, NOTHING) + amount
    return {key: amount for key, amount in sums.items() if amount != NOTHING}


def has_passed(board: Document, instant: datetime, *, sources: int, results: int) -> bool:
    """Whether what was recorded up to `instant` is in the totals for certain.

    Every one of `sources` partitions must have sent its heartbeat through all stages, and every
    one of `results` partitions be complete: one that restores its state lags behind the others.
    """
    return all(
        len(clocks) == partitions and min(map(datetime.fromisoformat, clocks)) > instant
        for clocks, partitions in (
            (board.get("heartbeats", {}).values(), sources),
            (board.get("watermarks", {}).values(), results),
        )
    )


def has_spooled(metrics: str) -> bool:
    """Whether the gateway's metrics speak of records that went to its spool."""
    return re.search(r"^care_spool_written_total (?!0(\.0)?$)", metrics, re.MULTILINE) is not None


def all_equal(lines: list[Line]) -> bool:
    """Whether nothing differs; no lines at all are a difference too."""
    return bool(lines) and all(line.equal for line in lines)


def report(lines: list[Line]) -> list[str]:
    """The comparison as a table, and its verdict."""
    table = [("channel", "metric", "expected", "published", "")]
    table += [
        (
            line.key.channel,
            str(line.key).strip(),
            str(line.expected),
            str(line.published),
            "ok" if line.equal else "DIFFERENT",
        )
        for line in lines
    ]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    said = [
        "  ".join(
            (
                row[0].ljust(widths[0]),
                row[1].ljust(widths[1]),
                row[2].rjust(widths[2]),
                row[3].rjust(widths[3]),
                row[4],
            )
        ).rstrip()
        for row in table
    ]
    wrong = sum(not line.equal for line in lines)
    verdict = (
        f"all {len(lines)} published totals are what the simulator says they must be"
        if all_equal(lines)
        else f"{wrong} of {len(lines)} published totals are not what they must be"
    )
    return [*said, "", verdict]
