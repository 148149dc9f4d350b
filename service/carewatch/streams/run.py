"""Runs an app the way Faust's own command line does."""

from typing import NoReturn

import faust


def run_worker(app: faust.App, loglevel: str) -> NoReturn:
    """Starts the app's process and ends with it: exit code 0 after a signal, else 1."""
    app.finalize()
    worker = faust.Worker(app, loglevel=loglevel, quiet=True)
    worker.execute_from_commandline()
