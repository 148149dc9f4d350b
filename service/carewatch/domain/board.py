"""The board: the newest point of every series and window, folded from `care.metrics`.

Readers get immutable snapshots, so that a page or a scrape shows one moment, whatever arrives
while it is drawn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from carewatch.domain.points import Moment, Point
from carewatch.domain.rulebook import Document

NO_POINTS: Mapping[bytes, Point] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The board at one moment: points by window, then by the key of their record.

    `data_at` is the newest log time of any point. `rulebook` is the one published last, None
    before the first; its label values are the ones that are shown by name.
    """

    windows: Mapping[str, Mapping[bytes, Point]] = field(default_factory=dict)
    data_at: int | None = None
    rulebook: Document | None = None
    number: int = 0

    def points(self, window: str) -> Iterator[Point]:
        """The points of a window."""
        return iter(self.windows.get(window, NO_POINTS).values())

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
        starts = [point.start for point in self.points(window) if point.start is not None]
        latest = max(starts, default=None)
        return latest, [point for point in self.points(window) if point.start == latest]


class Board:
    """Folds points; the newest record of a key wins, a tombstone removes it."""

    def __init__(self) -> None:
        self._windows: dict[str, dict[bytes, Point]] = {}
        self._frozen: dict[str, Mapping[bytes, Point]] = {}
        self._window_of: dict[bytes, str] = {}
        self._data_at: int | None = None
        self._rulebook: Document | None = None
        self._number = 0

    def fold(self, key: bytes, point: Point | None) -> None:
        """Takes the next record of `care.metrics`."""
        if point is None:
            window = self._window_of.pop(key, None)
            if window is not None:
                del self._windows[window][key]
                self._frozen.pop(window, None)
            return
        self._window_of[key] = point.window
        self._windows.setdefault(point.window, {})[key] = point
        self._frozen.pop(point.window, None)
        if self._data_at is None or point.time > self._data_at:
            self._data_at = point.time

    def fold_rulebook(self, number: int, document: Document) -> None:
        """Takes a published rulebook, unless a later one is there."""
        if number > self._number:
            self._number, self._rulebook = number, document

    def snapshot(self) -> Snapshot:
        """The board as it stands; copies only the windows that changed since the last one."""
        for window, points in self._windows.items():
            if window not in self._frozen:
                self._frozen[window] = MappingProxyType(dict(points))
        return Snapshot(
            windows=MappingProxyType(dict(self._frozen)),
            data_at=self._data_at,
            rulebook=self._rulebook,
            number=self._number,
        )
