"""Options that several commands share."""

import getpass
from pathlib import Path

import click

from carewatch.processors import PROCESSORS

config_option = click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the configuration; else CAREWATCH_CONFIG, else ./config.",
)
"""`--config DIR`, handed over as `folder`."""

stage_option = click.option(
    "--stage",
    required=True,
    type=click.Choice([one.name for one in PROCESSORS]),
    help="Which processor's partition.",
)
partition_option = click.option(
    "--partition", required=True, type=click.IntRange(0), help="Which partition of its source."
)
by_option = click.option(
    "--by",
    default=getpass.getuser,
    show_default="the user",
    help="Who gives the order, for the record.",
)
