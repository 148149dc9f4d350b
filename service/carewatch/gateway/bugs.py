"""Bugs are logged by where they struck, not by their text, which quotes the input."""

import logging
import traceback

logger = logging.getLogger(__name__)


def log_bug(place: str, error: Exception) -> None:
    """One entry: the place in words, the kind of error, the lines of code."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    logger.error("bug at %s: %s at\n%s", place, type(error).__name__, lines)
