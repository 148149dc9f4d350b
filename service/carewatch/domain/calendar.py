"""Calendars: how much of a span is business time, and when so much of it will have passed.

The only module that knows time zones; to everyone else an instant is milliseconds UTC. Zones come
from the pinned package `tzdata`, never from the machine, so that every worker and every replay
counts by the same rules.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from carewatch.domain.hours import WEEKDAYS, parse_hours
from carewatch.domain.rulebook import Schedule
from carewatch.domain.times import parse_time

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
PAGE_MS: Final = 64 * DAY_MS
"""How much of a calendar is worked out at a time."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = _EPOCH.toordinal()
_FIRST_WEEKDAY: Final = _EPOCH.weekday()
_MS: Final = timedelta(milliseconds=1)
_EVER: Final = 2**62

Hours = tuple[tuple[int, int], ...]
"""Opening and closing in ms since midnight of a day; closing may lie in the next day."""


class Calendar(Protocol):
    """Business time of one schedule, in milliseconds; instants are milliseconds UTC.

    Raises OverflowError outside the years 2 to 9998, whose days nobody can name.
    """

    def is_open(self, at: int) -> bool:
        """Whether business time passes at an instant (C1)."""
        ...

    def open_ms(self, start: int, end: int) -> int:
        """Business time that passes from `start` to `end`; 0 if `end` is not later."""
        ...

    def after(self, start: int, ms: int) -> int:
        """The least instant, not before `start`, by which `ms` of business time have passed (S1).

        Time that is used up exactly at closing is used up then, not at the next opening.
        """
        ...


class _Always(Calendar):
    """The schedule 24x7: business time is elapsed time."""

    def is_open(self, at: int) -> bool:  # noqa: ARG002
        return True

    def open_ms(self, start: int, end: int) -> int:
        return max(0, end - start)

    def after(self, start: int, ms: int) -> int:
        return start + max(0, ms)


ALWAYS_NAME: Final = "24x7"
ALWAYS: Final[Calendar] = _Always()
"""Always there and always open, whatever the rulebook says (C4)."""


class _Page(NamedTuple):
    """The open intervals of one stretch of time, in order; none touches the next."""

    opens: tuple[int, ...]
    closes: tuple[int, ...]
    passed: tuple[int, ...]  # business time of the page when the interval at this place closes

    @property
    def total(self) -> int:
        """Business time of the whole page."""
        return self.passed[-1] if self.passed else 0

    def until(self, at: int) -> int:
        """Business time from the beginning of the page to an instant of it."""
        place = bisect_right(self.opens, at)
        if place == 0:
            return 0
        return self.passed[place - 1] - max(0, self.closes[place - 1] - at)

    def when(self, passed: int) -> int:
        """The least instant by which so much business time, above 0, of the page has passed."""
        place = bisect_left(self.passed, passed)
        return self.closes[place] - (self.passed[place] - passed)


class _Scheduled(Calendar):
    """The calendar of all versions of one schedule that has passed the checks made at load (C4).

    The open intervals are worked out page by page, when first asked for; from then on a question
    costs a search or two. The pages are a memory of what follows from the schedule: they change no
    answer.
    """

    def __init__(self, versions: Sequence[Schedule]) -> None:
        dated = sorted((parse_time(one.effective_from), one.version, one) for one in versions)
        starts = [-_EVER, *(since for since, _, _ in dated[1:]), _EVER]
        self._versions = [
            (since, until, _Version(schedule))
            for (since, until), (_, _, schedule) in zip(pairwise(starts), dated, strict=True)
        ]
        self._pages: dict[int, _Page] = {}

    def is_open(self, at: int) -> bool:
        return self.open_ms(at, at + 1) == 1

    def open_ms(self, start: int, end: int) -> int:
        if end <= start:
            return 0
        first, last = start // PAGE_MS, end // PAGE_MS
        if first == last:
            page = self._pages.get(first) or self._page(first)
            place = bisect_right(page.opens, start)
            if place and end <= page.closes[place - 1]:
                return end - start  # both in the same opening hours, as nearly always
            return page.until(end) - page.until(start)
        passed = sum(self._page(number).total for number in range(first, last))
        return passed + self._page(last).until(end) - self._page(first).until(start)

    def after(self, start: int, ms: int) -> int:
        if ms <= 0:
            return start
        number = start // PAGE_MS
        page = self._page(number)
        left = ms + page.until(start)
        while left > page.total:
            left -= page.total
            number += 1
            page = self._page(number)
        return page.when(left)

    def _page(self, number: int) -> _Page:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self._work_out(number * PAGE_MS, (number + 1) * PAGE_MS)
        return page

    def _work_out(self, first: int, last: int) -> _Page:
        """Each instant counts by the version in force at it (C3)."""
        found: list[tuple[int, int]] = []
        for since, until, version in self._versions:
            found.extend(version.intervals(max(first, since), min(last, until)))
        opens: list[int] = []
        closes: list[int] = []
        for start, end in sorted(found):
            if closes and start <= closes[-1]:
                # The tail of an evening may run into the special hours of the next day.
                closes[-1] = max(closes[-1], end)
            else:
                opens.append(start)
                closes.append(end)
        passed: list[int] = []
        for start, end in zip(opens, closes, strict=True):
            passed.append((passed[-1] if passed else 0) + end - start)
        return _Page(tuple(opens), tuple(closes), tuple(passed))


