"""`carewatch board`: exporter, wall page and JSON API."""

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path

import click

from carewatch.bootstrap import build_board
from carewatch.clock import system_clock
from carewatch.commands.options import config_option
from carewatch.engine.systemd import Condition, Systemd
from carewatch.exporter.exposition import SWITCH_S
from carewatch.exporter.server import BoardServer
from carewatch.settings import Settings, load_settings


@click.command()
@config_option
def command(folder: Path | None) -> None:
    """Run the exporter, the wall page and the JSON API."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # The Kafka client repeats every failed attempt to connect; the feed says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    sys.setswitchinterval(SWITCH_S)
    # What is loaded stays: a full collection, which holds up everybody, need not look at it.
    gc.freeze()
    # Reading results needs none of the secrets of doors: those stay with the gateway.
    asyncio.run(_serve(load_settings(folder, os.environ, secrets="board")))


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    systemd = Systemd(os.environ)
    board = build_board(settings, system_clock)
    await board.start()
    systemd.start(lambda: _condition(board))
    try:
        click.echo(
            f"board: wall at {board.url}/wall, metrics at {board.url}/metrics,"
            f" JSON at {board.url}/api/v1/board"
        )
        await stopped.wait()
    finally:
        systemd.stop()
        await board.stop()


def _condition(board: BoardServer) -> Condition:
    """Ready as soon as it answers: before it has read everything it says so with 503."""
    missing = board.missing
    says = "showing" if missing is None else f"answering 503: {missing}"
    return Condition(ready=True, says=says, alive=board.alive)
