"""`carewatch topics plan|apply`: the topic catalogue against a cluster."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from carewatch.commands.options import run_with
from carewatch.engine.catalogue import Plan, plan_topics
from carewatch.engine.topics import apply_topics, describe_topics
from carewatch.settings import KafkaSettings, load_settings

_BOOTSTRAP = click.option(
    "--bootstrap-servers",
    metavar="HOST:PORT,...",
    help="Brokers to ask first; default: kafka.bootstrap_servers of the configuration.",
)
_CONFIG = click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the configuration, for partition counts, replicas and brokers.",
)


def _cluster_options(function: Callable[..., None]) -> Callable[..., None]:
    return _BOOTSTRAP(_CONFIG(function))


def _kafka(bootstrap_servers: str | None, config: Path | None) -> KafkaSettings:
    kafka = load_settings(config, secrets="kafka").kafka
    if bootstrap_servers is None:
        return kafka
    return msgspec.structs.replace(kafka, bootstrap_servers=bootstrap_servers)


def _look(kafka: KafkaSettings) -> Plan:
    return plan_topics(run_with(kafka, describe_topics(kafka)), kafka)


def _show(plan: Plan, *, create: str) -> None:
    for topic in plan.missing:
        config = ", ".join(f"{key}={value}" for key, value in sorted(topic.config.items()))
        click.echo(f"{create}  {topic.name}: {topic.partitions} partitions, {config}")
    for remark in plan.differs:
        click.echo(f"differs  {remark}")
    for remark in plan.refused:
        click.echo(f"refused  {remark}")


@click.group()
def command() -> None:
    """Compare the topic catalogue with a cluster; create what is missing.

    Topics are created and never changed: partition counts are fixed at birth, and settings that
    someone chose are left as they are. Those with which results would be lost are refused.
    """


@command.command()
@_cluster_options
def plan(bootstrap_servers: str | None, config: Path | None) -> None:
    """Print what apply would create, what differs, and what is refused.

    Exit status: 0 nothing to create, 3 topics are missing, 1 something is refused or the cluster
    cannot be asked, 2 a mistake in the configuration.
    """
    found = _look(_kafka(bootstrap_servers, config))
    _show(found, create="create ")
    if found.refused:
        sys.exit(1)
    if found.missing:
        sys.exit(3)
    click.echo("nothing to create")


@command.command()
@_cluster_options
def apply(bootstrap_servers: str | None, config: Path | None) -> None:
    """Create the topics that are missing.

    Exit status: 0 all topics are there, 1 something is refused (then nothing is created) or the
    cluster cannot be asked, 2 a mistake in the configuration.
    """
    kafka = _kafka(bootstrap_servers, config)
    found = _look(kafka)
    run_with(kafka, apply_topics(found, kafka))
    _show(found, create="created")
    if not found.missing:
        click.echo("nothing to create")
