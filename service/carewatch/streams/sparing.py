"""Keeps a client library from repeating itself: it tells of every attempt, ten times a second."""

import logging
from typing import Final

AGAIN_SECONDS: Final = 10.0


class Sparing(logging.Filter):
    """Lets through what was not said in the last ten seconds, whatever the figures in it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a record; by its own time."""
        said = self._said.get(str(record.msg))
        if said is not None and record.created - said < AGAIN_SECONDS:
            return False
        self._said[str(record.msg)] = record.created
        return True


def spare(library: str) -> None:
    """Has every logger of an imported library say no more than warnings, and those sparingly.

    A logger's filter sees only what is said to itself: so each of them gets the same.
    """
    sparing = Sparing()
    logging.getLogger(library).setLevel(logging.WARNING)
    for name in (library, *logging.root.manager.loggerDict):
        if name == library or name.startswith(f"{library}."):
            logging.getLogger(name).addFilter(sparing)
