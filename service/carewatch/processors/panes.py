"""What merge remembers of every pane, and the changelog rows that say so.

Two kinds of rows: `part|<key of the partial>` holds the newest partial of one source partition as
it was read, `point|<key of the point>` what was last published. A pane's parts go 26 h after its
window's end (a cohort's: plus its horizon), its point row when the point is tombstoned: after its
retention, or when no source partition has the gauge any more.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from sys import intern
from typing import Final, NamedTuple

import msgspec

from carewatch.domain.aggregates import Accumulator
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.metric import DAY
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Pane, Value, values_of, window_end
from carewatch.wire import partials, points, rows
from carewatch.wire.partials import GONE, Partial, Series

GRACE_MS: Final = 10_000
"""How long after its end a window waits for what is on its way."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
HOLD_MS: Final = 26 * _HOUR_MS
"""How long after a window's end its partials are kept: far above any `window_lateness`."""

RETENTION_MS: Final[dict[str, int]] = {
    "1m": HOLD_MS,
    "5m": 3 * _DAY_MS,
    "15m": 7 * _DAY_MS,
    "1h": 60 * _DAY_MS,
    DAY: 400 * _DAY_MS,
}
"""How long after a window's end its point is kept (W12); never shorter than its partials."""

_PART: Final = b"part|"
_POINT: Final = b"point|"


class PaneId(NamedTuple):
    """A series, a window and a start."""

    metric: str
    labels: tuple[str, ...]
    window: str
    start: int | None


class Published(msgspec.Struct, array_like=True, gc=False):
    """What was last said of a pane; `pane` is None before the first time.

    `dirty`: a partial came since, which the next emission publishes. `end` and `closes` are the
    latest that source partitions told of a day; `provisional`: it was said to be still open.
    """

    pane: Pane | None = None
    revision: int = 0
    digest: bytes = b""
    dirty: bool = False
    end: int | None = None
    closes: int | None = None
    provisional: bool = False


class _Part(NamedTuple):
    position: int
    body: msgspec.Raw

    @property
    def is_gone(self) -> bool:
        return self.body == GONE


class KnownPane:
    """One pane: its newest partials by source (stage, partition), and what was published."""

    __slots__ = ("id", "key", "parts", "published")

    def __init__(self, id_: PaneId) -> None:
        self.id = id_
        self.key = points.point_key(*id_)
        self.parts: dict[tuple[str, int], _Part] = {}
        self.published = Published()

    @property
    def end(self) -> int | None:
        """First instant after the window, of a rolling one as it was published last; else None."""
        known = self.published.end
        return window_end(self.id.window, self.id.start) if known is None else known

    @property
    def hold_ms(self) -> int:
        """How long after its end its partials are kept."""
        return HOLD_MS + BY_ID[self.id.metric].horizon_ms

    @property
    def is_gone(self) -> bool:
        """No source partition has it any more."""
        return bool(self.parts) and all(part.is_gone for part in self.parts.values())

    def is_open(self, watermark: int | None) -> bool:
        """Whether the day of a cohort can still change: its points are provisional."""
        closes = self.published.closes
        if closes is None or not BY_ID[self.id.metric].horizon_ms:
            return False
        return watermark is None or watermark <= closes

    def values(self) -> tuple[Value, Value | None]:
        """The source partitions added up: the net value, and in `total` the gross one."""
        total = partials.accumulator_type(self.id.metric, self.id.window)()
        self.add_to(total)
        return values_of(total, self.id.window, BY_ID[self.id.metric].unit)

    def add_to(self, total: Accumulator) -> None:
        """Adds the source partitions to an accumulator of the same kind."""
        for source in sorted(self.parts):
            if not self.parts[source].is_gone:
                body = self.parts[source].body
                # mypy sees two unions; both sides are the accumulator of this metric and window.
                total.merge(partials.decode_body(self.id.metric, self.id.window, body))  # type: ignore[arg-type]

    def deadline(self) -> int | None:
        """The next instant at which the watermark alone changes this pane."""
        if self.id.start is None or (end := self.end) is None:
            return None
        published = self.published
        if published.pane in (None, "early"):
            return end + GRACE_MS
        if published.provisional and published.closes is not None:
            return published.closes + 1
        return end + (self.hold_ms if self.parts else RETENTION_MS[self.id.window])


_pack: Final = msgspec.msgpack.Encoder()
_point_row: Final = msgspec.msgpack.Decoder(tuple[str, tuple[str, ...], str, int | None, Published])


