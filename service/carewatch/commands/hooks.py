"""`carewatch hooks`: try a channel out: what does a payload mean, does the gateway take it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import click
import orjson

from carewatch.channels import CHANNELS
from carewatch.channels.base import Skip, SkipReason
from carewatch.clock import system_clock
from carewatch.commands.options import config_option
from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.gateway.doors import Door, doors_of
from carewatch.gateway.trial import Meaning, meanings, post, sample_door, signed_request
from carewatch.settings import Settings, load_settings
from carewatch.wire.envelope import encode_event

_WHY: Final[dict[SkipReason, str]] = {
    "ignored": "known, and nothing that care metrics need",
    "unmapped": "a kind that this channel does not know: kept as a dead letter",
    "schema": "a known kind in an unknown shape: kept as a dead letter",
    "unknown_type": "a type that carewatch does not have: kept as a dead letter",
    "missing_section": "a part that its type needs is missing: kept as a dead letter",
    "time": "its time cannot be read: kept as a dead letter",
    "wrong_account": "names another account than match of the configuration: kept as a dead letter",
    "error": "a bug of the channel: kept as a dead letter; please report it with a made-up payload",
}

_TOLD: Final = {
    200: "taken: stored, or nothing in it was needed",
    202: "taken",
    204: "taken: stored, or nothing in it was needed",
    401: "refused: the secret is not the gateway's, or its clock differs by more than the scheme"
    " allows",
    404: "refused: the gateway has no such channel and account; restart it after a change",
    413: "refused: larger than the channel's limit",
    415: "refused: a Content-Encoding",
    429: "refused for now: over the account's rate",
    503: "not taken: Kafka does not acknowledge; a provider would come again",
}

channel_option = click.option(
    "--channel",
    required=True,
    type=click.Choice([channel.name for channel in CHANNELS]),
    help="Whose payload it is.",
)


@click.group()
def command() -> None:
    """Try a channel out: see what a payload means, send it to a running gateway.

    FILE holds one body as the provider posts it, JSON or a form; - reads standard input. Payloads
    hold personal data: take made-up ones, like those in tests/channels.
    """


@command.command()
@click.argument("file", type=click.File("rb"))
@channel_option
@click.option("--account", help="An account of carewatch.yaml, with its match and its keys.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object an item, events whole.")
def explain(
    file: IO[bytes], channel: str, account: str | None, folder: Path | None, *, as_json: bool
) -> None:
    """Print what the channel makes of the payload in FILE; nothing is sent.

    Without --account no configuration is read: any account of the provider matches, and
    pseudonyms are made with keys of this run. Exit code 1: something would be a dead letter.
    """
    if account is None:
        adapter = next(one for one in CHANNELS if one.name == channel)
        door, settings = sample_door(adapter), Settings()
    else:
        settings = load_settings(folder, os.environ, secrets="gateway")
        door = _door(settings, channel, account)
    try:
        request = signed_request(door, settings, file.read(), system_clock())
        found = list(meanings(door, request))
    except InvalidRecord as error:
        click.echo(f"the whole body is kept as a dead letter: {error.reason}", err=True)
        raise SystemExit(1) from None
    for number, meaning in enumerate(found, start=1):
        if as_json:
            click.echo(_json(meaning))
        else:
            click.echo("\n".join(_block(number, meaning)))
    if not found and not as_json:
        click.echo("nothing in it: an empty batch")
    if any(isinstance(one, Skip) and one.reason != "ignored" for one in found):
        raise SystemExit(1)


@command.command()
@click.argument("file", type=click.File("rb"))
@channel_option
@click.option("--account", required=True, help="An account of carewatch.yaml.")
@config_option
@click.option("--gateway", help="Its address; else that of the configuration.")
def send(
    file: IO[bytes], channel: str, account: str, folder: Path | None, gateway: str | None
) -> None:
    """Sign the payload in FILE as its provider would, and post it to a running gateway.

    The secret is the account's first of carewatch.yaml, as the gateway resolves it. What is sent
    counts like any other delivery, so take an account of a test tenant. Exit code 1: not taken.
    """
    settings = load_settings(folder, os.environ, secrets="gateway")
    door = _door(settings, channel, account)
    request = signed_request(door, settings, file.read(), system_clock())
    own = settings.gateway
    address = gateway or f"http://{own.host}:{own.port}"
    status, text = asyncio.run(post(request, address))
    click.echo(f"{status} {_TOLD.get(status, 'not taken')}")
    if text:
        click.echo(text)
    if not 200 <= status < 300:
        raise SystemExit(1)


def _door(settings: Settings, channel: str, account: str) -> Door:
    door = doors_of(settings, CHANNELS).get((channel, account))
    if door is None:
        known = ", ".join(f"{one.channel}/{one.account}" for one in settings.accounts)
        raise ConfigError(
            f"accounts: {channel}/{account} is not configured; there are {known or 'none'}"
        )
    return door


def _json(meaning: Meaning) -> str:
    if isinstance(meaning, Skip):
        return orjson.dumps({"skip": meaning.reason, "path": meaning.path}).decode()
    return encode_event(meaning).decode()


def _block(number: int, meaning: Meaning) -> Iterator[str]:
    if isinstance(meaning, Skip):
        yield f"{number}  no event: {meaning.reason} at {meaning.path}"
        yield f"   {_WHY[meaning.reason]}"
        return
    event = orjson.loads(encode_event(meaning))
    data = event["data"]
    yield f"{number}  {event['type']}  {event['time']} ({data.get('time_quality', 'ms')})"
    yield f"   id {event['id']}"
    for name, value in _leaves(data):
        if name not in _SAID:
            yield f"   {name} {value}"


_SAID: Final = (
    "tenant", "adapter", "adapter_version", "source_role", "account_ref", "time_quality", "key_id",
)  # fmt: skip
"""What the command line said already."""


def _leaves(node: dict[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield (
                f"{before}{name}",
                value if isinstance(value, str) else orjson.dumps(value).decode(),
            )
