"""The first stage, what it reads record by record, and the changelog that it leaves."""

from collections.abc import Mapping

from carewatch.processors.base import Output, PartitionContext, Record, Row
from carewatch.processors.track import Track


class TrackLane:
    """One partition: offsets count by themselves, and every record is followed by a flush."""

    def __init__(
        self,
        partition: int,
        counts: Mapping[str, int],
        table: Mapping[bytes, bytes] | None = None,
        marker: bytes | None = None,
    ) -> None:
        self.stage = Track(PartitionContext(partition=partition, partitions=counts))
        self.table: dict[bytes, bytes] = dict(table or {})
        self.marker = marker
        self.held: Mapping[str, int] = {}
        self.stage.restore([Row(*one) for one in self.table.items()], marker)

    def read(self, key: bytes | None, value: bytes | None) -> list[Output]:
        """What is written when this record is folded."""
        self.stage.on_records([Record(self.stage.next_offset, key, value)])
        flushed = self.stage.flush()
        assert flushed is not None
        self.marker, self.held = flushed.marker, flushed.held
        for row in flushed.rows:
            if row.value is None:
                self.table.pop(row.key, None)
            else:
                self.table[row.key] = row.value
        return list(flushed.outputs)
