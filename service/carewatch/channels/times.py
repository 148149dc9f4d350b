"""Provider timestamps -> integer milliseconds UTC, with their quality stated."""

import re
from typing import Final, Literal

from carewatch.channels.drafts import Occurred, Quality
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import format_time, parse_time

Unit = Literal["s", "ms", "iso", "s_or_ms", "rfc2822"]

EARLIEST_MS: Final = 1_262_304_000_000
"""2010-01-01: no webhook is older; what claims to be has the wrong unit."""

LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last that is written with four digits."""

AHEAD_MS: Final = 300_000
"""A provider's clock may run this far ahead of the gateway's."""

_RFC_2822: Final = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2})"
    r" (?:([+-]\d{4})|GMT|UTC)",
    re.ASCII,
)
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)

_MS_FROM: Final = 1_000_000_000_000
"""Where a provider sends seconds or milliseconds, this and above are milliseconds (in seconds it
would be the year 33658)."""


def to_ms(value: object, unit: Unit) -> int:
    """Milliseconds since 1970 of a timestamp in its documented unit.

    Numbers may come as text. Fractions of a second are cut to milliseconds in decimal, never
    through a float of the result. `s_or_ms` guesses by magnitude, for fields where providers were
    seen to send both. Raises InvalidRecord("time") for anything else, booleans and junk included.
    """
    if unit in ("iso", "rfc2822"):
        if not isinstance(value, str):
            raise InvalidRecord("time")
        return parse_time(_rfc3339(value) if unit == "iso" else _from_rfc2822(value))
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidRecord("time")
    text = repr(value) if isinstance(value, float) else str(value)
    whole, _, fraction = text.partition(".")
    digits = whole.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise InvalidRecord("time")
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        raise InvalidRecord("time")
    number = int(whole)
    if unit == "ms" or (unit == "s_or_ms" and number >= _MS_FROM):
        return number
    return number * 1000 + int(fraction[:3].ljust(3, "0"))


def _rfc3339(text: str) -> str:
    """Ruby's `2026-01-05 10:00:00 UTC` is read as well: Chatwoot writes it in older versions."""
    return text.removesuffix(" UTC") + "Z" if text.endswith(" UTC") else text


def _from_rfc2822(text: str) -> str:
    """`Mon, 05 Jan 2026 10:00:00 +0000` in the other notation; the day of the week says nothing."""
    found = _RFC_2822.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        raise InvalidRecord("time")
    month = _MONTHS.index(found[2]) + 1
    return f"{found[3]}-{month:02}-{int(found[1]):02}T{found[4]}{found[5] or 'Z'}"


def ahead(value: object, unit: Unit) -> str:
    """An instant that may lie ahead, as the end of a snooze: RFC 3339.

    Raises InvalidRecord("time") for anything else, and for what no calendar has.
    """
    at = to_ms(value, unit)
    if not EARLIEST_MS <= at <= LATEST_MS:
        raise InvalidRecord("time")
    return format_time(at)


def occurred(value: object, unit: Unit, received_at: int, quality: Quality = "s") -> Occurred:
    """When it happened, by the provider's own time where that is believable.

    A missing or unreadable time, one before 2010, or one later than arrival + 5 min is replaced
    by the arrival. The original is kept when it was a time at all, so junk never travels on.
    """
    try:
        at = to_ms(value, unit)
    except InvalidRecord:
        return Occurred(at=received_at, quality="arrival")
    if not EARLIEST_MS <= at <= received_at + AHEAD_MS:
        return Occurred(at=received_at, quality="arrival", original=str(value)[:40])
    return Occurred(at=at, quality=quality)
