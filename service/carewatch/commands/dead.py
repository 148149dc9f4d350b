"""`carewatch dead`: looks at what could not be understood, and lets it be counted after all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import orjson

from carewatch.bootstrap import build_redriver
from carewatch.clock import system_clock
from carewatch.commands.options import (
    by_option,
    config_option,
    partition_option,
    run_with,
    stage_option,
)
from carewatch.domain.errors import ConfigError, InvalidRecord, Refused
from carewatch.domain.times import format_time
from carewatch.engine.changelog import KafkaLog
from carewatch.engine.connection import kafka_options
from carewatch.engine.letters import Letter, read_letters
from carewatch.engine.orders import give_order
from carewatch.engine.sealing import seal_of
from carewatch.gateway.redrive import Redriver
from carewatch.settings import Settings, load_settings
from carewatch.wire.commands import Redrive, Release
from carewatch.wire.dead import REASONS
from carewatch.wire.topics import DEAD


@click.group()
def command() -> None:
    """Look at dead letters, feed them again, release a partition that stopped.

    A dead letter is what could not be understood: a request's body, or a record of a topic. It is
    kept sealed for a week; `list` and `allow` need no key, `show` and `redrive` open it with
    privacy.dead_letter_key of the configuration.
    """


@command.command("list")
@config_option
@click.option("--reason", type=click.Choice(REASONS), help="Only those of this reason.")
@click.option("--stage", help="Only those of this stage: gateway, track, customer, merge.")
@click.option("--newest", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_letters(
    folder: Path | None, reason: str | None, stage: str | None, newest: int, as_json: bool
) -> None:
    """List the newest dead letters, without opening them."""
    settings = load_settings(folder, secrets="kafka")
    found = run_with(settings.kafka, _matching(settings, reason, stage))
    for letter in found[-newest:]:
        click.echo(orjson.dumps(_told(letter)).decode() if as_json else _line(letter))
    if not as_json:
        click.echo(f"{min(len(found), newest)} of {len(found)} dead letters")


@command.command()
@config_option
@click.argument("offset", type=click.IntRange(0))
def show(folder: Path | None, offset: int) -> None:
    """Open the dead letter at OFFSET of care.dead and print it. It may hold personal data."""
    settings = load_settings(folder, secrets="dead_letters")
    letter = run_with(settings.kafka, _one(settings, offset))
    body = _opened(letter, settings)
    click.echo(_line(letter), err=True)
    click.echo(body, nl=not body.endswith(b"\n"))


@command.command()
@config_option
@stage_option
@partition_option
@click.option(
    "--until",
    type=click.IntRange(0),
    required=True,
    help="Offset of the source: what stands below it is no longer counted.",
)
@by_option
def allow(folder: Path | None, stage: str, partition: int, until: int, by: str) -> None:
    """Release a partition that stopped above its limit of dead letters.

    The worker goes on where it stopped: what cannot be understood below --until becomes dead
    letters without being counted, from there on the limits hold again.
    """
    settings = load_settings(folder, secrets="kafka")
    order = Release(by=by, stage=stage, partition=partition, until_offset=until)
    id_ = run_with(
        settings.kafka, give_order(order, kafka_options(settings.kafka), at=system_clock())
    )
    click.echo(f"ordered: {stage} partition {partition}, not counting below {until} ({id_})")


@command.command()
@config_option
@click.argument("first", type=click.IntRange(0))
@click.argument("until", type=click.IntRange(1))
@click.option("--reason", type=click.Choice(REASONS), help="Only those of this reason.")
@by_option
def redrive(folder: Path | None, first: int, until: int, reason: str | None, by: str) -> None:
    """Feed dead letters again: those from offset FIRST of care.dead up to below UNTIL.

    A record goes back to its topic and partition; a body is read by its channel once more, as of
    its arrival. Ids stay, so nothing counts twice. What is still not understood is not written
    again.
    """
    if until <= first:
        raise ConfigError(f"UNTIL ({until}) must be above FIRST ({first}): offsets of {DEAD}")
    settings = load_settings(folder, secrets="gateway")
    run_with(settings.kafka, _redrive(settings, first, until, reason, by))


async def _matching(settings: Settings, reason: str | None, stage: str | None) -> list[Letter]:
    log = KafkaLog(kafka_options(settings.kafka))
    return [
        letter
        async for letter in read_letters(log)
        if reason in (None, letter.reason) and stage in (None, letter.stage)
    ]


async def _one(settings: Settings, offset: int) -> Letter:
    log = KafkaLog(kafka_options(settings.kafka))
    async for letter in read_letters(log, offset, offset + 1):
        return letter
    raise Refused(
        f"{DEAD} has no record at offset {offset}: it was never there, or its week is over. "
        "Remedy: carewatch dead list shows those that are there"
    )


def _opened(letter: Letter, settings: Settings) -> bytes:
    try:
        return letter.open(seal_of(settings))
    except InvalidRecord as error:
        raise Refused(
            f"{DEAD} offset {letter.offset} was sealed with another key, or was changed. Remedy: "
            "set privacy.dead_letter_key to the key that was in force when it was written"
        ) from error


async def _redrive(settings: Settings, first: int, until: int, reason: str | None, by: str) -> None:
    log = KafkaLog(kafka_options(settings.kafka))
    async with _redriving(settings) as redriver:
        async for letter in read_letters(log, first, until):
            if reason in (None, letter.reason):
                _opened(letter, settings)
                await redriver.feed(letter)
        order = Redrive(by=by, partition=0, from_offset=first, until_offset=until)
        await give_order(order, kafka_options(settings.kafka), at=system_clock())
    done = redriver.done
    click.echo(f"fed {done.letters} dead letters again, as {done.records} records")
    for why, count in sorted(done.left.items()):
        click.echo(f"{count} left as they are: {why}")


@asynccontextmanager
async def _redriving(settings: Settings) -> AsyncIterator[Redriver]:
    redriver = await build_redriver(settings)
    await redriver.start()
    try:
        yield redriver
    finally:
        await redriver.stop()


def _told(letter: Letter) -> dict[str, object]:
    return {
        "offset": letter.offset,
        "kind": letter.kind,
        "reason": letter.reason,
        "stage": letter.stage,
        "original_topic": letter.topic,
        "original_partition": letter.partition,
        "original_offset": letter.original_offset,
        "arrived_at": None if letter.arrived_at is None else format_time(letter.arrived_at),
        "channel": letter.channel,
        "account": letter.account,
        "bytes": len(letter.sealed),
    }


def _line(letter: Letter) -> str:
    if letter.kind == "record":
        origin = f"{letter.topic} partition {letter.partition} offset {letter.original_offset}"
    else:
        when = "" if letter.arrived_at is None else f" at {format_time(letter.arrived_at)}"
        origin = f"{letter.channel}/{letter.account}{when}"
    return f"{letter.offset:>8}  {letter.reason:<16} {letter.stage:<8} {letter.kind:<6} {origin}"
