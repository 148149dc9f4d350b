"""Local days: which day of a tenant an instant lies in, by the rulebook in force (W1, R6b).

A day begins at the first instant whose local reading lies in it, so it has 23 or 25 hours where
the clocks change, and a day that a zone leaves out does not exist. One day ends where the next
begins.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from carewatch.domain.calendar import DAY_MS, PAGE_MS, stretches, zone
from carewatch.domain.hours import parse_time_of_day
from carewatch.domain.policy import Books
from carewatch.domain.rulebook import Tenant

_MINUTE_MS: Final = 60_000
_BEFORE_MS: Final = 3 * DAY_MS
"""So far back a page looks for the day that it begins in: longer than any day lasts."""
_FIRST: Final = 0
"""Rules that take effect before 1970 hold from the beginning: no window lies before it."""
_LAST: Final = 253_000_000_000_000
"""The year 9987. Beyond these two nobody can name the days of a zone: they are those of UTC."""
_EVER: Final = 2**62


class Day(NamedTuple):
    """From `start` to just before `end`, in milliseconds UTC."""

    start: int
    end: int


class _Rules(NamedTuple):
    """What decides a tenant's days."""

    timezone: str
    day_starts_at: str


class _Era(NamedTuple):
    """From `since`, which is a day's start, days go by one pair of rules."""

    since: int
    days: "_Days"


class Days:
    """The days of every tenant, by all rulebooks known."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._known: dict[_Rules, _Days] = {}
        self._eras: dict[str, list[_Era]] = {}
        self._last: dict[str, Day] = {}

    def day(self, tenant: str, at: int) -> Day:
        """The day of a tenant that an instant lies in."""
        last = self._last.get(tenant)
        if last is not None and last.start <= at < last.end:
            return last
        if not _FIRST <= at < _LAST:
            start = at - at % DAY_MS
            return Day(start, start + DAY_MS)
        eras = self._eras.get(tenant)
        if eras is None:
            eras = self._eras[tenant] = list(self._eras_of(tenant))
        era = eras[bisect_right(eras, at, key=lambda era: era.since) - 1]
        start, end = era.days.around(at)
        found = self._last[tenant] = Day(max(start, era.since), end)
        return found

    def _eras_of(self, tenant: str) -> Iterator[_Era]:
        """A day that has begun ends by the rules that it began with; the next goes by the new."""
        since, rules = -_EVER, self._rules(tenant, _FIRST)
        while True:
            days = self._known.setdefault(rules, _Days(rules))
            yield _Era(since, days)
            change = self._change(tenant, max(since, _FIRST), rules)
            if change is None:
                return
            day = days.around(change)
            since = max(change if day.start == change else day.end, since)
            rules = self._rules(tenant, since)

    def _change(self, tenant: str, after: int, rules: _Rules) -> int | None:
        """The first instant above `after` from which a rulebook has other rules."""
        for book in self._books:
            at = book.effective_at
            if after < at < _LAST and self._rules(tenant, at) != rules:
                return at
        return None

    def _rules(self, tenant: str, at: int) -> _Rules:
        said = self._books.at(at).document.tenants.get(tenant, Tenant())
        return _Rules(said.timezone, said.day_starts_at)


@lru_cache(maxsize=8)
def days_of(books: Books) -> Days:
    """The days by these rulebooks, worked out once for all who ask."""
    return Days(books)


class _Days:
    """The days of one zone and day start, worked out page by page when first asked for."""

    def __init__(self, rules: _Rules) -> None:
        self._zone = zone(rules.timezone)
        self._from = parse_time_of_day(rules.day_starts_at) * _MINUTE_MS
        self._pages: dict[int, list[int]] = {}

    def around(self, at: int) -> Day:
        """The day that an instant lies in."""
        number = at // PAGE_MS
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self._starts(number * PAGE_MS, (number + 1) * PAGE_MS)
        place = bisect_right(page, at)
        return Day(page[place - 1], page[place])

    def _starts(self, first: int, last: int) -> list[int]:
        """Every start of a day in a page, the last one before it and the first one behind it.

        While a zone keeps its offset, its days are those of UTC, moved. Readings that come twice
        start no day again.
        """
        found: list[int] = []
        newest = -_EVER
        for start, end, offset in stretches(self._zone, first - _BEFORE_MS, last + _BEFORE_MS):
            ahead = offset - self._from
            number = (start + ahead) // DAY_MS
            if number > newest:
                found.append(start)
                newest = number
            for later in range(newest + 1, (end - 1 + ahead) // DAY_MS + 1):
                found.append(later * DAY_MS - ahead)
                newest = later
        # Where the look began need not be the start of a day.
        found = found[1:]
        low, high = bisect_right(found, first) - 1, bisect_right(found, last)
        return found[low : high + 1]