class _Version:
    """One version of a schedule: its zone, and the opening hours of every day."""

    def __init__(self, schedule: Schedule) -> None:
        self._zone = zone(schedule.timezone)
        self._weekly = tuple(_hours(schedule.weekly.get(day, ())) for day in WEEKDAYS)
        self._holidays = {one.day: _hours(one.open) for one in schedule.holidays}
        self._overrides = {
            date.fromisoformat(one.date).toordinal() - _FIRST_DAY: _hours(one.open)
            for one in schedule.overrides
        }

    def intervals(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """When it is open between two instants.

        While the zone keeps its offset, wall clock and instant differ by a constant: opening hours
        in a skipped hour fall outside of both stretches, those in a repeated one into both (C1).
        """
        for start, end, offset in stretches(self._zone, first, last):
            # The day before may run into the first one; no interval is longer than a day.
            for day in range((start + offset) // DAY_MS - 1, (end - 1 + offset) // DAY_MS + 1):
                midnight = day * DAY_MS - offset
                for opens, closes in self._of(day):
                    since, until = max(start, midnight + opens), min(end, midnight + closes)
                    if since < until:
                        yield since, until

    def _of(self, day: int) -> Hours:
        """The hours that start on a local day, counted from 1970: override, holiday, week (C2)."""
        special = self._overrides.get(day)
        if special is None and self._holidays:
            special = self._holidays.get(f"{date.fromordinal(day + _FIRST_DAY):%m-%d}")
        return self._weekly[(day + _FIRST_WEEKDAY) % 7] if special is None else special


def compile_calendars(schedules: Sequence[Schedule]) -> dict[str, Calendar]:
    """The calendar of every schedule, by name; `24x7` is always among them."""
    versions: dict[str, list[Schedule]] = {}
    for schedule in schedules:
        versions.setdefault(schedule.schedule, []).append(schedule)
    compiled: dict[str, Calendar] = {
        name: _Scheduled(of_name) for name, of_name in versions.items()
    }
    compiled[ALWAYS_NAME] = ALWAYS
    return compiled


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; raises ValueError if the package `tzdata` has none."""
    if name not in zone_names():
        raise ValueError(f"{name!r} is no known time zone")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as compiled:
        return ZoneInfo.from_file(compiled, key=name)


@cache
def zone_names() -> frozenset[str]:
    """Every IANA name that the package `tzdata` knows."""
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


def offset_ms(zone: ZoneInfo, at: int) -> int:
    """What the wall clock of a zone is ahead of UTC at an instant."""
    moment = (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)
    return (moment.replace(tzinfo=UTC) - _EPOCH) // _MS - at


def stretches(zone: ZoneInfo, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """The time between two instants, parted where the offset changes: start, end, offset.

    One look a day finds every change: no zone has ever made two within a day.
    """
    start, offset = first, offset_ms(zone, first)
    seen = first
    while seen < last:
        ahead = min(seen + DAY_MS, last)
        if offset_ms(zone, ahead) != offset:
            change = _first_change(zone, seen, ahead, offset)
            yield start, change, offset
            start, offset = change, offset_ms(zone, change)
        seen = ahead
    if start < last:
        yield start, last, offset


def _first_change(zone: ZoneInfo, before: int, after: int, offset: int) -> int:
    """The instant above `before`, at most `after`, from which on the offset is another."""
    while after - before > 1:
        middle = (before + after) // 2
        if offset_ms(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _hours(written: Sequence[str]) -> Hours:
    parsed = (parse_hours(text) for text in written)
    return tuple((opens * MINUTE_MS, closes * MINUTE_MS) for opens, closes in parsed)
