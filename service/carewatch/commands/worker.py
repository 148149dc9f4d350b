"""`carewatch worker`: the same process as `faust -A carewatch.worker worker -l info`."""

from pathlib import Path

import click

from carewatch.bootstrap import wire_worker
from carewatch.commands.options import config_option
from carewatch.settings import load_settings


@click.command()
@config_option
@click.option(
    "-l",
    "--loglevel",
    default="info",
    show_default=True,
    type=click.Choice(["debug", "info", "warn", "error"]),
)
def command(folder: Path | None, loglevel: str) -> None:
    """Run the stream worker until it is told to stop (SIGTERM, Ctrl-C)."""
    from carewatch.streams.run import run_worker  # noqa: PLC0415 - --help need not wait for Faust

    app = wire_worker(load_settings(folder, secrets="dead_letters"))
    app.answer()
    run_worker(app, loglevel)
