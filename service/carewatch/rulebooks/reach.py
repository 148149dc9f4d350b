"""Targets in business hours that a schedule never gets through."""

from collections.abc import Sequence
from typing import Final

from carewatch.domain.calendar import Calendar, compile_calendars
from carewatch.domain.durations import parse_duration
from carewatch.domain.policy import PRIORITIES
from carewatch.domain.rulebook import Policy, Schedule, TargetRule
from carewatch.domain.times import parse_time
from carewatch.rulebooks.placed import Placed
from carewatch.rulebooks.schedules import ALWAYS

YEARS: Final = 5
"""A deadline further ahead is a slip: its calendar would have to be worked out for centuries."""
_YEAR_MS: Final = 366 * 24 * 3_600_000
_HOUR_MS: Final = 3_600_000


def check_reach(policies: Sequence[Placed[Policy]], schedules: Sequence[Placed[Schedule]]) -> None:
    """Notes every target that would be due more than `YEARS` after a policy takes effect.

    Policies and schedules have passed all other checks.
    """
    calendars = compile_calendars([one.value for one in schedules])
    for placed in policies:
        for target, rule in placed.value.targets.items():
            name = rule.schedule or placed.value.schedule
            if name != ALWAYS and rule.hours != "calendar":
                _check_target(placed, target, rule, name, calendars[name])


def _check_target(
    placed: Placed[Policy], target: str, rule: TargetRule, name: str, calendar: Calendar
) -> None:
    since = parse_time(placed.value.effective_from)
    within: int | None = None
    for priority in ("all", *PRIORITIES):
        text = getattr(rule, priority)
        if text is None:
            continue
        if within is None:
            within = calendar.open_ms(since, since + YEARS * _YEAR_MS)
        if parse_duration(text) > within:
            placed.wrong(
                ("targets", target, priority),
                f"{text} of business time take more than {YEARS} years: {name!r} is open for "
                f"{within // _HOUR_MS} h in them; promise less, or write hours: calendar",
            )
