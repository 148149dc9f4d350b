"""What the demo shows while it runs: a live table on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

import click

View = Mapping[str, Any]
"""A message of the board's stream: figures of all channels and of each."""

LINES_EVERY: Final = 5
"""Without a terminal every so manieth view, so every 5 seconds, is printed."""

COLUMNS: Final[tuple[tuple[str, Callable[[View], str]], ...]] = (
    ("waiting", lambda tile: str(tile["waiting"])),
    ("oldest", lambda tile: duration(tile["oldest_ms"])),
    ("first response p50", lambda tile: duration(tile["first_response"]["p50_ms"])),
    ("p90", lambda tile: duration(tile["first_response"]["p90_ms"])),
    ("count", lambda tile: str(tile["first_response"]["count"])),
    ("queue wait p50", lambda tile: duration(tile["queue_wait"]["p50_ms"])),
    ("at risk", lambda tile: str(tile["at_risk"])),
    ("breached now", lambda tile: str(tile["breached_open"])),
    ("breaches", lambda tile: f"{tile['breaches']} of {tile['evaluations']}"),
    ("messages in", lambda tile: str(tile["received"])),
)
"""Heading and figure of each column, per channel."""


class Screen(Protocol):
    """Where the demo speaks."""

    def live(self) -> AbstractContextManager[object]:
        """As long as figures are shown."""

    def say(self, text: str) -> None:
        """One line for good."""

    def show(self, view: View) -> None:
        """The newest figures."""


def duration(ms: int | None) -> str:
    """`4.2 s`, `3 min 20 s`, or a dash where there is none; rounded down."""
    if ms is None:
        return "-"
    if ms < 60_000:
        return f"{ms // 1000}.{ms % 1000 // 100} s"
    return f"{ms // 60_000} min {ms // 1000 % 60} s"


def data_age(view: View) -> str:
    """How old the figures are, and whether that is too old."""
    age = duration(view["age_ms"])
    return f"data {age} old" + (", STALE" if view["stale"] else "")


def rows(view: View) -> list[list[str]]:
    """One row a channel, one of all channels: the name, then the columns."""
    tiles = [(tile["channel"], tile) for tile in view["channels"]]
    return [
        [name, *(figure(tile) for _, figure in COLUMNS)]
        for name, tile in (*tiles, ("all", view["all"]))
    ]


class PlainScreen:
    """Lines for logs and pipes."""

    def __init__(self, echo: Callable[[str], None] = click.echo) -> None:
        self._echo = echo
        self._shown = 0

    def live(self) -> AbstractContextManager[object]:
        return nullcontext()

    def say(self, text: str) -> None:
        self._echo(text)

    def show(self, view: View) -> None:
        self._shown += 1
        if self._shown % LINES_EVERY:
            return
        self._echo(data_age(view))
        for name, *figures in rows(view):
            said = ", ".join(
                f"{heading} {figure}" for (heading, _), figure in zip(COLUMNS, figures, strict=True)
            )
            self._echo(f"  {name}: {said}")


class TerminalScreen:
    """A table that stands still and changes, with what was said above it."""

    def __init__(self) -> None:
        # Only a terminal needs rich: it belongs to the extra `local`.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)

    def live(self) -> AbstractContextManager[object]:
        return self._live

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def show(self, view: View) -> None:
        from rich.table import Table  # noqa: PLC0415

        table = Table(title=f"carewatch demo: {data_age(view)}", title_justify="left")
        table.add_column("channel")
        for heading, _ in COLUMNS:
            table.add_column(heading, justify="right")
        for row in rows(view):
            table.add_row(*row)
        self._live.update(table, refresh=True)


def screen_for_stdout() -> Screen:
    """The live table where standard output is a terminal."""
    return TerminalScreen() if sys.stdout.isatty() else PlainScreen()
