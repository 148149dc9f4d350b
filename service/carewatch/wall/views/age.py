"""The age of the data: on every board that somebody might trust."""

from typing import Final

from carewatch.wall.scene import Scene
from carewatch.wall.tile import Tile

STALE_MS: Final = 5_000
"""Results older than this are called stale: two seconds they may take, and three seconds in which
none came. A wall that stood still must not look alive."""


def data_age(scene: Scene) -> Tile:
    """How old everything on the wall is."""
    mark = scene.watermark
    age = None if mark is None else max(0, scene.now - mark)
    stale = age is None or age > STALE_MS
    return Tile(
        id="data_age",
        label="Data age",
        unit="ms",
        value=age,
        state="none" if age is None else "breach" if stale else "ok",
        as_of=mark,
        since=mark,
        trend=scene.memory.lag(scene.now),
    )
