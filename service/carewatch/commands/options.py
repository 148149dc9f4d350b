"""Options that several commands share."""

import asyncio
import getpass
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from carewatch.domain.errors import Retryable
from carewatch.processors import PROCESSORS
from carewatch.settings import KafkaSettings

T = TypeVar("T")

config_option = click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the configuration; else CAREWATCH_CONFIG, else ./config.",
)
"""`--config DIR`, handed over as `folder`."""

stage_option = click.option(
    "--stage",
    required=True,
    type=click.Choice([one.name for one in PROCESSORS]),
    help="Which processor's partition.",
)
partition_option = click.option(
    "--partition", required=True, type=click.IntRange(0), help="Which partition of its source."
)
by_option = click.option(
    "--by",
    default=getpass.getuser,
    show_default="the user",
    help="Who gives the order, for the record.",
)


def run_with(kafka: KafkaSettings, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to with the cluster of the configuration, for a command that ends.

    Raises Retryable, in one line that says whom it has asked and what to do, when Kafka is away.
    """
    # The client repeats every failed attempt to connect; the command says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(work)
    except Retryable as error:
        raise Retryable(
            f"Kafka at {kafka.bootstrap_servers} (kafka.bootstrap_servers) could not be used: "
            f"{error}. Remedy: see that it runs and can be reached from here, then try again"
        ) from error
