"""The board: the newest point of every series and window, folded from `care.metrics`.

Readers get immutable snapshots, so that a page or a scrape shows one moment, whatever arrives
while it is drawn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from carewatch.domain.metric import ROLLING
from carewatch.domain.points import Moment, Point
from carewatch.domain.rulebook import Document

_Points = Mapping[bytes, Point]
_Starts = Mapping[int | None, _Points]

NO_STARTS: _Starts = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The board at one moment: points by window, then by its start, then by the key of the record.

    The start is None where the key has none: `total`, `now` and the last minutes. `data_at` is the
    newest log time of any point. `rulebook` is the one published last, None before the first; its
    label values are the ones that are shown by name.
    """

    windows: Mapping[str, _Starts] = field(default_factory=dict)
    data_at: int | None = None
    rulebook: Document | None = None
    number: int = 0

    @property
    def size(self) -> int:
        """How many points there are."""
        return sum(len(points) for starts in self.windows.values() for points in starts.values())

    def points(self, window: str) -> Iterator[Point]:
        """The points of a window, whenever it started."""
        for points in self.windows.get(window, NO_STARTS).values():
            yield from points.values()

    def points_since(self, window: str, earliest: int) -> Iterator[Point]:
        """The points of a window that started after `earliest`; older ones are not looked at."""
        for start, points in self.windows.get(window, NO_STARTS).items():
            if start is not None and start > earliest:
                yield from points.values()

    def instants(self, metric: str) -> dict[str, int]:
        """`watermark` or `heartbeat` by partition."""
        return {
            point.labels[-1]: point.value.at
            for point in self.points("now")
            if point.metric == metric
            and isinstance(point.value, Moment)
            and point.value.at is not None
        }

    @property
    def watermark(self) -> int | None:
        """Up to where every partition of the results is complete; None before the first."""
        return min(self.instants("watermark").values(), default=None)

    def newest(self, window: str) -> tuple[int | None, list[Point]]:
        """The newest start of a tumbling window and its points."""
        starts = self.windows.get(window, NO_STARTS)
        latest = max((start for start in starts if start is not None), default=None)
        return latest, [] if latest is None else list(starts[latest].values())


class Board:
    """Folds points; the newest record of a key wins, a tombstone removes it."""

    def __init__(self) -> None:
        self._points: dict[_Slot, dict[bytes, Point]] = {}
        self._slot_of: dict[bytes, _Slot] = {}
        self._changed: dict[_Slot, None] = {}
        self._frozen: dict[str, _Starts] = {}
        self._data_at: int | None = None
        self._rulebook: Document | None = None
        self._number = 0

    def fold(self, key: bytes, point: Point | None) -> None:
        """Takes the next record of `care.metrics`."""
        slot = None if point is None else _slot(point)
        before = self._slot_of.get(key)
        if before is not None and before != slot:
            del self._points[before][key]
            del self._slot_of[key]
            self._changed[before] = None
        if point is None or slot is None:
            return
        self._slot_of[key] = slot
        self._points.setdefault(slot, {})[key] = point
        self._changed[slot] = None
        if self._data_at is None or point.time > self._data_at:
            self._data_at = point.time

    def fold_rulebook(self, number: int, document: Document) -> None:
        """Takes a published rulebook, unless a later one is there."""
        if number > self._number:
            self._number, self._rulebook = number, document

    def snapshot(self) -> Snapshot:
        """The board as it stands; copies only the windows that changed since the last one."""
        starts: dict[str, dict[int | None, _Points]] = {}
        for window, start in self._changed:
            if window not in starts:
                starts[window] = dict(self._frozen.get(window, NO_STARTS))
            points = self._points[window, start]
            if points:
                starts[window][start] = MappingProxyType(dict(points))
            else:
                starts[window].pop(start, None)
                del self._points[window, start]
        self._changed.clear()
        self._frozen |= {window: MappingProxyType(known) for window, known in starts.items()}
        return Snapshot(
            windows=MappingProxyType(dict(self._frozen)),
            data_at=self._data_at,
            rulebook=self._rulebook,
            number=self._number,
        )


_Slot = tuple[str, int | None]
"""A window and its start, where the start is part of the key."""


def _slot(point: Point) -> _Slot:
    return point.window, None if point.window in ROLLING else point.start
