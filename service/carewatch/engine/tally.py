"""The driver's own part of a marker: what a restart must not forget besides the stage's state.

It travels in a header of the marker's record, so that the stage's marker stays its own: how many
of the last records could not be understood, and how many results each partition was sent.
"""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from carewatch.domain.errors import InvalidRecord, Refused
from carewatch.processors.base import Record
from carewatch.wire.rows import seal, unseal
from carewatch.wire.unreadable import UNREADABLE

WINDOW: Final = 1_000
MOST_IN_WINDOW: Final = 50
"""Above this many dead letters among the last WINDOW records the partition stops; 5 %."""

MOST_IN_A_ROW: Final = 100
"""This many dead letters in a row stop the partition, also before WINDOW records came."""

HEADER: Final = "driver"


class TooManyDead(Refused):
    """A partition that stopped rather than turn all its records into dead letters."""


class Tally(msgspec.Struct, array_like=True):
    """How many of a partition's last records could not be understood (limits of dead letters).

    Ticks and other control records are left out, and so is what stands below `allowed_until`: an
    operator has looked at it. `dead` are running numbers among the `judged` records.
    """

    judged: int = 0
    dead: list[int] = []
    over: str = ""
    allowed_until: int = 0

    def count(
        self,
        records: Sequence[Record],
        dead: Sequence[int],
        is_control: Callable[[bytes | None], bool],
    ) -> None:
        """Takes records that were folded, in order; `dead` are the offsets of the dead letters.

        Once a limit was passed `over` says which, until `allow`.
        """
        letters = frozenset(dead)
        for record in records:
            if record.offset < self.allowed_until:
                continue
            if record.offset in letters:
                self.dead.append(self.judged)
                self.judged += 1
                self._judge()
            elif not is_control(record.key):
                self.judged += 1

    @property
    def room(self) -> int:
        """So many records can be folded before anything but the last of them passes a limit."""
        self._leave_out(self.judged - WINDOW)
        in_a_row = 0
        for number in reversed(self.dead):
            if number != self.judged - 1 - in_a_row:
                break
            in_a_row += 1
        in_window = max(MOST_IN_WINDOW + 1 - len(self.dead), WINDOW - self.judged)
        return max(1, min(MOST_IN_A_ROW - in_a_row, in_window))

    def allow(self, until: int) -> None:
        """Begins anew: what stands below the offset `until` is not counted."""
        self.judged, self.dead, self.over = 0, [], ""
        self.allowed_until = until

    def _judge(self) -> None:
        self._leave_out(self.judged - WINDOW)
        if self.over:
            return
        if len(self.dead) >= MOST_IN_A_ROW and self.dead[-MOST_IN_A_ROW] == (
            self.judged - MOST_IN_A_ROW
        ):
            self.over = f"{MOST_IN_A_ROW} records in a row could not be understood"
        elif self.judged >= WINDOW and len(self.dead) > MOST_IN_WINDOW:
            self.over = f"{len(self.dead)} of the last {WINDOW} records could not be understood"

    def _leave_out(self, first: int) -> None:
        gone = bisect_left(self.dead, first)
        del self.dead[:gone]


class Driven(msgspec.Struct, array_like=True):
    """What the driver keeps with every marker.

    `sent` counts results by topic and partition: the running number in the header `sequence` of
    each, by which any reader sees a gap or a repetition. `read_offset` and `read_sum` are a record
    of the source, by which one that was created anew is told from the one that was read.
    """

    tally: Tally = msgspec.field(default_factory=Tally)
    sent: dict[str, dict[int, int]] = {}
    read_offset: int | None = None
    read_sum: int = 0

    def note_read(self, record: Record) -> None:
        """Remembers a record of the source, to know it by: offsets alone look alike."""
        self.read_offset, self.read_sum = record.offset, _sum(record)

    def knows(self, record: Record | None) -> bool:
        """Whether this is the record that was read at `read_offset`."""
        return (
            record is not None
            and record.offset == self.read_offset
            and _sum(record) == self.read_sum
        )

    def number(self, topic: str, partition: int) -> int:
        """The running number of the next result that goes there, from 0 on."""
        numbers = self.sent.setdefault(topic, {})
        number = numbers.get(partition, 0)
        numbers[partition] = number + 1
        return number


def _sum(record: Record) -> int:
    return zlib.crc32(record.value or b"", zlib.crc32(record.key or b""))


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Driven)


def driven_header(driven: Driven) -> tuple[str, bytes]:
    """The header of the marker's record."""
    return HEADER, seal(_encoder.encode(driven))


def read_driven(headers: Sequence[tuple[str, bytes]]) -> Driven:
    """What the headers of a marker's record hold; nothing yet when it has none.

    Raises InvalidRecord for one that cannot be trusted.
    """
    kept = dict(headers).get(HEADER)
    if kept is None:
        return Driven()
    try:
        return _decoder.decode(unseal(kept))
    except UNREADABLE as error:
        raise InvalidRecord("row_version", "the driver's part of the marker") from error
