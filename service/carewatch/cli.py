"""The command `carewatch`. Each command is imported when it is called, so `--help` is instant."""

from importlib import import_module
from typing import Final

import click

from carewatch import __version__
from carewatch.domain.errors import CarewatchError, ConfigError

COMMANDS: Final = {
    "demo": "Run everything on this machine and watch live numbers.",
    "broker": "Run a real single-node Kafka on this machine.",
    "topics": "Compare the topic catalogue with a cluster; create what is missing.",
    "gateway": "Run the HTTP receiver of webhooks.",
    "worker": "Run the stream worker.",
    "board": "Run the exporter, the wall page and the JSON API.",
    "check": "Validate the configuration and print the effective one.",
    "rulebook": "Publish or show policies, schedules and channel profiles.",
    "replay": "Compute the results of a file of events without Kafka.",
    "simulate": "Make realistic traffic, to a file or through a gateway.",
    "hooks": "Try a channel out: see what a payload means, send it to a gateway.",
    "dead": "Look at what could not be understood, feed it again, release partitions.",
    "state": "Look into the workers' state, pause a partition, go on after a loss.",
    "verify": "Compute everything again by other code and compare it with the topics.",
}
"""Every command and its one line; the module `carewatch.commands.<name>` holds `command`."""


class _Lazy(click.Group):
    """Lists the commands from the table and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"carewatch.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Tells a person what went wrong in one place: exit 2 for a mistake of theirs, else 1."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"carewatch: {error}", err=True)
            ctx.exit(2)
        except CarewatchError as error:
            click.echo(f"carewatch: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="carewatch")
def main() -> None:
    """Live customer-care metrics: webhooks in, exactly-once results on Kafka and Prometheus out.

    Start here: carewatch demo
    """


if __name__ == "__main__":
    main()
