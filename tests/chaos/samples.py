"""What the processes of a soak use, sampled over time, and whether it grows."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median_low
from typing import Final

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much the last quarter may be above the second: a share and a number on top."""

    percent: int
    more: int

    def allows(self, before: int, after: int, excused: int = 0) -> bool:
        """Whether `after` is no growth. `excused` is what there is a good reason for."""
        return after <= before + before * self.percent // 100 + self.more + excused


TOLERATED: Final[Mapping[str, Tolerance]] = {
    "memory_kib": Tolerance(percent=5, more=8 * KIB),
    "files": Tolerance(percent=0, more=6),
    "tasks": Tolerance(percent=0, more=10),
    "threads": Tolerance(percent=0, more=2),
    "series": Tolerance(percent=0, more=10),
    "lag_records": Tolerance(percent=50, more=500),
}

KEPT_BYTES: Final[Mapping[str, int]] = {
    "conversations": 1600,
    "conversations_at_work": 10_000,
    "event_ids": 24,
    "customers": 600,
    "panes": 800,
    "partials": 300,
    "points": 1600,
    "board_points": 1500,
}
"""What an entry of a process's state takes, by its kind: how much one weighs against another.

What a worker remembers of conversations, customers and windows it keeps for hours or days, a board
its points as long as the topic has them. So for longer than a soak lasts both can only grow by
them. They say how many they hold (`care_state_entries`, `care_board_points`), and memory may grow
as these do: what one of them takes, in the second quarter, it must take in the last one. Whatever
grows without an entry has leaked.

What counts is the most that a process has held so far. A worker that stood in for another has held
all partitions for a moment; afterwards what it gave up lies between what it still holds, and the
allocator keeps it for the next time.
"""

EMPTY_KIB: Final = 76 * KIB
"""What a worker uses that holds nothing: no entry explains that."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process: what it uses, by the names of `TOLERATED`, and what it keeps.

    A worker needs connections and tasks for each partition it holds: only samples with the same
    number of them are compared.
    """

    at_s: int
    process: str
    used: Mapping[str, int]
    kept: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Growth:
    """A measure of a process in the second quarter of a soak and in the last, by their medians."""

    process: str
    measure: str
    before: int
    after: int
    kept: Mapping[str, int] = field(default_factory=dict)
    """How many more entries of each kind it has held at the most (medians again)."""
    held_kib: tuple[int, int] = (0, 0)
    """What all entries weigh that it has held at the most, in both quarters (`KEPT_BYTES`)."""

    @property
    def tolerated(self) -> bool:
        """Whether that is no growth, or explained."""
        excused = self.explained_kib if self.measure == "memory_kib" else 0
        return TOLERATED[self.measure].allows(self.before, self.after, excused)

    @property
    def explained_kib(self) -> int:
        """By how much memory is more if each entry takes what it took before."""
        before, after = self.held_kib
        if after <= before:
            return 0
        return max(0, self.before - EMPTY_KIB) * (after - before) // before if before else after

    def __str__(self) -> str:
        return f"{self.process}: {self.measure} went from {self.before} to {self.after}"


def growths(samples: Sequence[Sample]) -> Iterator[Growth]:
    """Each measure of each process that was seen in both quarters."""
    end = max((one.at_s for one in samples), default=0)
    for process in dict.fromkeys(one.process for one in samples):
        mine = list(_at_most([one for one in samples if one.process == process]))
        second = [one for one in mine if end <= 4 * one.at_s < 2 * end]
        last = [one for one in mine if 4 * one.at_s >= 3 * end]
        second, last = _alike(second, last)
        if not second or not last:
            continue
        was, now = _held(second), _held(last)
        kept = {kind: now[kind] - was[kind] for kind in now if now[kind] > was[kind]}
        held = _weight(was), _weight(now)
        for measure in TOLERATED:
            before, after = (
                [one.used[measure] for one in part if measure in one.used]
                for part in (second, last)
            )
            if before and after:
                yield Growth(process, measure, median_low(before), median_low(after), kept, held)


def _at_most(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples of a process, each with the most entries of each kind that it has held so far."""
    most: dict[str, int] = {}
    for one in samples:
        most = {kind: max(one.kept.get(kind, 0), most.get(kind, 0)) for kind in KEPT_BYTES}
        yield replace(one, kept=most)


def _held(part: Sequence[Sample]) -> dict[str, int]:
    """How many entries of each kind a process has held, by the median of its samples."""
    return {kind: median_low(one.kept[kind] for one in part) for kind in KEPT_BYTES}


def _weight(held: Mapping[str, int]) -> int:
    """What these entries weigh, in KiB."""
    return sum(KEPT_BYTES[kind] * count for kind, count in held.items()) // KIB


def _alike(second: list[Sample], last: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Of both the samples with the number of partitions that both have most often."""
    counts = [Counter(one.held for one in part) for part in (second, last)]
    both = {held: min(count[held] for count in counts) for held in counts[0] if held in counts[1]}
    usual = max(both, key=lambda held: (both[held], held), default=None)
    first, then = ([one for one in part if one.held == usual] for part in (second, last))
    return first, then


def restarted(samples: Sequence[Sample], processes: Iterable[str]) -> list[str]:
    """Which of these ended during the soak, or were not there to the end."""
    lives = {name: {one.pid for one in samples if one.process == name} for name in processes}
    return [name for name, pids in lives.items() if len(pids) != 1]


def used_by(pid: int, tasks: Path) -> dict[str, int]:
    """What the system says of a process, and its own count of tasks; less if it has just ended."""
    used: dict[str, int] = {}
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        told = dict(line.split(":", 1) for line in status.splitlines())
        used["memory_kib"] = int(told["VmRSS"].split()[0])
        used["threads"] = int(told["Threads"])
        used["files"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        used["tasks"] = int((tasks / f"{pid}.tasks").read_text(encoding="ascii") or "0")
    return used
