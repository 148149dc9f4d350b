"""The command `carewatch`: one group, each command imports what it needs when it is called."""

import click

from carewatch import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="carewatch")
def main() -> None:
    """Live customer-care metrics: webhooks in, exactly-once results on Kafka and Prometheus out."""


if __name__ == "__main__":
    main()
