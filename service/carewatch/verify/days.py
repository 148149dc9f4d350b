"""A tenant's local days (W1): from `day_starts_at`, as the wall clock of its zone reads."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache

from carewatch.verify.hours import Span, zone
from carewatch.verify.instants import EPOCH, HOUR, MINUTE
from carewatch.verify.rulebook import Rulebooks

Day = Callable[[str, int], Span]
"""The day of a tenant that holds an instant: its start, and the start of the next."""


def days(books: Rulebooks) -> Day:
    """The days by the zone and the day start that are in force at an instant; else UTC's."""

    def day(tenant: str, at: int) -> Span:
        said = books.at(at).tenant(tenant)
        return _day(said.get("timezone") or "UTC", said.get("day_starts_at") or "00:00", at)

    return day


def _day(name: str, starts_at: str, at: int) -> Span:
    on = _reading(name, at).date() + timedelta(days=1)
    while _first(name, starts_at, on) > at:
        on -= timedelta(days=1)
    return _first(name, starts_at, on), _first(name, starts_at, on + timedelta(days=1))


@lru_cache(maxsize=4096)
def _first(name: str, starts_at: str, on: date) -> int:
    """The first instant whose local reading is in the day: minutes are walked, so that a start
    inside a skipped hour is the end of the gap, and one that comes twice is the first."""
    hours, minutes = map(int, starts_at.split(":"))
    begins = datetime.combine(on, datetime.min.time()) + timedelta(hours=hours, minutes=minutes)
    around = (begins - EPOCH.replace(tzinfo=None)) // timedelta(milliseconds=1)
    offset = around - (_reading(name, around) - EPOCH.replace(tzinfo=None)) // timedelta(
        milliseconds=1
    )
    at = around + offset - 3 * HOUR
    while _reading(name, at) < begins:
        at += MINUTE
    return at


def _reading(name: str, at: int) -> datetime:
    """What the wall clock of a zone reads."""
    return (EPOCH + timedelta(milliseconds=at)).astimezone(zone(name)).replace(tzinfo=None)
