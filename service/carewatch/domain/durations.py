"""Durations as people write them in policies: `20s`, `10m`, `24h`."""

import re
from typing import Final

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000}
MOST_MS: Final = 366 * 24 * _UNITS_MS["h"]
"""No duration is longer than a year: nobody promises that, but a slip of the key writes it, and its
deadline in business hours would lie centuries ahead, where no calendar reaches."""
_FORM: Final = re.compile(r"([0-9]{1,9})([a-z]+)", re.ASCII)


def parse_duration(text: str) -> int:
    """Milliseconds of a whole number and one unit: s, m or h.

    Raises ValueError with the reason and the remedy. Days are refused because "1 day" is read in
    two ways: 24 hours of the clock, or one working day of the schedule.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is no duration; write a whole number and s, m or h, as in 10m")
    number, unit = int(form[1]), form[2]
    if unit == "d":
        raise ValueError(
            f"{text!r}: days are refused, since a day is read as 24 hours or as one working day; "
            f"write {24 * number}h if you mean hours"
        )
    if unit not in _UNITS_MS:
        raise ValueError(f"{text!r}: the unit {unit!r} is unknown; use s, m or h")
    if number == 0:
        raise ValueError(f"{text!r}: a duration must be longer than zero")
    duration = number * _UNITS_MS[unit]
    if duration > MOST_MS:
        raise ValueError(
            f"{text!r} is longer than a year; write {MOST_MS // _UNITS_MS['h']}h or less"
        )
    return duration
