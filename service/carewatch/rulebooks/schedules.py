"""What a schedule must satisfy before anybody's deadline may depend on it."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from carewatch.domain.calendar import ALWAYS_NAME
from carewatch.domain.hours import DAY_MINUTES, WEEKDAYS, parse_hours
from carewatch.domain.rulebook import Schedule
from carewatch.rulebooks.placed import Placed, check_zone, parse_date, parse_instant
from carewatch.yamlfile import Keys

ALWAYS: Final = ALWAYS_NAME
"""The schedule that is open all the time; it needs no file."""

LONGEST_CLOSURE_DAYS: Final = 14

_LEAP_YEAR: Final = 2028
"""A year in which every day of the calendar occurs."""


def check_schedules(schedules: Sequence[Placed[Schedule]]) -> None:
    """Notes every mistake of each schedule, and of versions of one name among each other."""
    for placed in schedules:
        _check_schedule(placed)
    _check_versions(schedules)


def _check_versions(schedules: Sequence[Placed[Schedule]]) -> None:
    """Versions of one name need different numbers and different instants of taking effect."""
    seen: dict[tuple[str, str, object], str] = {}
    for placed in schedules:
        name = placed.value.schedule
        for key in ("version", "effective_from"):
            first = seen.setdefault((name, key, getattr(placed.value, key)), placed.file.name)
            if first != placed.file.name:
                placed.wrong((key,), f"{name!r} has the same {key} in {first}; make it differ")


def _check_schedule(placed: Placed[Schedule]) -> None:
    schedule = placed.value
    before = len(placed.mistakes)
    if schedule.schedule == ALWAYS:
        placed.wrong(("schedule",), f"{ALWAYS} is built in; choose another name")
    if schedule.version < 1:
        placed.wrong(("version",), f"{schedule.version} is no version; count from 1")
    placed.parsed(("effective_from",), schedule.effective_from, parse_instant)
    placed.parsed(("timezone",), schedule.timezone, check_zone)
    for day, hours in schedule.weekly.items():
        _check_hours(placed, ("weekly", day), hours)
    dates: set[str] = set()
    for at, override in enumerate(schedule.overrides):
        place = ("overrides", at)
        placed.parsed((*place, "date"), override.date, parse_date)
        if override.date in dates:
            placed.wrong((*place, "date"), f"{override.date} has two overrides; keep one")
        dates.add(override.date)
        _check_hours(placed, (*place, "open"), override.open)
    days: set[str] = set()
    for at, holiday in enumerate(schedule.holidays):
        place = ("holidays", at)
        placed.parsed((*place, "day"), holiday.day, _parse_day_of_year)
        if holiday.day in days:
            placed.wrong((*place, "day"), f"{holiday.day} is a holiday twice; keep one")
        days.add(holiday.day)
        _check_hours(placed, (*place, "open"), holiday.open)
    if len(placed.mistakes) == before:
        _check_week_ends(placed)
        _check_closures(placed)


def _check_hours(placed: Placed[Schedule], keys: Keys, hours: Sequence[str]) -> None:
    taken: list[tuple[int, int, str]] = []
    for at, text in enumerate(hours):
        interval = placed.parsed((*keys, at), text, parse_hours)
        if interval is None:
            continue
        start, end = interval
        for other_start, other_end, other in taken:
            if start < other_end and other_start < end:
                placed.wrong((*keys, at), f"{text!r} overlaps {other!r}; join or separate them")
        taken.append((start, end, text))


def _check_week_ends(placed: Placed[Schedule]) -> None:
    """An interval that runs past midnight must not overlap the next weekday's first one."""
    weekly = placed.value.weekly
    for number, day in enumerate(WEEKDAYS):
        following = WEEKDAYS[(number + 1) % 7]
        for late in weekly.get(day, ()):  # type: ignore[call-overload]
            tail = parse_hours(late)[1] - DAY_MINUTES
            for at, text in enumerate(weekly.get(following, ())):  # type: ignore[call-overload]
                if parse_hours(text)[0] < tail:
                    says = f"{text!r} overlaps {late!r} of {day}, which runs into this day"
                    placed.wrong(("weekly", following, at), f"{says}; separate them")


def _check_closures(placed: Placed[Schedule]) -> None:
    """Closed for 14 days on end: a deadline could then not be told."""
    schedule = placed.value
    overrides = {override.date: override.open for override in schedule.overrides}
    holidays = {holiday.day: holiday.open for holiday in schedule.holidays}
    years = {_LEAP_YEAR} | {parse_date(text).year for text in overrides}
    for year in sorted(years):
        closed = 0
        day = date(year, 1, 1) - timedelta(days=LONGEST_CLOSURE_DAYS)
        while day < date(year, 12, 31) + timedelta(days=LONGEST_CLOSURE_DAYS):
            weekday = WEEKDAYS[day.weekday()]
            weekly = schedule.weekly.get(weekday, [])  # type: ignore[call-overload]
            hours = overrides.get(day.isoformat(), holidays.get(f"{day:%m-%d}", weekly))
            closed = 0 if hours else closed + 1
            if closed == LONGEST_CLOSURE_DAYS:
                first = day - timedelta(days=closed - 1)
                says = f"no open time in {LONGEST_CLOSURE_DAYS} days from {first} on; open some"
                placed.wrong(("weekly",), says)
                return
            day += timedelta(days=1)


def _parse_day_of_year(text: str) -> date:
    try:
        if len(text) == 5:
            return date.fromisoformat(f"{_LEAP_YEAR}-{text}")
    except ValueError:
        pass
    raise ValueError(f'{text!r} is no day of the year; write MM-DD, as in "12-25"')
