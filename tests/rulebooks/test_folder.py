"""The folder as a whole: what it may hold, and that every mistake is told at once."""

from pathlib import Path
from typing import Any

import pytest

from carewatch.domain.errors import ConfigError
from carewatch.domain.rulebook import Channels, Document, Policy, Schedule, TargetRule, Tenant
from carewatch.rulebooks.folder import read_rulebook

POLICY = """\
policy: fast
version: 1
effective_from: "2026-01-01T00:00:00Z"
order: 10
targets: {first_reply: {all: 10m}}
"""


def test_tenants_alone_are_a_rulebook(folder: Any) -> None:
    assert read_rulebook(folder.path) == Document(
        tenants={"acme": Tenant(timezone="Europe/Berlin")}
    )


def test_every_file_of_the_folder_becomes_part_of_the_document(folder: Any) -> None:
    folder.write("policies/z.yaml", POLICY.replace("fast", "a"))
    folder.write("policies/a.yaml", POLICY.replace("fast", "b").replace("10\n", "20\n"))
    folder.write("policies/README.md", "not a policy")
    folder.write(
        "schedules/day.yaml",
        'schedule: day\nversion: 1\neffective_from: "2026-01-01T00:00:00Z"\n'
        'timezone: Europe/Berlin\nweekly: {mon: ["08:00-12:00"]}\n',
    )
    folder.write("channels.yaml", "accounts: {comments: public_social}\n")

    document = read_rulebook(folder.path)

    assert document.policies == [
        Policy(
            policy=name,
            version=1,
            effective_from="2026-01-01T00:00:00Z",
            order=order,
            targets={"first_reply": TargetRule(all="10m")},
        )
        for name, order in (("a", 10), ("b", 20))
    ]
    assert document.schedules == [
        Schedule(
            schedule="day",
            version=1,
            effective_from="2026-01-01T00:00:00Z",
            timezone="Europe/Berlin",
            weekly={"mon": ["08:00-12:00"]},
        )
    ]
    assert document.channels == Channels(accounts={"comments": "public_social"})


def test_all_mistakes_of_all_files_are_in_one_error(folder: Any) -> None:
    folder.write("policies/a.yaml", POLICY.replace("10m", "1d"))
    folder.write("policies/b.yaml", "policy: [\n")
    folder.write("channels.yaml", "chanels: {}\n")

    with pytest.raises(ConfigError) as caught:
        read_rulebook(folder.path)

    lines = str(caught.value).split("\n")
    assert [line.removeprefix(f"{folder.path}/").split(": ")[0] for line in lines] == [
        "channels.yaml:1",
        "policies/a.yaml:5",
        "policies/b.yaml:2",
    ]


def test_who_names_a_schedule_that_has_a_mistake_makes_none(folder: Any) -> None:
    folder.write("policies/a.yaml", POLICY + "schedule: day\n")
    folder.write("schedules/day.yaml", "schedule: day\nversion: one\n")

    assert {one.split(":")[0] for one in folder.mistakes()} == {"schedules/day.yaml"}


def test_a_folder_without_the_main_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"carewatch\.yaml: there is no such file"):
        read_rulebook(tmp_path)


def test_a_file_that_would_be_overlooked_is_a_mistake(folder: Any) -> None:
    folder.write("policies/a.yml", POLICY)

    assert folder.mistakes() == ["policies/a.yml: is not read; call it .yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "tenants: {a: {timezone: +01:00}}",
            (
                "tenants.a.timezone: '+01:00' is a fixed offset, which ignores summer time; "
                "name the place, as in Europe/Berlin"
            ),
        ),
        (
            "tenants: {a: {timezone: Etc/GMT-1}}",
            (
                "tenants.a.timezone: 'Etc/GMT-1' is a fixed offset, which ignores summer time; "
                "name the place, as in Europe/Berlin"
            ),
        ),
        (
            "tenants: {a: {timezone: Europe/Berlim}}",
            (
                "tenants.a.timezone: 'Europe/Berlim' is no known time zone; "
                'did you mean "Europe/Berlin"?'
            ),
        ),
        (
            "tenants: {a: {day_starts_at: 24:00}}",
            "tenants.a.day_starts_at: '24:00' is no time of day; write HH:MM, 00:00 to 23:59",
        ),
        (
            "tenants: {a: {schedule: day}}",
            "tenants.a.schedule: there is no schedule 'day'; known: 24x7",
        ),
        (
            "tenants: {a: {queues: {vip: {schedule: day}}}}",
            "tenants.a.queues.vip.schedule: there is no schedule 'day'; known: 24x7",
        ),
        (
            "tenants: {a: {within: {first_replies: [10m]}}}",
            (
                "tenants.a.within.first_replies: there is no target 'first_replies'; "
                'did you mean "first_reply"?'
            ),
        ),
        (
            "tenants: {a: {within: {first_reply: [10]}}}",
            "tenants.a.within.first_reply[0]: expected text, got the number 10; write it in quotes",
        ),
        (
            "tenants: {a: {time_zone: UTC}}",
            'tenants.a.time_zone: unknown key; did you mean "timezone"?',
        ),
        ("tennants: {}", 'tennants: unknown key; did you mean "tenants"?'),
        (
            "duplicates_within: 7d",
            (
                "duplicates_within: '7d': days are refused, since a day is read as 24 hours or as "
                "one working day; write 168h if you mean hours"
            ),
        ),
        (
            "duplicates_within: 7",
            "duplicates_within: expected text, got the number 7; write it in quotes",
        ),
    ],
)
def test_mistakes_in_carewatch_yaml_name_key_and_remedy(
    folder: Any, text: str, expected: str
) -> None:
    folder.write("carewatch.yaml", text + "\n")

    assert folder.mistakes() == [f"carewatch.yaml:1: {expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "channels: {whatsap: voice}",
            "channels.whatsap: there is no channel 'whatsap'; did you mean \"whatsapp\"?",
        ),
        (
            "accounts: {web-1: web}",
            (
                "accounts.web-1: there is no profile 'web'; "
                "known: private_messaging, public_social, web_chat, email, voice"
            ),
        ),
        (
            "profiles: {own: {idle_gap: never}}",
            (
                "profiles.own.idle_gap: 'never' is no duration; "
                "write a whole number and s, m or h, as in 10m"
            ),
        ),
        (
            "profiles: {own: {window_lateness: 25h}}",
            (
                "profiles.own.window_lateness: '25h' is longer than 24h: no event is taken that "
                "comes later than that; write 24h or less"
            ),
        ),
        (
            "profiles: {own: {needs_reply: no}}",
            "profiles.own.needs_reply: expected true or false, got 'no'",
        ),
    ],
)
def test_mistakes_in_channel_profiles_name_key_and_remedy(
    folder: Any, text: str, expected: str
) -> None:
    folder.write("channels.yaml", text + "\n")

    assert folder.mistakes() == [f"channels.yaml:1: {expected}"]


def test_windows_may_stay_open_for_as_long_as_events_are_taken(folder: Any) -> None:
    folder.write("channels.yaml", "profiles: {own: {window_lateness: 24h}}\n")

    assert folder.mistakes() == []


def test_own_profiles_can_be_used_and_an_idle_gap_switched_off(folder: Any) -> None:
    folder.write(
        "channels.yaml", "profiles: {own: {idle_gap: off}}\nchannels: {web: own}\naccounts: {}\n"
    )

    assert folder.mistakes() == []
