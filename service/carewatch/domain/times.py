"""RFC 3339 UTC text with milliseconds <-> integer milliseconds since 1970."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from carewatch.domain.errors import InvalidRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@lru_cache(maxsize=64)
def _day_start(day: str) -> int:
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - _EPOCH) // _MS


@lru_cache(maxsize=64)
def _day_text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def parse_time(text: str) -> int:
    """Milliseconds of an RFC 3339 text; finer digits are cut off, any offset is taken.

    Raises InvalidRecord("time") for anything else.
    """
    try:
        if len(text) == 24 and text[10] == "T" and text[23] == "Z" and text[19] == ".":
            # The form carewatch writes itself: no datetime object, three times as fast. The
            # comparison below refuses what int() alone would take (signs, spaces, digits of
            # other scripts).
            ms = (
                _day_start(text[:10])
                + int(text[11:13]) * 3_600_000
                + int(text[14:16]) * 60_000
                + int(text[17:19]) * 1000
                + int(text[20:23])
            )
            if format_time(ms) == text:
                return ms
            raise InvalidRecord("time")
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRecord("time") from error
    if moment.tzinfo is None:
        raise InvalidRecord("time")
    return (moment - _EPOCH) // _MS


def format_time(ms: int) -> str:
    """`2026-01-05T10:00:00.000Z`; raises OverflowError outside the years 1 to 9999."""
    day, rest = divmod(ms, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, millis = divmod(rest, 1000)
    return f"{_day_text(day)}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z"
