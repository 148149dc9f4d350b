"""The views of the wall, in the order of their tabs; the first is shown unless one is asked for."""

from collections.abc import Callable
from typing import Final, NamedTuple

from carewatch.wall.scene import Scene
from carewatch.wall.tile import Board
from carewatch.wall.views import channels, pipeline, queue, sla, speed


class View(NamedTuple):
    """A board of the wall: its name in addresses, its title, and what it shows of a scene."""

    name: str
    title: str
    board: Callable[[Scene], Board]


VIEWS: Final = (
    View("queue", "Queue now", queue.board),
    View("speed", "Speed", speed.board),
    View("sla", "Promises", sla.board),
    View("channels", "Channels", channels.board),
    View("pipeline", "Pipeline", pipeline.board),
)

GAUGES: Final = tuple(dict.fromkeys((*queue.GAUGES, *sla.GAUGES, *channels.GAUGES)))
"""All present states whose last hour some view shows."""


def view_named(name: str) -> View:
    """The view of that name; the first for an empty one.

    Raises ValueError, which names them all.
    """
    for view in VIEWS:
        if name in (view.name, ""):
            return view
    names = ", ".join(view.name for view in VIEWS)
    raise ValueError(f"view: {name!r} is unknown; the views are {names}")
