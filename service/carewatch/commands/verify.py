"""`carewatch verify`: everything computed again by other code, and compared with the topics."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from carewatch.commands.options import run_with
from carewatch.domain.errors import ConfigError
from carewatch.engine.connection import kafka_options
from carewatch.rulebooks.folder import read_rulebook
from carewatch.settings import KafkaSettings, load_settings
from carewatch.verify.comparison import Report
from carewatch.verify.found import read_results
from carewatch.verify.instants import instant
from carewatch.verify.live import judge_cluster
from carewatch.verify.oracle import Oracle, take_file
from carewatch.verify.reading import CannotJudge
from carewatch.verify.verdict import judge
from carewatch.wire.rulebooks import encode_document

SAME, DIFFERENT, CANNOT_JUDGE = 0, 1, 2
"""Exit codes."""

MANY = 5_000
"""So many records apart a person who watches hears how far it is."""


@click.command()
@click.option("--events", type=click.File("rb"), help="Judge files: what `replay` read.")
@click.option("--results", type=click.File("rb"), help="Judge files: what `replay` wrote.")
@click.option("--until", help="Judge files: the --until of the replay, if it had one.")
@click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the configuration; else CAREWATCH_CONFIG, else ./config. "
    "For files: that of the replay.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Show so many differences.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    events: BinaryIO | None,
    results: BinaryIO | None,
    until: str | None,
    folder: Path | None,
    limit: int,
    as_json: bool,
) -> None:
    """Compute all results again, by code that shares nothing with the worker's, and compare.

    Reads care.events from the beginning and what stands in care.facts, care.sla, care.metrics,
    care.late and care.dead, committed records only, up to the worker's position; it writes
    nothing, so it may run beside production. What cannot be judged is left out and counted:
    conversations that go on beyond the position; where the head of the log is gone, those that
    may be older, with the windows they touch; and where a customer was erased, what is counted by
    customers of that tenant.

    \b
    carewatch verify                              the cluster of the configuration
    carewatch verify --config DIR --events E.jsonl --results R.jsonl
                                                  a file that `carewatch replay` read, and wrote

    Exit code 0: the same. 1: something differs; the first differences are printed, each with what
    is expected and what was found, without personal data. 2: it cannot be judged.
    """
    try:
        if events is not None and results is not None:
            report = _files(events, results, folder, until)
        elif events is None and results is None and until is None:
            report = _cluster(load_settings(folder, secrets="kafka").kafka)
        else:
            raise ConfigError("--events and --results go together; --until is for them only")
    except CannotJudge as reason:
        click.echo(f"carewatch: cannot judge: {reason}", err=True)
        ctx.exit(CANNOT_JUDGE)
    _tell(report, limit, as_json=as_json)
    ctx.exit(SAME if report.same else DIFFERENT)


def _cluster(kafka: KafkaSettings) -> Report:
    try:
        return run_with(kafka, judge_cluster(kafka_options(kafka), _watcher()))
    except CannotJudge as reason:
        raise CannotJudge(
            f"Kafka at {kafka.bootstrap_servers} (kafka.bootstrap_servers): {reason}"
        ) from reason


def _files(events: BinaryIO, results: BinaryIO, folder: Path | None, until: str | None) -> Report:
    if folder is None:
        raise ConfigError("--events needs --config: the folder that the replay was given")
    try:
        end = None if until is None else instant(until)
    except ValueError as error:
        raise ConfigError(
            f"--until {until!r} is not a time; write it like 2026-01-05T10:00:00Z"
        ) from error
    document = json.loads(encode_document(read_rulebook(folder)))
    oracle = Oracle(derive=True)
    take_file(oracle, _watched(events, "events"), document=document, until=end)
    return judge(oracle, read_results(_watched(results, "results")))


def _watched(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of a file; a person who watches sees how far it is."""
    seen = _watcher()
    lines = file.read().split(b"\n")
    seen(name, len(lines))
    for line in lines:
        seen(name, 0)
        yield line


def _watcher() -> Callable[[str, int], None]:
    """What is told how many records a topic has, and then of each; speaks to terminals only."""
    done: dict[str, int] = {}
    total: dict[str, int] = {}

    def seen(name: str, expected: int) -> None:
        if expected:
            total[name] = expected
            return
        done[name] = done.get(name, 0) + 1
        if done[name] % MANY == 0 and sys.stderr.isatty():
            click.echo(f"{name}: {done[name]:,} of {total.get(name, 0):,}", err=True)

    return seen


def _tell(report: Report, limit: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.as_json()))
        return
    for one in report.differences[:limit]:
        click.echo(str(one))
    hidden = len(report.differences) - limit
    if hidden > 0:
        click.echo(f"... and {hidden:,} more differences (--limit)")
    click.echo(f"compared: {_counted(report.compared.items())}")
    if report.left_out:
        click.echo(f"left out: {_counted(report.left_out.items())}")
    click.echo("the same" if report.same else f"{len(report.differences):,} differences")


def _counted(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in items)
