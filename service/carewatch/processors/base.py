"""What a processor is: framework-free stream logic, declared as data, driven from outside.

Two drivers run the same processors: the engine, on Kafka, exactly once; and replay, on lists.
A processor owns the state of ONE source partition. It never sends, logs, or reads a clock: it is
told what was read and hands over what must be written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One record as it was read from the source partition."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Output(NamedTuple):
    """One record to write. A `value` of None is a tombstone.

    `position` is the source offset that caused it; the driver adds it as a header
    (`position: <source partition>:<offset>`), so that the value stays free of it.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    position: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Row(NamedTuple):
    """One changelog row; a `value` of None deletes the key."""

    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush:
    """What must become durable together: all of it or nothing.

    `rows` never contain the marker: the driver writes `marker` under `wire.rows.MARKER_KEY`, last.
    `next_offset` is the source offset the marker stands for. `held` tells people how many entries
    of each kind the state has now; nothing follows from it.
    """

    next_offset: int
    rows: Sequence[Row]
    marker: bytes
    outputs: Sequence[Output]
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionContext:
    """Where a processor works: its source partition and how many partitions each topic has.

    `in_slices`: the driver has other things to do meanwhile, and `on_records` is to come back from
    a record that changes all of the state before it is through with it.
    """

    partition: int
    partitions: Mapping[str, int] = field(default_factory=dict)
    in_slices: bool = False


class Stage(Protocol):
    """A built processor: the live state of one source partition."""

    def restore(self, rows: Iterable[Row], marker: bytes | None) -> int:
        """Takes the newest row of every key; returns the next source offset (0 without marker).

        Raises Refused when a row or the marker cannot be trusted.
        """

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        """Folds records in order. Offsets below the next one are ignored, gaps are legal.

        A driver `in_slices` looks at `next_offset` afterwards: records from there on were not
        folded, or not to the end, and are to be handed over again. Slices change no byte of the
        outputs.

        Never raises for what a record contains: that becomes a dead letter among the outputs.
        Returns the offsets of those that did.
        """

    def flush(self) -> Flush | None:
        """Hands over what changed since the last call, None when no record came since.

        None also while a record is folded half, in slices: all of it becomes durable or nothing.
        Only hands over: flush boundaries change no byte of the outputs. The first call after a
        restore without a marker hands over at least the marker, records or not: the driver makes
        it durable before it reads anything, so that a lost changelog can be told from a new one.
        """

    @property
    def next_offset(self) -> int:
        """The offset after the last record folded."""

    @property
    def next_due(self) -> int | None:
        """The clock (ms) from which a tick says more than the time; None: none will.

        A tick before it would only move the clock: a driver that makes its own ticks may leave
        it out.
        """

    def due_before(self, clock: int) -> int | None:
        """The soonest instant (ms) below `clock` at which something becomes true by itself, if any.

        A deadline is one: the ticker makes a tick for it, not to wait for the next whole second.
        """

    @property
    def told_until(self) -> int:
        """The clock (ms) up to which everything was told. When it moves on, readers wait for it."""

    @property
    def notice(self) -> str | None:
        """What people should know although the partition is worked on; None: nothing."""


def is_keyless(key: bytes | None) -> bool:
    """Control records of `care.events` have no key; everything else is keyed by conversation."""
    return key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A processor as data. Topics flow downhill: `writes` lie below `reads` in the catalogue.

    Two records flow upstream, each into the topic that its writer reads: what a merged conversation
    hands over to its parent (E14), and the contacts of a customer who is linked to another (E23).

    `is_control` tells by its key whether a record of the source is a clock or the like: those are
    left out where the share of dead letters is judged.
    """

    name: str
    reads: str
    writes: tuple[str, ...]
    build: Callable[[PartitionContext], Stage]
    is_control: Callable[[bytes | None], bool] = is_keyless

    @property
    def changelog(self) -> str:
        """The compacted topic of this processor's rows, partition by source partition."""
        return f"care.state.{self.name}"

    @property
    def group(self) -> str:
        """The consumer group whose membership says who works (safety never depends on it)."""
        return f"carewatch-{self.name}"
