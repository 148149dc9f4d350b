"""A small processor for tests of the engine: counts records by key, and says so.

Every record becomes one output `<key>:<how many of this key so far>` in the partition of its
source, so that a loss, a repeat or a wrong restore shows in the values.
"""

import json
import time
from collections.abc import Iterable, Sequence

from carewatch.domain.errors import Refused
from carewatch.processors.base import Flush, Output, PartitionContext, Processor, Record, Row
from carewatch.wire.dead import dead_headers
from carewatch.wire.rows import seal, unseal


class Counting:
    """Key -> how often it was seen."""

    def __init__(self, context: PartitionContext, results: str) -> None:
        self.counts: dict[bytes, int] = {}
        self._partition = context.partition
        self._results = results
        self._dirty: set[bytes] = set()
        self._outputs: list[Output] = []
        self._next = 0
        self._handed: int | None = None

    def restore(self, rows: Iterable[Row], marker: bytes | None) -> int:
        """Rows are decimal numbers; the marker is JSON."""
        for row in rows:
            if row.value is None:
                raise Refused(f"row {row.key!r} is a tombstone")
            self.counts[row.key] = int(unseal(row.value))
        if marker is not None:
            self._next = int(json.loads(unseal(marker))["next_offset"])
            self._handed = self._next
        return self._next

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        """A record with the value `bug` stands for a defect of a processor.

        One with the value `dead` cannot be understood, and at one with `hang` it is stuck.
        """
        dead: list[int] = []
        for record in records:
            if record.offset < self._next:
                continue
            self._next = record.offset + 1
            if record.value == b"bug":
                raise ZeroDivisionError("a defect")
            if record.value == b"hang":
                time.sleep(3600)
            if record.value == b"quiet":
                continue
            if record.value == b"dead":
                dead.append(record.offset)
                headers = dead_headers(
                    reason="schema", stage="counting", kind="record", code_version="0"
                )
                output = Output(
                    self._results, self._partition, b"dead", b"dead", record.offset, headers
                )
                self._outputs.append(output)
                continue
            key = record.key or b""
            self.counts[key] = self.counts.get(key, 0) + 1
            self._dirty.add(key)
            value = key + b":" + str(self.counts[key]).encode()
            self._outputs.append(Output(self._results, self._partition, key, value, record.offset))
        return dead

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
        """Rows of what changed, the outputs, the marker."""
        if self._handed == self._next:
            return None
        rows = [Row(key, seal(str(self.counts[key]).encode())) for key in sorted(self._dirty)]
        outputs, self._outputs = self._outputs, []
        self._dirty.clear()
        self._handed = self._next
        marker = seal(json.dumps({"next_offset": self._next}).encode())
        return Flush(next_offset=self._next, rows=rows, marker=marker, outputs=outputs)

    @property
    def next_offset(self) -> int:
        """The offset after the last record counted."""
        return self._next


def counting_processor(name: str, *, reads: str, results: str) -> Processor:
    """Its changelog is `care.state.<name>`, its group `carewatch-<name>`."""
    return Processor(
        name=name,
        reads=reads,
        writes=(results,),
        build=lambda context: Counting(context, results),
    )
