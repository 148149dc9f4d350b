"""Pipeline: whether what the wall shows can be trusted."""

from dataclasses import replace
from typing import Final

from carewatch.wall.figures import ask
from carewatch.wall.scene import Scene, cell
from carewatch.wall.tile import Board, Table, Tile
from carewatch.wall.views.age import STALE_MS, data_age

_LATE: Final = ask("late_events")
_AGAIN: Final = ask("duplicate_events")
_CLAMPED: Final = ask("clamped_future")
_DEAD: Final = ask("dead_events")
_CORRECTED: Final = ask("corrections")


def board(scene: Scene) -> Board:
    """The age of the data, and events that were not as they should be."""
    return Board(
        tiles=(
            data_age(scene),
            scene.counted("late", "Late events", _LATE),
            scene.counted("duplicates", "Duplicates", _AGAIN),
            scene.counted("clamped", "Clocks ahead", _CLAMPED),
            _dead(scene),
            scene.counted("corrections", "Corrections", _CORRECTED),
        ),
        panels=(_partitions(scene),),
    )


def _dead(scene: Scene) -> Tile:
    """What could not be understood waits for a person."""
    tile = scene.counted("dead", "Dead letters", _DEAD)
    if tile.value is None:
        return tile
    return replace(tile, state="risk" if tile.value else "ok")


def _partitions(scene: Scene) -> Table:
    """How far behind each partition of the results is, the slowest first."""
    beats = scene.snapshot.instants("heartbeat")
    ages = {name: max(0, scene.now - at) for name, at in beats.items()}
    slowest = sorted(ages, key=lambda name: (-ages[name], len(name), name))
    return Table(
        id="partitions",
        title="Heartbeats",
        columns=("Partition", "Age"),
        rows=[
            (
                cell("name", name),
                cell("ms", ages[name], "breach" if ages[name] > STALE_MS else "ok"),
            )
            for name in slowest
        ],
        empty="No partition was heard of.",
    )
