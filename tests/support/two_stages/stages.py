"""The two stages that the simulation runs on the real engine.

`tally` counts per conversation what depends on order, absorbs repeats by their ids (kept in
buckets of the log's clock), and finds overdue answers at ticks. At every tick it publishes a
snapshot of each changed group, a partial, and its clock. `merge` keeps the newest partial of every
source partition and publishes a group's sum when the slowest clock has moved.

Both are folds of their source partition and nothing else. Three switches break that on purpose.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import orjson

from carewatch.processors.base import Flush, Output, PartitionContext, Processor, Record, Row, Stage

SOURCE = "sim.events"
FACTS = "sim.facts"
PARTIALS = "sim.partials"
POINTS = "sim.points"

DUE_MS = 900
BUCKET_MS = 1_000
BUCKETS = 4
"""Ids are kept for the current bucket and this many before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Which rule of the fold is switched off."""

    identity: bool = False
    """Repeated event ids are counted again."""
    order: bool = False
    """What is due at a tick fires in the order of a dict, not of deadline and key."""
    clock: Callable[[], int] | None = None
    """Deadlines are judged by this clock instead of the log's."""
    last_arrival: bool = False
    """The partial that came last wins, whatever its position."""


RIGHT = Broken()


def encode(value: Any) -> bytes:
    """Canonical JSON: equal values have equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def event(key: str, ident: str, at: int, amount: int) -> tuple[bytes, bytes]:
    """(key, value) of an event."""
    return key.encode(), encode({"id": ident, "at": at, "amount": amount})


def tick(at: int) -> tuple[bytes, bytes]:
    """(key, value) of a tick."""
    return b"", encode({"tick": at})


def group_of(key: str) -> str:
    """The group whose sums a conversation counts in."""
    return key[0]


def partition_of(group: str, count: int) -> int:
    """All partials of a group meet in one partition."""
    return crc32(group.encode()) % count


@dataclass(slots=True)
class Pending:
    """What a stage has produced since its last flush."""

    rows: dict[str, bool] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    moved: bool = False


class Tally:
    """The first stage: conversations of one partition."""

    def __init__(self, context: PartitionContext, broken: Broken) -> None:
        self.context = context
        self.broken = broken
        self.clock = 0
        self.rows: dict[str, dict[str, Any]] = {}
        self.dirty_groups: dict[str, bool] = {}
        self.pending = Pending()
        self.next = 0

    @property
    def next_offset(self) -> int:
        return self.next

    def restore(self, rows: Iterable[Row], marker: bytes | None) -> int:
        for row in rows:
            if row.value is not None:
                self.rows[row.key.decode()] = orjson.loads(row.value)
        if marker is None:
            self.pending.moved = True
        else:
            said = orjson.loads(marker)
            self.next, self.clock = said["next"], said["clock"]
            self.dirty_groups = dict.fromkeys(said["dirty"], True)
        return self.next

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        for record in records:
            if record.offset < self.next:
                continue
            said = orjson.loads(record.value or b"{}")
            if "tick" in said:
                self._on_tick(said["tick"], record.offset)
            else:
                self._on_event((record.key or b"").decode(), said, record.offset)
            self.next = record.offset + 1
            self.pending.moved = True
        return ()

    @property
    def next_due(self) -> None:
        """Nothing: ticks are counted like any record."""

    def due_before(self, _clock: int) -> None:
        """Nothing is ever due."""

    @property
    def told_until(self) -> int:
        """Nothing is told by the clock."""
        return 0

    @property
    def notice(self) -> None:
        """Nothing to tell."""

    def flush(self) -> Flush | None:
        if not self.pending.moved:
            return None
        pending, self.pending = self.pending, Pending()
        return Flush(
            next_offset=self.next,
            rows=[Row(name.encode(), encode(self.rows[name])) for name in pending.rows],
            marker=encode(
                {"next": self.next, "clock": self.clock, "dirty": sorted(self.dirty_groups)}
            ),
            outputs=pending.outputs,
        )

    def _on_event(self, key: str, said: dict[str, Any], offset: int) -> None:
        self.clock = max(self.clock, said["at"])
        row = self._row("k:" + key, {"seq": 0, "score": 0, "since": None, "late": 0, "ids": {}})
        sums = self._sums(group_of(key))
        bucket = self.clock // BUCKET_MS
        ids = {name: kept for name, kept in row["ids"].items() if int(name) >= bucket - BUCKETS}
        row["ids"] = ids
        if any(said["id"] in kept for kept in ids.values()) and not self.broken.identity:
            sums["repeats"] += 1
            return
        ids.setdefault(str(bucket), []).append(said["id"])
        row["seq"] += 1
        row["score"] = (row["score"] * 3 + said["amount"]) % 1_000_003
        sums["amount"] += said["amount"]
        if row["since"] is None:
            row["since"], row["late"] = said["at"], 0
            return
        took = max(0, said["at"] - row["since"])
        row["since"] = None
        sums["answers"] += 1
        sums["took"] += took
        self._fact(key, offset, {"id": f"{key}/{said['id']}", "took": took, "score": row["score"]})

    def _on_tick(self, at: int, offset: int) -> None:
        self.clock = max(self.clock, at)
        now = self.broken.clock() if self.broken.clock else self.clock
        due = [
            (row["since"] + DUE_MS, name[2:])
            for name, row in self.rows.items()
            if name.startswith("k:") and row["since"] is not None and not row["late"]
            if row["since"] + DUE_MS <= now
        ]
        for ordinal, (deadline, key) in enumerate(due if self.broken.order else sorted(due)):
            self._row("k:" + key, {})["late"] = 1
            self._sums(group_of(key))["late"] += 1
            self._fact(key, offset, {"id": f"{key}/{deadline}", "ordinal": ordinal})
        count = self.context.partitions[PARTIALS]
        source = self.context.partition
        for group in sorted(self.dirty_groups):
            self._partial(
                partition_of(group, count), f"{group}/{source}", self.rows["g:" + group], offset
            )
        self.dirty_groups.clear()
        for partition in range(count):
            self._partial(partition, f"clock/{source}", {"clock": self.clock}, offset)

    def _row(self, name: str, fresh: dict[str, Any]) -> dict[str, Any]:
        self.pending.rows[name] = True
        return self.rows.setdefault(name, fresh)

    def _sums(self, group: str) -> dict[str, Any]:
        self.dirty_groups[group] = True
        return self._row(
            "g:" + group, {"answers": 0, "took": 0, "late": 0, "amount": 0, "repeats": 0}
        )

    def _fact(self, key: str, offset: int, value: dict[str, Any]) -> None:
        self.pending.outputs.append(
            Output(FACTS, self.context.partition, key.encode(), encode(value), offset)
        )

    def _partial(self, partition: int, key: str, value: dict[str, Any], offset: int) -> None:
        self.pending.outputs.append(
            Output(PARTIALS, partition, key.encode(), encode(value), offset)
        )


class Merge:
    """The second stage: the newest partial of each source, added up by group."""

    def __init__(self, context: PartitionContext, broken: Broken) -> None:
        self.context = context
        self.broken = broken
        self.rows: dict[str, dict[str, Any]] = {}
        self.watermark = -1
        self.changed: dict[str, bool] = {}
        self.pending = Pending()
        self.next = 0

    @property
    def next_offset(self) -> int:
        return self.next

    def restore(self, rows: Iterable[Row], marker: bytes | None) -> int:
        for row in rows:
            if row.value is not None:
                self.rows[row.key.decode()] = orjson.loads(row.value)
        if marker is None:
            self.pending.moved = True
        else:
            said = orjson.loads(marker)
            self.next, self.watermark = said["next"], said["watermark"]
            self.changed = dict.fromkeys(said["changed"], True)
        return self.next

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        for record in records:
            if record.offset < self.next:
                continue
            self._on_partial(record)
            self.next = record.offset + 1
            self.pending.moved = True
        return ()

    @property
    def next_due(self) -> None:
        """Nothing: ticks are counted like any record."""

    def due_before(self, _clock: int) -> None:
        """Nothing is ever due."""

    @property
    def told_until(self) -> int:
        """Nothing is told by the clock."""
        return 0

    @property
    def notice(self) -> None:
        """Nothing to tell."""

    def flush(self) -> Flush | None:
        if not self.pending.moved:
            return None
        pending, self.pending = self.pending, Pending()
        return Flush(
            next_offset=self.next,
            rows=[Row(name.encode(), encode(self.rows[name])) for name in pending.rows],
            marker=encode(
                {"next": self.next, "watermark": self.watermark, "changed": sorted(self.changed)}
            ),
            outputs=pending.outputs,
        )

    def _on_partial(self, record: Record) -> None:
        name = (record.key or b"").decode()
        kind, _source = name.split("/")
        position = int(dict(record.headers)["position"].split(b":")[1])
        known = self.rows.get(name)
        if known is not None and position <= known["position"] and not self.broken.last_arrival:
            return
        said = orjson.loads(record.value or b"{}")
        self.rows[name] = {"position": position, "value": said}
        self.pending.rows[name] = True
        if kind != "clock":
            self.changed[kind] = True
            return
        clocks = [self.rows.get(f"clock/{n}") for n in range(self.context.partitions[SOURCE])]
        if any(clock is None for clock in clocks):
            return
        watermark = min(clock["value"]["clock"] for clock in clocks if clock is not None)
        if watermark > self.watermark:
            self.watermark = watermark
            for group in sorted(self.changed):
                self._publish(group, record.offset)
            self.changed.clear()

    def _publish(self, group: str, offset: int) -> None:
        parts = [self.rows.get(f"{group}/{n}") for n in range(self.context.partitions[SOURCE])]
        known = [part["value"] for part in parts if part is not None]
        sums = {field: sum(part[field] for part in known) for field in known[0]}
        row = self.rows.setdefault("p:" + group, {"revision": 0})
        row["revision"] += 1
        self.pending.rows["p:" + group] = True
        self.pending.outputs.append(
            Output(
                POINTS,
                self.context.partition,
                group.encode(),
                encode({**sums, "revision": row["revision"], "watermark": self.watermark}),
                offset,
            )
        )


def processors(broken: Broken = RIGHT) -> tuple[Processor, Processor]:
    """The pipeline, upstream first."""

    def tally(context: PartitionContext) -> Stage:
        return Tally(context, broken)

    def merge(context: PartitionContext) -> Stage:
        return Merge(context, broken)

    return (
        Processor(name="tally", reads=SOURCE, writes=(FACTS, PARTIALS), build=tally),
        Processor(name="merge", reads=PARTIALS, writes=(POINTS,), build=merge),
    )
