"""Channels and topics: where customers write, and about what."""

from typing import Final

from carewatch.wall.figures import Figures, ask
from carewatch.wall.measures import permille
from carewatch.wall.scene import Scene, cell
from carewatch.wall.tile import Board, Cell, Table, Tile
from carewatch.wall.trends import Gauge
from carewatch.wall.views.queue import OLDEST, WAITING

OPEN: Final = Gauge(ask("open_conversations", state="workable"))
GAUGES: Final = (OPEN,)
"""What must be remembered for the trends of this view."""

_INBOUND: Final = ask("messages", direction="inbound")
_OPENED: Final = ask("conversations", transition="opened")
_RESOLVED: Final = ask("conversations", transition="resolved")
_CUSTOMERS: Final = ask("unique_customers")
_TOPICS: Final = 6


def board(scene: Scene) -> Board:
    """Volume, and a row for every channel; topics where somebody names them."""
    return Board(
        tiles=(
            scene.counted("messages", "Messages in", _INBOUND),
            scene.counted_today("opened", "New today", _OPENED),
            scene.counted_today("resolved", "Solved today", _RESOLVED),
            scene.counted_today("customers", "Customers", _CUSTOMERS),
            scene.standing("open", "Open now", OPEN),
            _busiest(scene),
        ),
        panels=(_by_channel(scene), *_topics(scene)),
    )


def _busiest(scene: Scene) -> Tile:
    """The channel with most new conversations today, and its share of them."""
    opened = {channel: scene.at(channel).today.count(_OPENED) for channel in scene.channels()}
    most = max(opened, key=lambda channel: (opened[channel], channel), default=None)
    total = sum(opened.values())
    known = most is not None and total > 0
    return Tile(
        id="busiest",
        label="Busiest",
        unit="name",
        value=most if known else None,
        state="plain" if known else "none",
        as_of=scene.watermark,
        of=(opened[most], total) if most is not None and known else None,
    )


def _by_channel(scene: Scene) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for channel in scene.channels():
        there = scene.at(channel)
        rows.append(
            (
                cell("name", channel),
                cell("count", there.present.count(WAITING.question)),
                cell("ms", there.waited(there.present.least(OLDEST.question))),
            )
        )
    return Table(
        id="channels",
        title="By channel",
        columns=("Channel", "Wait", "Longest"),
        rows=rows,
        empty="Nothing was heard of any channel.",
    )


def _topics(scene: Scene) -> tuple[Table, ...]:
    """The topics of today's finished sessions, and the mood of their messages: only where somebody
    names topics."""
    today = scene.today
    names = today.values(ask("labelled_sessions_by_topic"), "topic")
    counts = {name: today.count(ask("labelled_sessions_by_topic", topic=name)) for name in names}
    first = sorted(counts, key=lambda name: (-counts[name], name))[:_TOPICS]
    if not first:
        return ()
    return (
        Table(
            id="topics",
            title="Topics today",
            columns=("Topic", "Sessions", "Mood"),
            rows=[
                (cell("name", one), cell("count", counts[one]), _mood(today, one)) for one in first
            ],
            empty="Nobody named a topic.",
        ),
    )


def _mood(figures: Figures, topic: str) -> Cell:
    """Positive less negative messages of a topic, of all scored ones."""
    every = figures.count(ask("sentiment_by_topic", topic=topic))
    good, bad = (
        figures.count(ask("sentiment_by_topic", topic=topic, label=label))
        for label in ("positive", "negative")
    )
    return cell("permille", permille(good - bad, every))
