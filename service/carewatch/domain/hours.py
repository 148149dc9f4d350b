"""Opening hours as people write them: `08:00-12:00`, and `22:00-06:00` into the next day."""

import re
from typing import Final

DAY_MINUTES: Final = 1440
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.date.weekday()`."""

_HOURS: Final = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})", re.ASCII)
_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)


def parse_time_of_day(text: str) -> int:
    """Minutes since midnight of `HH:MM`, 24:00 not included. Raises ValueError with the reason."""
    form = _TIME.fullmatch(text)
    if form is None or int(form[1]) > 23 or int(form[2]) > 59:
        raise ValueError(f"{text!r} is no time of day; write HH:MM, 00:00 to 23:59")
    return int(form[1]) * 60 + int(form[2])


def parse_hours(text: str) -> tuple[int, int]:
    """Minutes since midnight of opening and closing, of the day the interval starts on.

    Closing is above 1440 if the interval runs into the next day, and never more than a day after
    opening. Raises ValueError with the reason and the remedy.
    """
    form = _HOURS.fullmatch(text)
    if form is None:
        raise ValueError(f'{text!r} is no interval; write "HH:MM-HH:MM", as in "08:00-12:00"')
    start = parse_time_of_day(text[:5])
    end = DAY_MINUTES if text[6:] == "24:00" else parse_time_of_day(text[6:])
    if start == end:
        raise ValueError(f'{text!r} opens and closes at one time; write "00:00-24:00" for all day')
    return (start, end) if end > start else (start, end + DAY_MINUTES)
