"""`carewatch verify`: everything computed again by other code, and compared with the topics."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from carewatch.domain.errors import ConfigError
from carewatch.rulebooks.folder import read_rulebook
from carewatch.verify.comparison import Report
from carewatch.verify.found import read_results
from carewatch.verify.instants import instant
from carewatch.verify.oracle import Oracle, take_file
from carewatch.verify.verdict import judge
from carewatch.wire.rulebooks import encode_document

SAME, DIFFERENT, CANNOT_JUDGE = 0, 1, 2
"""Exit codes."""

MANY = 5_000
"""From so many records on, a person who watches sees progress."""


@click.command()
@click.option("--events", type=click.File("rb"), help="Judge files: what `carewatch replay` read.")
@click.option(
    "--results", type=click.File("rb"), help="Judge files: what `carewatch replay` wrote."
)
@click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the configuration; else CAREWATCH_CONFIG, else ./config.",
)
@click.option("--until", help="Files: the --until of the replay, if it had one.")
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
    folder: Path | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Compute all results again, independently, and compare them with what stands.

    Exit code 0: the same. 1: something differs; the first differences are printed, without
    personal data. 2: it cannot be judged.
    """
    if events is None or results is None or folder is None:
        raise ConfigError("verify needs --events, --results and --config")
    report = _files(events, results, folder, until)
    _tell(report, limit, as_json=as_json)
    ctx.exit(SAME if report.same else DIFFERENT)


def _files(events: BinaryIO, results: BinaryIO, folder: Path, until: str | None) -> Report:
    document = json.loads(encode_document(read_rulebook(folder)))
    oracle = Oracle(derive=True)
    lines = _progress(events.read().split(b"\n"), "events")
    take_file(oracle, lines, document=document, until=None if until is None else instant(until))
    return judge(oracle, read_results(_progress(results.read().split(b"\n"), "results")))


def _progress(lines: list[bytes], label: str) -> Iterator[bytes]:
    """The lines, with a progress bar when a person is watching."""
    if not sys.stderr.isatty() or len(lines) < MANY:
        yield from lines
        return
    with click.progressbar(lines, label=label, file=sys.stderr) as bar:
        yield from bar


def _tell(report: Report, limit: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.as_json()))
        return
    for one in report.differences[:limit]:
        click.echo(str(one))
    hidden = len(report.differences) - limit
    if hidden > 0:
        click.echo(f"... and {hidden} more differences (--limit)")
    click.echo(f"compared: {_counted(report.compared.items())}")
    if report.left_out:
        click.echo(f"left out: {_counted(report.left_out.items())}")
    click.echo("the same" if report.same else f"{len(report.differences)} differences")


def _counted(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in items)
