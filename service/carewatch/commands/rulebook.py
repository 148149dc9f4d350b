"""`carewatch rulebook`: publishes the folder's rulebook, shows what was published, sets a gate."""

import asyncio
import os
from pathlib import Path

import click

from carewatch.clock import system_clock
from carewatch.commands.options import config_option, run_with
from carewatch.domain.times import format_time
from carewatch.engine.changelog import KafkaLog
from carewatch.engine.cluster import partition_counts
from carewatch.engine.connection import kafka_options
from carewatch.engine.transaction import KafkaTransaction
from carewatch.rulebooks import gate as gates
from carewatch.rulebooks.folder import read_rulebook
from carewatch.rulebooks.publish import (
    TRANSACTIONAL_ID,
    Publication,
    publish_rulebook,
    read_publications,
)
from carewatch.rulebooks.summary import describe_rulebook
from carewatch.settings import Settings, config_folder, load_settings
from carewatch.wire.topics import EVENTS, RULEBOOKS


@click.group()
def command() -> None:
    """Publish or show policies, schedules and channel profiles.

    Together with the tenants' keys they are the rulebook: one immutable version, computed with by
    every worker from one common instant on.
    """


@command.command()
@config_option
@click.option("--wait", is_flag=True, help="Return only when the rulebook has taken effect.")
def publish(folder: Path | None, wait: bool) -> None:
    """Publish the folder's rulebook; nothing happens if it is the newest already."""
    settings = load_settings(folder, secrets="kafka")
    run_with(settings.kafka, _publish(settings, folder, wait=wait))


@command.command()
@config_option
def show(folder: Path | None) -> None:
    """Show every published rulebook, and the policies of the newest."""
    settings = load_settings(folder, secrets="kafka")
    run_with(settings.kafka, _show(settings))


@command.command()
@config_option
@click.argument("version")
def gate(folder: Path | None, version: str) -> None:
    """Let no worker below VERSION compute from here on: the end of an upgrade.

    Older workers stop where they meet it, and say so. It cannot be taken back, and so VERSION is at
    most that of this program.
    """
    gates.check_gate(version)
    settings = load_settings(folder, secrets="kafka")
    run_with(settings.kafka, _gate(settings, version))


async def _publish(settings: Settings, folder: Path | None, *, wait: bool) -> None:
    document = read_rulebook(config_folder(folder, os.environ)[0])
    options = kafka_options(settings.kafka)
    counts = await partition_counts([EVENTS, RULEBOOKS], options)
    publication, published = await publish_rulebook(
        document,
        producer=KafkaTransaction(
            TRANSACTIONAL_ID,
            options=options,
            transaction_timeout_ms=settings.worker.transaction_timeout_ms,
        ),
        log=KafkaLog(options),
        partitions=counts[EVENTS],
        clock=system_clock,
    )
    said = "published" if published else "nothing to publish, this is the newest already:"
    click.echo(f"{said} {_headline(publication)}")
    if wait:
        await asyncio.sleep(max(0, publication.effective_at - system_clock()) / 1000)
        click.echo(f"rulebook {publication.number} has taken effect")


async def _show(settings: Settings) -> None:
    publications = await read_publications(KafkaLog(kafka_options(settings.kafka)))
    if not publications:
        click.echo("no rulebook is published: no policies, UTC, the shipped profiles")
        return
    now = system_clock()
    for publication in publications:
        when = "" if publication.effective_at <= now else " (not yet in effect)"
        click.echo(f"{_headline(publication)}{when}")
    for line in describe_rulebook(publications[-1].document):
        click.echo(line)


async def _gate(settings: Settings, version: str) -> None:
    options = kafka_options(settings.kafka)
    counts = await partition_counts([EVENTS], options)
    await gates.publish_gate(
        version,
        producer=KafkaTransaction(
            gates.TRANSACTIONAL_ID,
            options=options,
            transaction_timeout_ms=settings.worker.transaction_timeout_ms,
        ),
        partitions=counts[EVENTS],
        clock=system_clock,
    )
    click.echo(f"from here on results are computed by version {version} at least")


def _headline(publication: Publication) -> str:
    return (
        f"rulebook {publication.number} {publication.hash} "
        f"in effect from {format_time(publication.effective_at)}"
    )
