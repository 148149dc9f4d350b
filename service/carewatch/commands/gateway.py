"""`carewatch gateway`: the HTTP receiver of webhooks."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import click
from prometheus_client import disable_created_metrics

from carewatch.bootstrap import build_gateway
from carewatch.clock import SteadyClock
from carewatch.commands.options import config_option
from carewatch.engine.systemd import Condition, Systemd
from carewatch.gateway.server import Gateway
from carewatch.settings import Settings, load_settings


@click.command()
@config_option
def command(folder: Path | None) -> None:
    """Run the HTTP receiver of webhooks."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # The Kafka client repeats every failed attempt to connect; the publisher says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # twice the series, for nobody
    asyncio.run(_serve(load_settings(folder, os.environ, secrets="gateway")))


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    systemd = Systemd(os.environ)
    gateway = build_gateway(settings, SteadyClock())
    await gateway.start()
    systemd.start(lambda: _condition(gateway))
    try:
        click.echo(
            f"gateway: webhooks at {gateway.url}/hooks/{{channel}}/{{account}},"
            f" metrics at {gateway.metrics_url}/metrics"
        )
        await stopped.wait()
    finally:
        systemd.stop()
        await gateway.stop()


def _condition(gateway: Gateway) -> Condition:
    """Ready as soon as it answers: without Kafka, too, it tells senders to come back."""
    ready, reasons = gateway.readiness()
    does = "taking webhooks" if ready else "answering 503"
    return Condition(ready=True, says="; ".join((does, *reasons)))
