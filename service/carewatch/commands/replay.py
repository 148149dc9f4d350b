"""`carewatch replay`: the results of a file of events, computed without Kafka."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.rulebooks.folder import read_rulebook
from carewatch.wire import topics
from carewatch.wire.rulebooks import encode_document, encode_publication

BEGINNING = parse_time("0001-01-01T00:00:00.000Z")
"""The folder's rulebook holds from here on: before every event."""


@click.command()
@click.argument("events", type=click.File("rb"))
@click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder with the rulebook (carewatch.yaml, policies/, schedules/, channels.yaml).",
)
@click.option("--until", help="Go on ticking until this time (RFC 3339) after the last event.")
@click.option(
    "--partitions",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Spread the conversations over so many partitions; the results are the same.",
)
@click.option(
    "--out", type=click.File("wb"), default="-", show_default="standard output", help="Where to."
)
@click.option(
    "--ignore-published",
    is_flag=True,
    help="What if: use the folder although the file holds published rulebooks.",
)
def command(
    events: BinaryIO,
    folder: Path,
    until: str | None,
    partitions: int,
    out: BinaryIO,
    ignore_published: bool,
) -> None:
    """Compute the results of EVENTS, one event a line, exactly as a worker would.

    Writes one JSON object a line: {"topic":…, "key":…, "value":…}. The same file gives the same
    bytes, on every machine. "-" reads standard input.
    """
    end = None if until is None else _instant(until)
    canonical = encode_document(read_rulebook(folder))
    lines = [line for line in events.read().split(b"\n") if line.strip()]
    kinds = [_kind(line) for line in lines]
    replay = Replay(lambda output: _write(out, output), partitions=partitions)
    if ignore_published or "care.rulebook.published" not in kinds:
        replay.everywhere(
            encode_publication(
                number=1, canonical=canonical, effective_at=BEGINNING, recorded_at=BEGINNING
            )
        )
    recorded_ticks = "care.tick" in kinds
    for line, kind in _progress(list(zip(lines, kinds, strict=True))):
        if ignore_published and kind == "care.rulebook.published":
            continue
        recorded, key = _placed(line)
        if recorded is not None and not recorded_ticks:
            replay.ticks_until(recorded)
        if kind.startswith(("care.tick", "care.rulebook.", "care.version.")):
            replay.everywhere(line)
        else:
            replay.event(key, line)
    replay.close(end)
    out.flush()


def _instant(text: str) -> int:
    try:
        return parse_time(text)
    except InvalidRecord as error:
        raise ConfigError(
            f"--until {text!r} is not a time; write it like 2026-01-05T10:00:00Z"
        ) from error


def _kind(line: bytes) -> str:
    parsed = _parsed(line)
    kind = parsed.get("type")
    return kind if isinstance(kind, str) else ""


def _parsed(line: bytes) -> dict[str, object]:
    """The line as an object; empty for one that is none (it becomes a dead letter)."""
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _placed(line: bytes) -> tuple[int | None, str]:
    """When a line was recorded and the key it would have had; what can't be read says nothing."""
    parsed = _parsed(line)
    recorded, key = parsed.get("recordedtime"), parsed.get("partitionkey")
    try:
        at = parse_time(recorded) if isinstance(recorded, str) else None
    except InvalidRecord:
        at = None
    return at, key if isinstance(key, str) else ""


def _progress(lines: list[tuple[bytes, str]]) -> Iterator[tuple[bytes, str]]:
    """The lines, with a progress bar when a person is watching."""
    if not sys.stderr.isatty() or len(lines) < 1000:
        yield from lines
        return
    with click.progressbar(lines, label="replay", file=sys.stderr) as bar:
        yield from bar


def _write(out: BinaryIO, output: Output) -> None:
    """One public record as a line; internal topics are binary and stay inside."""
    topic = topics.BY_NAME[output.topic]
    if topic.schema is None:
        return
    key = None if output.key is None else output.key.decode("utf-8", "replace")
    value: object
    if output.topic == topics.DEAD:
        value = {
            "headers": {name: text.decode() for name, text in output.headers},
            "original": None if output.value is None else output.value.decode("utf-8", "replace"),
        }
    else:
        value = None if output.value is None else orjson.Fragment(output.value)
    out.write(orjson.dumps({"topic": output.topic, "key": key, "value": value}))
    out.write(b"\n")
