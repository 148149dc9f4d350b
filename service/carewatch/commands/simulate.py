"""`carewatch simulate`: realistic traffic to a file, or through a gateway in real time."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Final

import click

from carewatch.clock import system_clock
from carewatch.domain.durations import parse_duration
from carewatch.domain.errors import ConfigError, Refused
from carewatch.settings import load_settings
from carewatch.simulate.doors import SAMPLE_DOORS, doors_of
from carewatch.simulate.manifest import manifest_of
from carewatch.simulate.recording import write_requests
from carewatch.simulate.request import Door
from carewatch.simulate.sending import Answers, Sender
from carewatch.simulate.story import Promise
from carewatch.simulate.traffic import Plan, Traffic

RECORDED_START_MS: Final = 1_767_607_200_000
"""2026-01-05T10:00:00Z: a recording does not depend on when it is made."""

SHUTDOWN_EXIT: Final = 130


class _Duration(click.ParamType):
    """`10m`, `90s`, `1h`; gives milliseconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            return value if isinstance(value, int) else parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same traffic.")
@click.option("--rate", type=click.IntRange(1, 100_000), default=20, show_default=True,
              help="Requests per second, on average.")  # fmt: skip
@click.option("--for", "seconds", type=click.IntRange(1), default=None,
              help="Length in seconds; without it a gateway is fed until Ctrl-C.")  # fmt: skip
@click.option("--gateway", default=None, metavar="URL",
              help="Send to this gateway, e.g. http://127.0.0.1:8080, in real time.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Write the requests to this file as JSON lines.")  # fmt: skip
@click.option("--manifest", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Write what a correct pipeline must count to this file.")  # fmt: skip
@click.option("--config", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="The gateway's configuration: its accounts and their secrets.")  # fmt: skip
@click.option("--policy", default="default", show_default=True,
              help="Name of the SLA policy that the configuration promises.")  # fmt: skip
@click.option("--first-reply", type=_Duration(), default="10m", show_default=True,
              help="Its target for first replies, by calendar hours.")  # fmt: skip
@click.option("--next-reply", type=_Duration(), default="10m", show_default=True,
              help="Its target for next replies, by calendar hours.")  # fmt: skip
def command(
    *,
    seed: int,
    rate: int,
    seconds: int | None,
    gateway: str | None,
    out: Path | None,
    manifest: Path | None,
    config: Path | None,
    policy: str,
    first_reply: int,
    next_reply: int,
) -> None:
    """Make realistic traffic: conversations over several channels, as signed provider payloads.

    Everything follows from the seed: bursts, bots and hand-offs, late and missing answers,
    reopened cases, deliveries that come twice, late or out of order, and nonsense that must be
    refused. --out writes a recording (--for is needed); --gateway sends in real time, stamped
    with the present, and repeats what is answered with 503 or 429.

    The manifest says what must have been counted, as totals by tenant and channel; with a gateway
    it is written at the end, and only when the traffic was not interrupted. Exit status: 0 when
    every request was answered as it should be, 1 when not, 130 after Ctrl-C.
    """
    if (gateway is None) == (out is None):
        raise ConfigError("Say where the traffic goes: either --gateway URL or --out FILE")
    if seconds is None and (out is not None or manifest is not None):
        raise ConfigError("--out and --manifest need an end: add --for SECONDS")
    start_ms = RECORDED_START_MS if gateway is None else system_clock()
    plan = Plan(
        seed=seed,
        start_ms=start_ms,
        stop_ms=None if seconds is None else start_ms + seconds * 1000,
        rate=rate,
        promise=Promise(policy=policy, first_reply_ms=first_reply, next_reply_ms=next_reply),
        doors=_doors(config, gateway),
    )
    traffic = Traffic(plan)
    if out is not None:
        with out.open("w", encoding="utf-8") as lines:
            count = write_requests(traffic, lines)
        click.echo(f"{count} requests of {traffic.conversations} conversations: {out}")
        _write_manifest(traffic, None, manifest)
        return
    assert gateway is not None  # noqa: S101 - for the type checker: see the first refusal
    answers = asyncio.run(_send(traffic, gateway))
    if answers is None:
        click.echo("interrupted: no manifest is written", err=True)
        sys.exit(SHUTDOWN_EXIT)
    _write_manifest(traffic, answers, manifest)
    if not answers.as_expected:
        examples = "".join(f"\n  {line}" for line in answers.wrong)
        raise Refused(
            f"{gateway} did not answer as it should: {answers.mistaken} other answers, "
            f"{answers.lost} requests given up{examples}"
        )


def _doors(config: Path | None, gateway: str | None) -> tuple[Door, ...]:
    if config is None and gateway is None:
        return SAMPLE_DOORS
    return doors_of(load_settings(config, secrets="gateway"))


async def _send(traffic: Traffic, gateway: str) -> Answers | None:
    """Sends everything, with a line of progress each second; None when it was interrupted."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sender = Sender(gateway, system_clock, stop)
    async with asyncio.TaskGroup() as tasks:
        progress = tasks.create_task(_show(sender.answers, traffic))
        try:
            await sender.send(traffic)
        finally:
            progress.cancel()
    click.echo(_line(sender.answers, traffic), err=True)
    return None if stop.is_set() else sender.answers


async def _show(answers: Answers, traffic: Traffic) -> None:
    on_terminal = sys.stderr.isatty()
    while True:
        await asyncio.sleep(1 if on_terminal else 10)
        click.echo(_line(answers, traffic), err=True)


def _line(answers: Answers, traffic: Traffic) -> str:
    by_status = " ".join(f"{status}: {n}" for status, n in sorted(answers.by_status.items()))
    return (
        f"{answers.sent} requests of {traffic.conversations} conversations answered "
        f"({by_status or 'none'}), {answers.retried} repeated"
    )


def _write_manifest(traffic: Traffic, answers: Answers | None, file: Path | None) -> None:
    if file is None:
        return
    document = manifest_of(traffic, answers)
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"what must be counted: {file} (settled at {document['settled_at']})", err=True)