class Panes:
    """All panes of one partition, the dirty ones, and the rows that changed."""

    def __init__(self) -> None:
        self.partials = 0
        """How many snapshots of sources are kept, all panes together."""
        self._panes: dict[PaneId, KnownPane] = {}
        self._sources: dict[tuple[str, int], tuple[str, int]] = {}  # each once, for all panes
        self._dirty: dict[PaneId, KnownPane] = {}
        self._deadlines: list[tuple[int, PaneId]] = []  # a heap; one entry per windowed pane
        self._rows: dict[bytes, bytes | None] = {}

    def __len__(self) -> int:
        return len(self._panes)

    def __iter__(self) -> Iterator[KnownPane]:
        return iter(self._panes.values())

    def pane(self, id_: PaneId) -> KnownPane:
        """The pane of that name, a new one if there is none."""
        known = self._panes.get(id_)
        if known is None:
            # Interned: of as many as there are panes they are few, and go with the last of them.
            labels = tuple(map(intern, id_.labels))
            id_ = PaneId(intern(id_.metric), labels, intern(id_.window), id_.start)
            known = self._panes[id_] = KnownPane(id_)
        return known

    def keep(self, partial: Partial, value: bytes) -> None:
        """Takes a snapshot, unless one as new of the same source is there."""
        is_new = PaneId(*_names(partial)) not in self._panes
        pane = self._take(partial)
        if pane is None:
            return
        self._rows[_PART + partials.partial_key(partial)] = value
        published = pane.published
        end, closes = _latest(published.end, partial.end), _latest(published.closes, partial.closes)
        if not published.dirty or (end, closes) != (published.end, published.closes):
            published.dirty, published.end, published.closes = True, end, closes
            self._dirty[pane.id] = pane
            self.write(pane)
        if is_new:
            self._watch(pane)

    def take_dirty(self) -> dict[PaneId, KnownPane]:
        """What must be published at this emission; it is no longer dirty."""
        dirty, self._dirty = self._dirty, {}
        for pane in dirty.values():
            pane.published.dirty = False
        return dirty

    def next_deadline(self) -> int | None:
        """The least watermark that changes a pane; None when none will."""
        return self._deadlines[0][0] if self._deadlines else None

    def take_passed(self, watermark: int) -> list[KnownPane]:
        """Panes that this watermark changes; hand each to `settle` afterwards."""
        passed: list[KnownPane] = []
        while self._deadlines and self._deadlines[0][0] <= watermark:
            passed.append(self._panes[heappop(self._deadlines)[1]])
        return passed

    def settle(self, pane: KnownPane, watermark: int) -> bool:
        """Drops parts that can't change any more; True when the point is past retention too."""
        end = pane.end
        if pane.id.start is None or end is None:
            return False
        if watermark >= end + pane.hold_ms:
            self._forget_parts(pane)
        if watermark >= end + RETENTION_MS[pane.id.window]:
            self._forget_point(pane)
            return True
        self._watch(pane)
        return False

    def forget(self, pane: KnownPane) -> None:
        """Drops a gauge that no source partition has any more."""
        self._forget_parts(pane)
        self._forget_point(pane)

    def write(self, pane: KnownPane) -> None:
        """Puts down what was published of a pane."""
        self._rows[_POINT + pane.key] = _pack.encode((*pane.id, pane.published))

    def take_rows(self) -> list[tuple[bytes, bytes | None]]:
        """The rows that changed since the last call."""
        changed, self._rows = self._rows, {}
        return [
            (key, None if value is None else rows.seal(value)) for key, value in changed.items()
        ]

    def restore(self, key: bytes, body: bytes) -> None:
        """Takes one row; raises InvalidRecord or a msgspec error. `restored` comes last."""
        if key.startswith(_PART):
            partial = partials.decode(key.removeprefix(_PART), body)
            if not isinstance(partial, Partial):
                raise InvalidRecord("wrong_key")
            self._take(partial)
        elif key.startswith(_POINT):
            metric, labels, window, start, published = _point_row.decode(body)
            self.pane(PaneId(metric, labels, window, start)).published = published
        else:
            raise InvalidRecord("wrong_key")

    def restored(self) -> None:
        """All rows are in: which panes are dirty and when the watermark changes which."""
        self._dirty = {id_: pane for id_, pane in self._panes.items() if pane.published.dirty}
        self._deadlines = list(_entries(self._panes.values()))
        heapify(self._deadlines)

    def _take(self, partial: Partial) -> KnownPane | None:
        pane = self.pane(PaneId(*_names(partial)))
        source = (partial.stage, partial.partition)
        known = pane.parts.get(source)
        if known is not None and partial.position <= known.position:
            return None
        if known is None:
            self.partials += 1
            source = self._sources.setdefault(source, source)
        # A copy: the body is a view that would keep the whole fetched batch alive.
        pane.parts[source] = _Part(partial.position, partial.body.copy())
        return pane

    def _forget_parts(self, pane: KnownPane) -> None:
        series = Series(pane.id.metric, pane.id.labels)
        for source in sorted(pane.parts):
            key = partials.pane_key(series, pane.id.window, pane.id.start, *source)
            self._rows[_PART + key] = None
        self.partials -= len(pane.parts)
        pane.parts.clear()

    def _forget_point(self, pane: KnownPane) -> None:
        self._rows[_POINT + pane.key] = None
        del self._panes[pane.id]

    def _watch(self, pane: KnownPane) -> None:
        for entry in _entries((pane,)):
            heappush(self._deadlines, entry)


def _names(partial: Partial) -> tuple[str, tuple[str, ...], str, int | None]:
    return partial.series.metric, partial.series.labels, partial.window, partial.start


def _latest(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _entries(panes: Iterable[KnownPane]) -> Iterable[tuple[int, PaneId]]:
    for pane in panes:
        if (deadline := pane.deadline()) is not None:
            yield deadline, pane.id
