"""Policies: every rule of the document, one mistake at a time."""

from typing import Any

import pytest

from carewatch.domain.rulebook import TARGETS

HEAD = 'policy: {name}\nversion: {version}\neffective_from: "{since}"\norder: {order}\n'


def policy(
    rest: str = "targets: {first_reply: {all: 10m}}",
    *,
    name: str = "p",
    version: int = 1,
    since: str = "2026-01-01T00:00:00Z",
    order: int = 10,
) -> str:
    """A policy file; what `rest` holds begins on line 5."""
    return HEAD.format(name=name, version=version, since=since, order=order) + rest + "\n"


COMPLETE = """\
match:
  all: [{field: channel, in: [instagram, whatsapp]}, {field: tag, eq: vip}]
  any: [{field: customer.tier, not_in: [free]}, {field: priority, eq: urgent}]
schedule: 24x7
targets:
  first_reply: {urgent: 10m, high: 30m, normal: 1h, low: 4h, hours: business}
  next_reply: {urgent: 10m, all: 1h, schedule: 24x7}
  resolution: {normal: 24h, mode: total}
  queue_answer: {all: 20s}
counts: {reply_by: [agent, bot], note_counts_for: [periodic_update]}
start: {first_reply: handoff}
pause: {statuses: [pending, snoozed], snoozed: false, resume_on: status}
close: {unanswered: keep}
reopen: {within: 1h, mode: new_cycle}
retarget: {priority: ignore, version: new_instances}
at_risk: [{at: 50%}, {at: 80%}, {before: 15m}]
objective: {attainment: 95, window: 7d}"""


