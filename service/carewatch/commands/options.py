"""Options that several commands share."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the configuration; else CAREWATCH_CONFIG, else ./config.",
)
"""`--config DIR`, handed over as `folder`."""
