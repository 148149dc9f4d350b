"""RFC 3339 UTC text with milliseconds <-> integer milliseconds since 1970.

Most instants of a stream lie within a few seconds of each other, and an event's own is written
several times: what was worked out last is remembered, by second and by instant.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from carewatch.domain.errors import InvalidRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def parse_time(text: str) -> int:
    """Milliseconds of an RFC 3339 text; finer digits are cut off, any offset is taken.

    Raises InvalidRecord("time") for anything else.
    """
    try:
        if len(text) == 24 and text[10] == "T" and text[19] == "." and text[23] == "Z":
            # The form carewatch writes itself. int() alone would take signs, spaces and digits
            # of other scripts.
            millis = text[20:23]
            if not (millis.isascii() and millis.isdigit()):
                raise InvalidRecord("time")
            return _second_start(text[:19]) + int(millis)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRecord("time") from error
    if moment.tzinfo is None:
        raise InvalidRecord("time")
    return (moment - _EPOCH) // _MS


@lru_cache(maxsize=4096)
def format_time(ms: int) -> str:
    """`2026-01-05T10:00:00.000Z`; raises OverflowError outside the years 1 to 9999."""
    second, millis = divmod(ms, 1000)
    return f"{_second_text(second)}.{millis:03}Z"


@lru_cache(maxsize=4096)
def _second_start(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    second = (moment - _EPOCH) // timedelta(seconds=1)
    if _second_text(second) != text:
        raise InvalidRecord("time")  # another ISO form of that length, such as a week's
    return second * 1000


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat()