def test_a_policy_may_use_every_key(folder: Any) -> None:
    folder.write("policies/p.yaml", policy(COMPLETE))

    assert folder.mistakes() == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("targets: {first_reply: {all: 1d}}", "targets.first_reply.all: '1d': days are refused"),
        ("targets: {first_reply: {all: 10}}", "targets.first_reply.all: expected text, got the"),
        ("targets: {first_reply: {}}", "targets.first_reply: promises nothing; give a duration"),
        (
            "targets: {first_replay: {all: 10m}}",
            (
                "targets.first_replay: is not known here: 'first_replay' is not one of the "
                'choices; did you mean "first_reply"?'
            ),
        ),
        (
            "targets: {first_reply: {all: 10m, mode: first}}",
            "targets.first_reply.mode: only resolution has a mode",
        ),
        (
            "targets: {first_reply: {all: 10m, schedule: day}}",
            "targets.first_reply.schedule: there is no schedule 'day'; known: 24x7",
        ),
        (
            "targets: {first_reply: {all: 10m, hours: buisness}}",
            (
                "targets.first_reply.hours: 'buisness' is not one of the choices; did you mean "
                '"business"?'
            ),
        ),
        ("targets: {}\nschedule: day", "schedule: there is no schedule 'day'; known: 24x7"),
        ("targets: {}\nmatch: {all: [{field: tag}]}", "match.all[0]: needs exactly one of eq, in"),
        (
            "targets: {}\nmatch: {any: [{field: tag, eq: a, in: [b]}]}",
            "match.any[0]: needs exactly one of eq, in, not_in; it has eq and in",
        ),
        (
            "targets: {}\nmatch: {all: [{field: tga, eq: a}]}",
            "match.all[0].field: cannot match 'tga'; did you mean \"tag\"?",
        ),
        (
            "targets: {}\nmatch: {all: [{field: channel, in: [whatsap]}]}",
            "match.all[0].in: there is no channel 'whatsap'; did you mean \"whatsapp\"?",
        ),
        (
            "targets: {}\nmatch: {all: [{field: tag, in: []}]}",
            "match.all[0].in: is empty; name at least one value",
        ),
        (
            "targets: {}\nat_risk: [{at: 50}]",
            "at_risk[0].at: expected text, got the number 50; write it in quotes",
        ),
        ("targets: {}\nat_risk: [{at: 100%}]", "at_risk[0].at: '100%' is no share of the target"),
        ("targets: {}\nat_risk: [{at: 0%}]", "at_risk[0].at: '0%' is no share of the target"),
        ("targets: {}\nat_risk: [{before: 1d}]", "at_risk[0].before: '1d': days are refused"),
        ("targets: {}\nat_risk: [{}]", "at_risk[0]: needs exactly one of at (50%) and before"),
        (
            "targets: {}\nat_risk: [{at: 50%, before: 1m}]",
            "at_risk[0]: needs exactly one of at (50%) and before",
        ),
        ("targets: {}\nat_risk: [{at: 50%}, {at: 50%}]", "at_risk[1]: is given twice"),
        ("targets: {}\ncounts: {reply_by: [bot]}", "counts.reply_by: must name agent"),
        (
            "targets: {}\ncounts: {note_counts_for: [first_reply]}",
            "counts.note_counts_for[0]: notes cannot count for first_reply",
        ),
        (
            "targets: {}\npause: {statuses: [waiting]}",
            "pause.statuses[0]: there is no status 'waiting'",
        ),
        ("targets: {}\nreopen: {within: 3d}", "reopen.within: '3d': days are refused"),
        ("targets: {}\nobjective: {attainment: 101}", "objective.attainment: 101 is no percentage"),
        ("targets: {}\nobjective: {window: 4w}", "objective.window: '4w' is no number of days"),
        ("targets: {}\ntarget: {}", 'target: unknown key; did you mean "targets"?'),
        ("", "targets: is missing"),
    ],
)
def test_each_mistake_names_key_and_remedy(folder: Any, rest: str, expected: str) -> None:
    folder.write("policies/p.yaml", policy(rest))

    found = folder.mistakes()

    assert len(found) == 1, found
    line = 1 if not rest else 5 + rest.count("\n")
    assert found[0].startswith(f"policies/p.yaml:{line}: {expected}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": '""'}, "1: policy: is empty"),
        ({"version": 0}, "2: version: 0 is no version"),
        ({"since": "2026-01-01"}, "3: effective_from: '2026-01-01' is no time"),
        ({"since": "2026-01-01T00:00:00"}, "3: effective_from: '2026-01-01T00:00:00' is no time"),
    ],
)
def test_mistakes_in_the_head_are_named(folder: Any, change: dict[str, Any], expected: str) -> None:
    folder.write("policies/p.yaml", policy(**change))

    found = folder.mistakes()

    assert len(found) == 1, found
    assert found[0].startswith(f"policies/p.yaml:{expected}")


def test_two_policies_in_force_at_once_need_different_orders(folder: Any) -> None:
    folder.write("policies/a.yaml", policy(name="a"))
    folder.write("policies/b.yaml", policy(name="b"))

    (found,) = folder.mistakes()

    assert "order: 10 is also the order of" in found


def test_an_order_may_be_taken_over_from_a_version_that_is_over(folder: Any) -> None:
    folder.write("policies/a1.yaml", policy(name="a"))
    folder.write(
        "policies/a2.yaml", policy(name="a", version=2, since="2026-02-01T00:00:00Z", order=20)
    )
    folder.write("policies/b.yaml", policy(name="b", since="2026-02-01T00:00:00Z"))

    assert folder.mistakes() == []


def test_an_order_that_a_later_version_takes_is_refused(folder: Any) -> None:
    folder.write("policies/a1.yaml", policy(name="a"))
    folder.write(
        "policies/a2.yaml", policy(name="a", version=2, since="2026-02-01T00:00:00Z", order=20)
    )
    folder.write("policies/b.yaml", policy(name="b", order=20))

    (found,) = folder.mistakes()

    assert "order: 20 is also the order of" in found


