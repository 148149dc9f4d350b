"""Instants and lengths of time: integer milliseconds, UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
BEGINNING = -62_135_596_800_000
"""0001-01-01: before everything."""


@lru_cache(maxsize=1 << 16)
def instant(text: str) -> int:
    """Milliseconds since 1970; ValueError if the text is no time with a zone."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"{text!r} says no zone")
    return (read - EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=1 << 16)
def written(at: int) -> str:
    """The instant as results write it: `2026-01-05T10:00:00.000Z`."""
    return (EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")[:-6] + "Z"


def length(text: str) -> int:
    """`20s`, `10m`, `24h` in milliseconds."""
    return int(text[:-1]) * {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}[text[-1]]
