"""`carewatch check`: the configuration as it would take effect, or every mistake in it."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import click
import msgspec
from ruamel.yaml import YAML

from carewatch.domain.errors import ConfigError
from carewatch.rulebooks.folder import read_document
from carewatch.rulebooks.summary import describe_rulebook
from carewatch.settings import FILE, Secret, Settings, config_folder, read_settings
from carewatch.wire.rulebooks import encode_document, hash_document
from carewatch.yamlfile import Mistake, read_yaml


@click.command()
@click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the configuration; else CAREWATCH_CONFIG, else ./config.",
)
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
    settings = read_settings(file, chosen, os.environ, mistakes, secrets=not without_secrets)
    document = read_document(chosen, mistakes)
    if settings is None or document is None:
        raise ConfigError(_list_mistakes(mistakes))
    click.echo(f"# {chosen / FILE} and CAREWATCH_* variables")
    click.echo(_show_settings(settings))
    click.echo(f"# rulebook {hash_document(encode_document(document))}, first match wins")
    for line in describe_rulebook(document):
        click.echo(line)


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
