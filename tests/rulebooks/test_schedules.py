"""Schedules: what makes a deadline impossible to tell is refused."""

from typing import Any

import pytest

HEAD = (
    'schedule: day\nversion: 1\neffective_from: "2026-01-01T00:00:00Z"\ntimezone: Europe/Berlin\n'
)


def test_a_schedule_may_use_every_key(folder: Any) -> None:
    folder.write(
        "schedules/day.yaml",
        HEAD
        + 'weekly:\n  mon: ["08:00-12:00", "13:30-18:00"]\n  fri: ["22:00-06:00"]\n'
        + 'overrides:\n  - {date: "2026-12-24", open: ["09:00-12:00"]}\n'
        + 'holidays:\n  - {day: "12-25", open: []}\n  - {day: 02-29, open: []}\n',
    )

    assert folder.mistakes() == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ('weekly: {mon: ["8-12"]}', "weekly.mon[0]: '8-12' is no interval"),
        ('weekly: {mon: ["08:00-08:00"]}', "weekly.mon[0]: '08:00-08:00' opens and closes at one"),
        (
            'weekly: {mon: ["08:00-12:00", "11:59-13:00"]}',
            "weekly.mon[1]: '11:59-13:00' overlaps '08:00-12:00'",
        ),
        (
            'weekly: {sun: ["22:00-06:00"], mon: ["05:00-12:00"]}',
            "weekly.mon[0]: '05:00-12:00' overlaps '22:00-06:00' of sun",
        ),
        (
            'weekly: {mond: ["08:00-12:00"]}',
            "weekly.mond: is not known here: 'mond' is not one of the choices; did you mean",
        ),
        ("weekly: {}", "weekly: no open time in 14 days from"),
        ("weekly: {mon: []}", "weekly: no open time in 14 days from"),
        (
            'weekly: {mon: ["08:00-12:00"]}\noverrides: [{date: "2026-02-30", open: []}]',
            "overrides[0].date: '2026-02-30' is no date",
        ),
        (
            (
                'weekly: {mon: ["08:00-12:00"]}\n'
                'overrides: [{date: "2026-02-03", open: []}, {date: "2026-02-03", open: []}]'
            ),
            "overrides[1].date: 2026-02-03 has two overrides",
        ),
        (
            'weekly: {mon: ["08:00-12:00"]}\nholidays: [{day: 12-32, open: []}]',
            "holidays[0].day: '12-32' is no day of the year",
        ),
        (
            (
                'weekly: {mon: ["08:00-12:00"]}\n'
                "holidays: [{day: 12-25, open: []}, {day: 12-25, open: []}]"
            ),
            "holidays[1].day: 12-25 is a holiday twice",
        ),
    ],
)
def test_each_mistake_names_key_and_remedy(folder: Any, rest: str, expected: str) -> None:
    folder.write("schedules/day.yaml", HEAD + rest + "\n")

    found = folder.mistakes()

    assert len(found) == 1, found
    assert found[0].startswith(f"schedules/day.yaml:{5 + rest.count(chr(10))}: {expected}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("schedule: day", "schedule: 24x7"), "1: schedule: 24x7 is built in"),
        (("version: 1", "version: 0"), "2: version: 0 is no version"),
        (("Europe/Berlin", "UTC+1"), "4: timezone: 'UTC+1' is a fixed offset"),
        (("Europe/Berlin", "Berlin"), "4: timezone: 'Berlin' is no known time zone"),
    ],
)
def test_mistakes_in_the_head_are_named(
    folder: Any, change: tuple[str, str], expected: str
) -> None:
    folder.write("schedules/day.yaml", HEAD.replace(*change) + 'weekly: {mon: ["08:00-12:00"]}\n')

    found = folder.mistakes()

    assert len(found) == 1, found
    assert found[0].startswith(f"schedules/day.yaml:{expected}")


def test_a_tail_that_ends_where_the_next_day_opens_does_not_overlap(folder: Any) -> None:
    folder.write(
        "schedules/day.yaml",
        HEAD + 'weekly: {sun: ["22:00-06:00"], mon: ["06:00-12:00", "12:00-14:00"]}\n',
    )

    assert folder.mistakes() == []


@pytest.mark.parametrize(
    ("closed_mondays", "keys"), [(["2027-01-04"], []), (["2027-01-04", "2027-01-11"], ["weekly"])]
)
def test_a_closure_of_fourteen_days_is_refused(
    folder: Any, closed_mondays: list[str], keys: list[str]
) -> None:
    # Open on Mondays only: one closed Monday makes 13 closed days, two make 20.
    closed = ", ".join(f'{{date: "{day}", open: []}}' for day in closed_mondays)
    folder.write(
        "schedules/day.yaml", HEAD + f'weekly: {{mon: ["08:00-12:00"]}}\noverrides: [{closed}]\n'
    )

    assert [one.split(": ")[1] for one in folder.mistakes()] == keys


def test_versions_of_a_schedule_differ_in_number_and_instant(folder: Any) -> None:
    text = HEAD + 'weekly: {mon: ["08:00-12:00"]}\n'
    folder.write("schedules/a.yaml", text)
    folder.write("schedules/b.yaml", text)

    assert [one.split(": ")[1] for one in folder.mistakes()] == ["version", "effective_from"]