def test_versions_of_a_policy_differ_in_number_and_instant(folder: Any) -> None:
    folder.write("policies/a1.yaml", policy())
    folder.write("policies/a2.yaml", policy(since="2026-02-01T00:00:00Z"))
    folder.write("policies/a3.yaml", policy(version=3))

    assert [one.split(": ")[1] for one in folder.mistakes()] == ["version", "effective_from"]


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ("targets: {}\nmatch: {all: [{field: customer.tier, eq: a}]}", "match.all[0].field"),
        ("targets: {}\nmatch: {any: [{field: customer.tier, eq: a}]}", "match.any[0].field"),
    ],
)
def test_what_is_valid_but_not_computed_yet_is_refused_by_name(
    folder: Any, rest: str, key: str
) -> None:
    folder.write(
        "schedules/day.yaml",
        'schedule: day\nversion: 1\neffective_from: "2026-01-01T00:00:00Z"\n'
        'timezone: UTC\nweekly: {mon: ["08:00-12:00"]}\n',
    )
    folder.write("policies/p.yaml", policy(rest))

    assert folder.mistakes() == []
    (found,) = folder.mistakes(only_computed=True)
    assert f": {key}: " in found
    assert found.endswith("is not computed yet; leave it out")


@pytest.mark.parametrize(
    "rest",
    [
        *(f"targets: {{{target}: {{all: 10m}}}}" for target in TARGETS),
        "targets: {first_reply: {all: 1h, schedule: day}}",
        "targets: {first_reply: {all: 1h, hours: business}}\nschedule: day",
        "targets: {}\ncounts: {reply_by: [agent, bot]}",
        *(f"targets: {{}}\nstart: {{first_reply: {at}}}" for at in ("created", "handoff")),
        "targets: {}\nclose: {unanswered: keep}",
        "targets: {}\nretarget: {priority: ignore, version: new_instances}",
    ],
)
def test_every_target_clock_and_option_of_a_policy_is_computed(folder: Any, rest: str) -> None:
    folder.write(
        "schedules/day.yaml",
        'schedule: day\nversion: 1\neffective_from: "2026-01-01T00:00:00Z"\n'
        'timezone: UTC\nweekly: {mon: ["08:00-12:00"]}\n',
    )
    folder.write("policies/p.yaml", policy(rest))

    assert folder.mistakes(only_computed=True) == []


def test_business_time_of_tenants_and_queues_is_computed(folder: Any) -> None:
    folder.write(
        "schedules/day.yaml",
        'schedule: day\nversion: 1\neffective_from: "2026-01-01T00:00:00Z"\n'
        'timezone: UTC\nweekly: {mon: ["08:00-12:00"]}\n',
    )
    folder.write(
        "carewatch.yaml", "tenants: {a: {schedule: day, queues: {vip: {schedule: day}}}}\n"
    )

    assert folder.mistakes(only_computed=True) == []


def test_hours_of_business_on_an_always_open_schedule_are_hours_of_the_clock(folder: Any) -> None:
    folder.write("policies/p.yaml", policy("targets: {first_reply: {all: 1h, hours: business}}"))

    assert folder.mistakes(only_computed=True) == []


def test_a_target_that_a_schedule_never_gets_through_is_refused(folder: Any) -> None:
    folder.write(
        "schedules/rare.yaml",
        'schedule: rare\nversion: 1\neffective_from: "2020-01-01T00:00:00Z"\n'
        'timezone: Europe/Berlin\nweekly: {mon: ["09:00-09:01"]}\n',
    )
    folder.write(
        "policies/p.yaml",
        'policy: p\nversion: 1\neffective_from: "2020-01-01T00:00:00Z"\norder: 1\n'
        "schedule: rare\ntargets:\n  resolution: {high: 4h, low: 5h}\n",
    )

    says = "5h of business time take more than 5 years: 'rare' is open for 4 h in them"
    remedy = "promise less, or write hours: calendar"
    assert folder.mistakes() == [
        f"policies/p.yaml:7: targets.resolution.low: {says}; {remedy}",
    ]
