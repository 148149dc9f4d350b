"""`carewatch state`: looks into the workers' state, and orders what to do about a partition."""

from pathlib import Path

import click
import orjson

from carewatch.clock import system_clock
from carewatch.commands.options import (
    by_option,
    config_option,
    partition_option,
    run_with,
    stage_option,
)
from carewatch.domain.errors import Refused
from carewatch.engine.changelog import KafkaLog, read_newest
from carewatch.engine.cluster import partition_counts
from carewatch.engine.connection import kafka_options
from carewatch.engine.group import group_offset
from carewatch.engine.orders import give_order
from carewatch.processors import PROCESSORS
from carewatch.processors.base import PartitionContext
from carewatch.processors.look import describe
from carewatch.processors.track import TRACK, Track
from carewatch.settings import Settings, load_settings
from carewatch.wire.commands import Accept, Order, Pause, Resume
from carewatch.wire.partitions import partition_of


@click.group()
def command() -> None:
    """Look at a conversation's state; pause a partition; go on after a loss.

    `show` only reads. The others write an order to care.commands, which the worker that owns the
    partition carries out; every order is logged with who gave it.
    """


@command.command()
@config_option
@click.argument("conversation")
@click.option("--tenant", help="Whose conversation; needed when several tenants use the key.")
@click.option("--json", "as_json", is_flag=True, help="JSON, instead of indented lines.")
def show(folder: Path | None, conversation: str, tenant: str | None, as_json: bool) -> None:
    """Show what is remembered of CONVERSATION, as of the last commit: nothing personal.

    Reads the whole changelog of its partition, so on a large state it takes some seconds.
    """
    settings = load_settings(folder, secrets="kafka")
    told = run_with(settings.kafka, _conversation(settings, conversation, tenant))
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    for line in _lines(told):
        click.echo(line)


@command.command()
@config_option
@stage_option
@partition_option
@by_option
def pause(folder: Path | None, stage: str, partition: int, by: str) -> None:
    """Stop working on a partition until it is resumed; at most for a week.

    What came meanwhile is worked off afterwards: nothing is lost, everything of it is late.
    """
    _order(load_settings(folder, secrets="kafka"), Pause(by=by, stage=stage, partition=partition))


@command.command()
@config_option
@stage_option
@partition_option
@by_option
def resume(folder: Path | None, stage: str, partition: int, by: str) -> None:
    """Go on with a paused partition."""
    _order(load_settings(folder, secrets="kafka"), Resume(by=by, stage=stage, partition=partition))


@command.command("accept-replay")
@config_option
@stage_option
@partition_option
@by_option
def accept_replay(folder: Path | None, stage: str, partition: int, by: str) -> None:
    """Go on although the changelog has lost its tail: what it forgot is computed again.

    Results from the marker on are written a second time, with the ids that they had. Says which.
    """
    settings = load_settings(folder, secrets="kafka")
    marker, first, committed = run_with(settings.kafka, _positions(settings, stage, partition))
    if committed is None or committed <= marker:
        raise Refused(
            f"nothing to accept: the marker of {stage} partition {partition} says {marker}, and "
            f"its group is at {committed}. Remedy: none is needed"
        )
    _order(settings, Accept(by=by, stage=stage, partition=partition, marker=marker))
    source = max(marker, first)
    click.echo(f"results of offsets {source} to {committed - 1} are written again, with their ids")


@command.command("accept-gap")
@config_option
@stage_option
@partition_option
@by_option
def accept_gap(folder: Path | None, stage: str, partition: int, by: str) -> None:
    """Go on although retention removed records before they were read: they are missing. Says which.

    Conversations with missing records are wrong from there on; carewatch verify leaves them out.
    """
    settings = load_settings(folder, secrets="kafka")
    marker, first, _ = run_with(settings.kafka, _positions(settings, stage, partition))
    if first <= marker:
        raise Refused(
            f"nothing to accept: the marker of {stage} partition {partition} says {marker}, and "
            f"its source begins at {first}. Remedy: none is needed"
        )
    _order(settings, Accept(by=by, stage=stage, partition=partition, marker=marker))
    click.echo(f"offsets {marker} to {first - 1} are left out: {first - marker} are missing")


def _order(settings: Settings, order: Order) -> None:
    id_ = run_with(
        settings.kafka, give_order(order, kafka_options(settings.kafka), at=system_clock())
    )
    click.echo(f"ordered: {type(order).__name__.lower()} ({id_})")


async def _positions(settings: Settings, stage: str, partition: int) -> tuple[int, int, int | None]:
    """The marker, the source's first offset, and where the group stands."""
    options = kafka_options(settings.kafka)
    log = KafkaLog(options)
    processor = next(one for one in PROCESSORS if one.name == stage)
    counts = await _counts(options)
    if partition >= counts[processor.reads]:
        raise Refused(
            f"{processor.reads} has partitions 0 to {counts[processor.reads] - 1}, not {partition}"
        )
    restored = await read_newest(log, processor.changelog, partition, owned=False)
    stage_ = processor.build(PartitionContext(partition=partition, partitions=counts))
    marker = stage_.restore(restored.take_rows(), restored.marker)
    first = await log.first_offset(processor.reads, partition)
    return marker, first, await group_offset(processor, partition, options)


async def _conversation(settings: Settings, key: str, tenant: str | None) -> dict[str, object]:
    options = kafka_options(settings.kafka)
    counts = await _counts(options)
    partition = partition_of(key.encode(), counts[TRACK.reads])
    restored = await read_newest(KafkaLog(options), TRACK.changelog, partition, owned=False)
    track = Track(PartitionContext(partition=partition, partitions=counts))
    next_offset = track.restore(restored.take_rows(), restored.marker)
    found = [one for one in track.conversations(key) if tenant in (None, one.tenant)]
    if not found:
        raise Refused(
            f"{TRACK.changelog} partition {partition} knows no conversation {key!r}"
            f"{f' of tenant {tenant!r}' if tenant else ''}. Remedy: check the key (it is the "
            "conversation_key of its events), and that the worker has caught up"
        )
    if len(found) > 1:
        tenants = ", ".join(one.tenant for one in found)
        raise Refused(f"conversation {key!r} is known of {tenants}. Remedy: choose by --tenant")
    memory = found[0]
    return {
        "tenant": memory.tenant,
        "conversation": memory.key,
        "partition": partition,
        "as_of_offset": next_offset,
        "clock_at": describe(memory.recorded, "clock_at"),
        "events_in_history": len(memory.events),
        "state": describe(memory.state),
    }


async def _counts(options: dict[str, object]) -> dict[str, int]:
    topics = {topic for one in PROCESSORS for topic in (one.reads, one.changelog, *one.writes)}
    return await partition_counts(topics, options)


def _lines(value: object, name: str = "", depth: int = 0) -> list[str]:
    indent = "  " * depth
    match value:
        case dict() if value:
            head = [f"{indent}{name}:"] if name else []
            inner = depth + 1 if name else depth
            return head + [line for key, item in value.items() for line in _lines(item, key, inner)]
        case list() if any(isinstance(item, dict | list) for item in value):
            return [f"{indent}{name}:"] + [
                line for item in value for line in _lines(item, "-", depth + 1)
            ]
        case list():
            return [f"{indent}{name}: {', '.join(str(item) for item in value) or '-'}"]
        case _:
            return [f"{indent}{name}: {'-' if value in (None, {}) else value}"]
