"""Speed: how fast people answer, against what is promised."""

from typing import Final

from carewatch.wall.figures import ask
from carewatch.wall.measures import Shared, permille
from carewatch.wall.scene import Scene, cell
from carewatch.wall.tile import Board, Table, Tile

FIRST: Final = ask("first_response_time")
REPLY: Final = ask("reply_time")
_UNITS: Final = {"s": "sec", "m": "min", "h": "h"}
_SHOWN: Final = 2
"""So many times of `within` have a tile."""


def board(scene: Scene) -> Board:
    """First responses, shares within a time, all replies, and these by channel."""
    within = scene.promises.within(scene.tenants(), "first_reply")[:_SHOWN]
    return Board(
        tiles=(
            scene.ranked("first_p50", "First reply p50", FIRST, "p50", "first_reply"),
            scene.ranked("first_p90", "First reply p90", FIRST, "p90", "first_reply"),
            *(_within(scene, text) for text in within),
            scene.ranked("reply_p50", "Any reply p50", REPLY, "p50", "next_reply"),
            scene.ranked("reply_p90", "Any reply p90", REPLY, "p90", "next_reply"),
        ),
        panels=(_by_channel(scene),),
    )


def _within(scene: Scene, text: str) -> Tile:
    question = ask("within_target_rate", within=text)
    share = scene.hour.share(question)
    value = permille(share.n, share.d)
    return Tile(
        id=f"within_{text}",
        label=f"Within {text[:-1]} {_UNITS[text[-1]]}",
        unit="permille",
        value=value,
        state="none" if value is None else "plain",
        as_of=scene.hour_until,
        of=(share.n, share.d) if share.d else None,
        trend=scene.steps(Shared(question)),
    )


def _by_channel(scene: Scene) -> Table:
    rows = []
    for channel in scene.channels():
        there = scene.at(channel)
        if there.hour.spread(REPLY).count:
            rows.append(
                (
                    cell("name", channel),
                    there.ranked_cell(REPLY, "p50", "next_reply"),
                    there.ranked_cell(REPLY, "p90", "next_reply"),
                )
            )
    return Table(
        id="replies",
        title="Replies, last hour",
        columns=("Channel", "p50", "p90"),
        rows=rows,
        empty="Nobody replied in the last hour.",
    )
