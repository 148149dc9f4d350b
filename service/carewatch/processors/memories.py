"""The conversations of a partition: those at work as objects, all others as their changelog rows.

An object takes ten times the room of its row, and what a partition holds is nearly all at rest. A
restore keeps the rows as they come. Where a history is long, its base and each full block of
events are rows of their own: an event in order writes the same, however many came before it.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice
from typing import Final, NamedTuple

import msgspec

from carewatch.domain.contributions import Held, held
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.memory import FORGOTTEN_AFTER_MS, HISTORY_MS, Memory
from carewatch.processors import conversation_rows as rows
from carewatch.processors.base import Row
from carewatch.processors.conversation_rows import Head, Key
from carewatch.processors.later import Later
from carewatch.processors.packing import pack
from carewatch.wire.rows import seal, unseal

BASE: Final = "base"
EVENTS: Final = "events"
AT_WORK: Final = 4096
"""So many conversations that wait for their next event are kept as objects, at the most."""
AT_WORK_MS: Final = 300_000
"""And for so long after their last event: else those kept would become more for hours."""
RESTED_AT_ONCE: Final = 256
"""So many objects are given up at a tick: each takes some microseconds."""
SETTLED_AT_ONCE: Final = 64
"""So many conversations are settled at a tick, more when many wait for it: nothing hurries."""
FORGOTTEN_AT_ONCE: Final = 16
"""So many are looked at at a tick, whether they are forgotten; more when many wait for it."""
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

RUN: Final = 1024
"""So many keys are put in order at once, in about a millisecond."""


class _Working(NamedTuple):
    """A conversation at work, as its last change left it."""

    row_key: bytes
    memory: Memory
    gauges: tuple[Held, ...]
    timer: int | None
    book: int


class _Beside(NamedTuple):
    """What stands in rows of its own: the base (packed), and the blocks from number `gone` on."""

    base: bytes | None = None
    gone: int = 0
    blocks: list[bytes] = []  # noqa: RUF012 - never changed, only replaced


_NOTHING: Final = _Beside()
_pack: Final = msgspec.msgpack.Encoder().encode
_base_key: Final = msgspec.msgpack.Decoder(tuple[str, str, str])
_events_key: Final = msgspec.msgpack.Decoder(tuple[str, str, str, int])


class Memories:
    """What a partition remembers of its conversations."""

    def __init__(self, at_work: int = AT_WORK) -> None:
        self._limit = at_work
        self._at_work: dict[Key, _Working] = {}  # in order of their last event
        self._at_rest: dict[bytes, bytes] = {}  # rows by their keys, also of those at work
        self._beside: dict[Key, _Beside] = {}  # as it was at the last flush
        self._touched: set[Key] = set()
        self._dropped: set[Key] = set()
        self._over = Later(HOUR_MS)  # those with a history, until nothing reaches back into it
        self._silent = Later(DAY_MS)  # those without, until they are forgotten
        self._unread = Later(DAY_MS)  # those of which nobody knows yet since when they are silent
        self._bases: dict[Key, bytes] = {}  # while rows come back
        self._blocks: dict[Key, dict[int, bytes]] = {}

    def __len__(self) -> int:
        """How many there were at the last flush."""
        return len(self._at_rest)

    @property
    def at_work(self) -> int:
        """How many of them are kept as objects, too."""
        return len(self._at_work)

    def __iter__(self) -> Iterator[Key]:
        """Every conversation, in a fixed order."""
        return chain.from_iterable(self.in_slices(AT_WORK))

    def in_slices(self, most: int) -> Iterator[Sequence[Key]]:
        """Every conversation there is now, in a fixed order, at most so many at a time.

        None of them at first: to put a million in order takes a second, so that is sliced, too.
        """
        names = list(self._at_rest)
        runs = [sorted(key for key in self._at_work if rows.row_key(key) not in self._at_rest)]
        for start in range(0, len(names), RUN):
            yield ()
            runs.append(sorted(map(rows.read_key, names[start : start + RUN])))
        left = merge(*runs)
        while some := list(islice(left, most)):
            yield some

    def get(self, key: Key) -> Memory | None:
        """What is remembered of a conversation, None if nothing is. To change it, `touch` it."""
        working = self._at_work.get(key)
        if working is not None:
            return working.memory
        row = self._at_rest.get(rows.row_key(key))
        return None if row is None else self._awake(key, row)

    def known(self, key: Key) -> Memory:
        """The same of a conversation that is known."""
        memory = self.get(key)
        if memory is None:
            raise KeyError(key)
        return memory

    def stands_in(self, memory: Memory) -> tuple[Held, ...]:
        """The gauges in which the conversation stands; to be asked before it is changed."""
        working = self._at_work.get((memory.tenant, memory.key))
        return held(memory.tenant, memory.state) if working is None else working.gauges

    def touch(
        self, memory: Memory, *, gauges: tuple[Held, ...], timer: int | None, book: int
    ) -> bytes:
        """The memory changed: the next flush writes it. Returns the key of its row.

        From now on it stands in these gauges, and has this timer by the rulebooks up to `book`.
        """
        key = memory.tenant, memory.key
        before = self._at_work.pop(key, None)
        row_key = rows.row_key(key) if before is None else before.row_key
        self._at_work[key] = _Working(row_key, memory, gauges, timer, book)
        self._touched.add(key)
        self._dropped.discard(key)
        if not gauges and timer is None:
            self._tidy_later(row_key, memory)
        return row_key

    def drop(self, key: Key) -> None:
        """Forgets a conversation of which nothing is open: the next flush removes its rows."""
        self._at_work.pop(key, None)
        self._at_rest.pop(rows.row_key(key), None)
        self._touched.discard(key)
        self._dropped.add(key)

    def settle(self, clock: int) -> None:
        """Folds away the histories of some of those that are over for long enough.

        Whoever asks for one of them finds the same before and after (`ledger.accept`).
        """
        for row_key in self._over.take(clock, SETTLED_AT_ONCE):
            self._settle(row_key, clock)

    def forget(self, clock: int) -> None:
        """Drops some of those that are forgotten by now (R6a).

        Whoever asks for one of them in time finds it forgotten, too (`Memory.is_forgotten_at`).
        """
        for row_key in self._silent.take(clock, FORGOTTEN_AT_ONCE):
            # One that was heard of since, or came back, waits at another place.
            self._drop_if_forgotten(row_key, clock)
        for row_key in self._unread.take(clock, FORGOTTEN_AT_ONCE):
            memory = self._drop_if_forgotten(row_key, clock)
            if memory is not None:
                self._tidy_later(row_key, memory)

    def rest(self, clock: int) -> None:
        """Keeps of those that nothing was heard of for a while their rows alone."""
        for key in list(islice(self._at_work, RESTED_AT_ONCE)):
            if key in self._touched or self._at_work[key].memory.recorded > clock - AT_WORK_MS:
                break
            del self._at_work[key]

    def take_rows(self) -> Iterator[Row]:
        """The rows that changed since the last call, in a fixed order."""
        for key in sorted(self._dropped):
            yield Row(rows.row_key(key), None)
            yield from _rows_beside(key, self._beside.pop(key, _NOTHING), _NOTHING)
        self._dropped.clear()
        for key in sorted(self._touched):
            row_key, memory, gauges, timer, book = self._at_work[key]
            was, events = self._beside.get(key, _NOTHING), memory.events
            beside = bool(memory.base or events.blocks)
            if beside or was is not _NOTHING:
                now = _Beside(
                    pack(memory.base) if memory.base else None, events.gone, events.blocks
                )
                yield from _rows_beside(key, was, now)
                if beside:
                    self._beside[key] = now
                else:
                    del self._beside[key]
            row = rows.write(memory, timer=timer, book=book, gauges=gauges, beside=beside)
            self._at_rest[row_key] = row
            yield Row(row_key, row)
        self._touched.clear()
        for key in list(islice(self._at_work, max(0, len(self._at_work) - self._limit))):
            del self._at_work[key]

    def restore_beside(self, kind: str, key: bytes, value: bytes) -> None:
        """Takes back what stands beside conversations, before these; raises as `restore`."""
        body = unseal(value)
        if kind == EVENTS:
            _, tenant, conversation, number = _events_key.decode(key)
            self._blocks.setdefault((tenant, conversation), {})[number] = body
        else:
            rows.unpacked(body)  # here, where it is still known which row cannot be trusted
            _, tenant, conversation = _base_key.decode(key)
            self._bases[tenant, conversation] = body

    def restore(self, row_key: bytes, row: bytes) -> None:
        """Takes back a conversation; raises InvalidRecord or a msgspec error for one that cannot be
        trusted."""
        rows.trust(row)
        self._at_rest[row_key] = row

    def rejoining(self) -> Iterator[bytes]:
        """The keys of all rows that came back; each is to `rejoin` what stands beside it."""
        yield from self._at_rest
        self._bases.clear()
        self._blocks.clear()

    def rejoin(self, row_key: bytes) -> Head | None:
        """Puts together what came back of a conversation; None: it is over. Raises as `restore`."""
        row = self._at_rest[row_key]
        more, live = rows.has_more(row), rows.is_live(row)
        if not live:  # for how long, its row says when asked
            (self._unread if rows.is_settled(row) else self._over).put(row_key)
        if not more and not live:
            return None
        head = rows.read_head(row)
        if more:
            self._put_together(rows.read_key(row_key), head)
        return head if live else None

    def _tidy_later(self, row_key: bytes, memory: Memory) -> None:
        if memory.is_settled:
            self._silent.put(row_key, memory.last_sign + FORGOTTEN_AFTER_MS + HISTORY_MS)
        else:
            self._over.put(row_key, memory.advanced + HISTORY_MS)

    def _drop_if_forgotten(self, row_key: bytes, clock: int) -> Memory | None:
        """The conversation, if it stays; None also for one that went on: it settles once more."""
        memory = self.get(rows.read_key(row_key))
        if memory is None or not memory.is_settled:
            return None
        if not memory.is_beyond_recall(clock):
            return memory
        self.drop((memory.tenant, memory.key))
        return None

    def _settle(self, row_key: bytes, clock: int) -> None:
        memory = self.get(rows.read_key(row_key))
        if memory is None or memory.is_settled or not memory.is_over:
            return
        if not memory.settles_by(clock):
            # Something came since, or nobody knew how long it has been over.
            self._tidy_later(row_key, memory)
            return
        memory.settle()
        self.touch(memory, gauges=(), timer=None, book=memory.due_by)

    def _put_together(self, key: Key, head: Head) -> None:
        found, numbers = self._blocks.get(key, {}), range(head.gone, head.gone + head.blocks)
        if sorted(found) != list(numbers) or head.based != (key in self._bases):
            raise InvalidRecord("row_checksum", f"the history of {key!r} has a gap")
        self._beside[key] = _Beside(self._bases.get(key), head.gone, [found[n] for n in numbers])

    def _awake(self, key: Key, row: bytes) -> Memory:
        memory = rows.awake(key, row)
        beside = self._beside.get(key)
        if beside is not None:
            if beside.base is not None:
                memory.base = rows.unpacked(beside.base)
            memory.events.blocks = beside.blocks
        return memory


def _rows_beside(key: Key, was: _Beside, now: _Beside) -> Iterator[Row]:
    if now.base != was.base:
        yield Row(_pack((BASE, *key)), None if now.base is None else seal(now.base))
    if now.gone == was.gone and now.blocks is was.blocks:
        return
    before = {was.gone + place: block for place, block in enumerate(was.blocks)}
    for place, block in enumerate(now.blocks):
        number = now.gone + place
        if before.pop(number, None) != block:
            yield Row(_pack((EVENTS, *key, number)), seal(block))
    for number in before:
        yield Row(_pack((EVENTS, *key, number)), None)
