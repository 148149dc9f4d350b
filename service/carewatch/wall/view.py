"""What the wall is told each second: one view of one place, whole.

Values are integers with units and instants RFC 3339 text; how they are written is the page's
business, which knows the viewer's language.
"""

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

from carewatch import __version__
from carewatch.domain.board import Snapshot
from carewatch.domain.times import format_time
from carewatch.wall.asked import Place, place_of
from carewatch.wall.figures import Windows, places_of
from carewatch.wall.promised import Promises
from carewatch.wall.scene import Scene
from carewatch.wall.trends import Lines, Memory
from carewatch.wall.views import GAUGES, view_named
from carewatch.wall.views.age import STALE_MS


class Wall:
    """Makes the messages of one board, and remembers what the board forgets.

    The board knows who waits now, but not who waited half an hour ago: that is noted with every
    message, and by `watch` while no wall is open.
    """

    def __init__(self) -> None:
        self._windows = Windows()
        self._lines = Lines(self._windows)
        self._memory = Memory(GAUGES)
        self._promises = Promises(0, None)
        self._rulebook = 0
        self._looked: Scene | None = None
        self._turn = Lock()

    def build_view(
        self, snapshot: Snapshot, now: int, asked: Mapping[str, str]
    ) -> dict[str, object]:
        """The message for those who asked for a `view`, a `tenant` and a `channel`, in plain JSON.

        `now` is in milliseconds. Raises ValueError for a view that there is none of. May be called
        from several threads.
        """
        view = view_named(asked.get("view", ""))
        place = place_of(asked)
        with self._turn:
            whole = self._look(snapshot, now)
            scene = replace(whole, place=place)
            board = view.board(scene)
            tenants = sorted({tenant for tenant, _ in whole.everybody})
            channels = whole.channels()
        watermark = scene.watermark
        age = None if watermark is None else max(0, now - watermark)
        return {
            "generated_at": format_time(now),
            "version": __version__,
            "watermark": None if watermark is None else format_time(watermark),
            "age_ms": age,
            "stale": age is None or age > STALE_MS,
            "stale_after_ms": STALE_MS,
            "rulebook": snapshot.number or None,
            "view": view.name,
            "title": view.title,
            "tenant": place.tenant,
            "channel": place.channel,
            "tenants": tenants,
            "channels": channels,
            "notice": _notice(scene, tenants, channels),
            "tiles": [tile.message() for tile in board.tiles],
            "panels": [panel.message() for panel in board.panels],
        }

    def watch(self, snapshot: Snapshot, now: int) -> None:
        """Notes how it is at `now` (milliseconds); may be called from several threads."""
        with self._turn:
            self._look(snapshot, now)

    def _look(self, snapshot: Snapshot, now: int) -> Scene:
        """All of the snapshot; once a moment, for all who ask for different views of it."""
        looked = self._looked
        if looked is not None and looked.snapshot is snapshot and looked.now == now:
            return looked
        self._windows.take(snapshot)
        if snapshot.number != self._rulebook:
            self._rulebook = snapshot.number
            self._promises = Promises(snapshot.number, snapshot.rulebook)
        watermark = snapshot.watermark
        age = None if watermark is None else max(0, now - watermark)
        fresh = age is not None and age <= STALE_MS
        present = self._windows.index("now", None)
        self._memory.take(now, present, age, fresh=fresh)
        self._looked = Scene(
            snapshot=snapshot,
            now=now,
            place=Place(),
            watermark=watermark,
            everybody=places_of(present),
            windows=self._windows,
            lines=self._lines,
            memory=self._memory,
            promises=self._promises,
        )
        return self._looked


def _notice(scene: Scene, tenants: list[str], channels: list[str]) -> str | None:
    """Why there is less to see than somebody may expect; None when all is as usual."""
    place = scene.place
    if scene.watermark is None:
        return None
    if place.tenant is not None and place.tenant not in tenants:
        return f"Nothing was heard of the tenant {place.tenant!r}; known: {_names(tenants)}."
    if place.channel is not None and place.channel not in channels:
        return f"Nothing was heard on the channel {place.channel!r}; known: {_names(channels)}."
    if not scene.snapshot.number:
        return "No rulebook was published yet, so nothing is promised: carewatch rulebook publish."
    return None


def _names(known: list[str]) -> str:
    return ", ".join(known) or "none"
