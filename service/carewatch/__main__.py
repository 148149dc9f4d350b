"""`python -m carewatch`."""

from carewatch.cli import main

main(prog_name="carewatch")
