"""`carewatch check`: the configuration as it would take effect, or every mistake in it."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import click
import msgspec
from ruamel.yaml import YAML

from carewatch.channels import CHANNELS
from carewatch.commands.options import config_option
from carewatch.domain.errors import ConfigError
from carewatch.engine.sealing import seal_of
from carewatch.gateway.doors import doors_of
from carewatch.rulebooks.folder import read_document
from carewatch.rulebooks.summary import describe_rulebook
from carewatch.settings import FILE, Secret, Settings, config_folder, read_settings
from carewatch.shape import nearest
from carewatch.wire.rulebooks import encode_document, hash_document
from carewatch.yamlfile import Mistake, YamlFile, read_yaml


@click.command()
@config_option
@click.option(
    "--without-secrets",
    is_flag=True,
    help="Only check the form of references: for a machine that must not have the secrets.",
)
def command(folder: Path | None, without_secrets: bool) -> None:
    """Validate the configuration and print the effective one, secrets masked.

    Exit code 0: it is right. 2: it is not; every mistake is listed with file, line and key.
    """
    chosen, _ = config_folder(folder, os.environ)
    mistakes: list[Mistake] = []
    file = read_yaml(chosen / FILE, mistakes)
    settings = read_settings(
        file, chosen, os.environ, mistakes, secrets="none" if without_secrets else "all"
    )
    document = read_document(chosen, mistakes)
    if file is not None and settings is not None:
        _check_doors(file, settings, mistakes, secrets=not without_secrets)
    if mistakes or settings is None or document is None:
        raise ConfigError(_list_mistakes(mistakes))
    click.echo(f"# {chosen / FILE} and CAREWATCH_* variables")
    click.echo(_show_settings(settings))
    click.echo(f"# rulebook {hash_document(encode_document(document))}, first match wins")
    for line in describe_rulebook(document):
        click.echo(line)


def _check_doors(
    file: YamlFile, settings: Settings, mistakes: list[Mistake], *, secrets: bool
) -> None:
    """What the gateway would refuse to start with: better said here than on the day."""
    names = [channel.name for channel in CHANNELS]
    for at, account in enumerate(settings.accounts):
        if account.channel not in names:
            says = f"there is no channel {account.channel!r}; {nearest(account.channel, names)}"
            mistakes.append(file.mistake(("accounts", at, "channel"), says))
        elif secrets:
            alone = msgspec.structs.replace(settings, accounts=(account,))
            try:
                doors_of(alone, CHANNELS)
            except ConfigError as error:
                place = f"accounts: {account.channel}/{account.account}: "
                says = str(error).removeprefix(place)
                mistakes.append(file.mistake(("accounts", at), says))
    if settings.accounts and secrets:
        try:
            seal_of(settings)
        except ConfigError as error:
            says = str(error).removeprefix("privacy.dead_letter_key ")
            mistakes.append(file.mistake(("privacy", "dead_letter_key"), says))


def _list_mistakes(mistakes: list[Mistake]) -> str:
    """Each place once: the same file is read for the settings and for the rulebook."""
    places = {(one.file, one.line, one.key): one for one in reversed(mistakes)}
    listed = "\n".join(f"  {one}" for one in sorted(places.values()))
    number = len(places)
    return f"{number} mistake{'s' if number > 1 else ''} in the configuration\n{listed}"


def _show_settings(settings: Settings) -> str:
    text = StringIO()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.dump(msgspec.to_builtins(settings, enc_hook=_mask), text)
    return text.getvalue()


def _mask(value: Any) -> str:
    if isinstance(value, Secret):
        return f"{value.reference} ***"
    raise NotImplementedError(f"cannot show a {type(value).__name__}")
