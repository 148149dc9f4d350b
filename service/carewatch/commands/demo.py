"""`carewatch demo`: everything on this machine."""

import shutil
import sys
import tempfile
from pathlib import Path

import click

from carewatch.commands.broker import show_progress
from carewatch.local.demo import INTERRUPTED, run_demo
from carewatch.local.options import USUAL_PORTS, Options, Ports, choose_port, refuse_used_folder
from carewatch.local.screen import screen_for_stdout

_PORT = click.IntRange(1, 65_535)


@click.command()
@click.option("--for", "seconds", type=click.IntRange(1), default=None, metavar="SECONDS",
              help="End after so much traffic, and compare what was published.")  # fmt: skip
@click.option("--rate", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="Webhooks per second.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same traffic.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Keep data and logs in this folder; another run goes on there.")  # fmt: skip
@click.option("--kafka-port", type=_PORT, default=None, help="[default: 9092]")
@click.option("--controller-port", type=_PORT, default=None, help="[default: 9093]")
@click.option("--gateway-port", type=_PORT, default=None, help="[default: 8080]")
@click.option("--gateway-metrics-port", type=_PORT, default=None, help="[default: 9110]")
@click.option("--worker-metrics-port", type=_PORT, default=None, help="[default: 9109]")
@click.option("--board-port", type=_PORT, default=None, help="[default: 9108]")
def command(
    *,
    seconds: int | None,
    rate: int,
    seed: int,
    data: Path | None,
    kafka_port: int | None,
    controller_port: int | None,
    gateway_port: int | None,
    gateway_metrics_port: int | None,
    worker_metrics_port: int | None,
    board_port: int | None,
) -> None:
    """Run everything on this machine and watch live numbers.

    Starts a real Kafka, creates the topics, publishes a rulebook with short promises, starts
    gateway, worker and board, and feeds them signed webhooks of simulated customers through the
    gateway's door. Ctrl-C ends all of it and leaves nothing running.

    With --for SECONDS it ends by itself: when every deadline has passed, the published totals are
    compared with what the simulator says they must be. That needs a fresh --data folder, or none.
    Exit status: 0, or 1 for any difference; 130 after Ctrl-C.

    Without --data a temporary folder is used. It is removed at the end, unless something failed.

    A default port that is taken is replaced by a free one.
    """
    usual = USUAL_PORTS
    ports = Ports(
        kafka=choose_port("--kafka-port", kafka_port, usual.kafka, click.echo),
        controller=choose_port("--controller-port", controller_port, usual.controller, click.echo),
        gateway=choose_port("--gateway-port", gateway_port, usual.gateway, click.echo),
        gateway_metrics=choose_port(
            "--gateway-metrics-port", gateway_metrics_port, usual.gateway_metrics, click.echo
        ),
        worker_metrics=choose_port(
            "--worker-metrics-port", worker_metrics_port, usual.worker_metrics, click.echo
        ),
        board=choose_port("--board-port", board_port, usual.board, click.echo),
    )
    if data is not None and seconds is not None:
        refuse_used_folder(data)
    folder = Path(tempfile.mkdtemp(prefix="carewatch-demo-")) if data is None else data.absolute()
    options = Options(folder=folder, ports=ports, seconds=seconds, rate=rate, seed=seed)
    status = 1
    try:
        status = run_demo(options, screen_for_stdout(), show_progress)
    finally:
        if data is None and status in {0, INTERRUPTED}:
            shutil.rmtree(folder, ignore_errors=True)
        elif status == 1:
            click.echo(f"data and logs are kept: {folder}", err=True)
    sys.exit(status)
