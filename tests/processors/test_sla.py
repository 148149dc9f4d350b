"""The terms of a promise, told as stories in minutes after nine o'clock."""

from typing import Any

from carewatch.domain.rulebook import (
    Close,
    Condition,
    Counts,
    Match,
    Pause,
    Policy,
    Reopen,
    Retarget,
    Schedule,
    Start,
    Target,
    TargetRule,
)
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.wire import topics
from support.envelopes import START, Event, encode, event, message
from support.replays import net, publication, replay, values

MINUTE = 60_000


def promising(limits: dict[Target, str], **terms: Any) -> Policy:
    """A policy for everybody, unless `terms` say otherwise."""
    head: dict[str, Any] = {"version": 1, "effective_from": "2020-01-01T00:00:00Z", "order": 10}
    targets = {target: TargetRule(all=limit) for target, limit in limits.items()}
    return Policy(**({"policy": "p", "targets": targets} | head | terms))


def customer(at: int) -> Event:
    return message(at * MINUTE, id_=f"c{at}")


def person(at: int, **more: Any) -> Event:
    return message(at * MINUTE, id_=f"p{at}", actor="agent", actor_key="a1", **more)


def bot(at: int) -> Event:
    return message(at * MINUTE, id_=f"b{at}", actor="bot", actor_key="b1")


def status(at: int, to: str) -> Event:
    kind, lifecycle = "conversation.status_changed", {"to": to}
    return event(kind, at * MINUTE, id_=f"s{at}", actor="system", lifecycle=lifecycle)


def tagged(at: int, *, priority: str | None = None, **sides: list[str]) -> Event:
    tags: dict[str, list[str]] = {"added": [], "removed": []} | sides
    more: dict[str, Any] = {} if priority is None else {"priority": priority}
    return event("conversation.tagged", at * MINUTE, id_=f"t{at}", actor="agent", tags=tags, **more)


def assigned(at: int, agent: str | None) -> Event:
    to = {"to": {"agent": agent}}
    return event("conversation.assigned", at * MINUTE, id_=f"a{at}", actor="system", assignment=to)


def told(events: list[Event], *policies: Policy, until: int = 600) -> list[str]:
    """Every net record: minute, target and cycle, state, reason, and the minute it is due."""
    return lines(replay(events, until=START + until * MINUTE, policies=policies))


def lines(outputs: list[Output]) -> list[str]:
    return [_line(one["data"]) for one in net(outputs, topics.SLA)]


def _line(one: dict[str, Any]) -> str:
    due = "paused" if one["due_at"] is None else f"due {_minute(one['due_at'])}"
    what = f"{one['target']} {one['cycle']} {one['to']} ({one['reason']})"
    return f"{_minute(one['at'])}: {what} {due}"


def _minute(text: str) -> int:
    return (int(text[11:13]) - 9) * 60 + int(text[14:16])


CASE = [customer(0), person(2), status(10, "resolved"), customer(30), status(40, "resolved")]


def test_a_reopening_goes_on_where_the_case_stopped() -> None:
    assert told(CASE, promising({"resolution": "1h"})) == [
        "0: resolution 1 pending (started) due 60",
        "30: resolution 1 pending (reopened) due 80",
        "40: resolution 1 met (resolved) due 80",
    ]


def test_a_policy_may_begin_a_new_cycle_at_a_reopening() -> None:
    again = [
        "0: resolution 1 pending (started) due 60",
        "10: resolution 1 met (resolved) due 60",
        "30: resolution 2 pending (started) due 90",
        "40: resolution 2 met (resolved) due 90",
    ]

    assert told(CASE, promising({"resolution": "1h"}, reopen=Reopen(mode="new_cycle"))) == again
    assert told(CASE, promising({"resolution": "1h"}, reopen=Reopen(within="10m"))) == again


def test_exactly_at_the_end_of_the_time_to_reopen_a_case_still_goes_on() -> None:
    rule = promising({"resolution": "1h"}, reopen=Reopen(within="20m"))

    assert told(CASE, rule)[1] == "30: resolution 1 pending (reopened) due 80"


def test_a_first_resolution_is_for_good() -> None:
    rule = promising({}, targets={"resolution": TargetRule(all="1h", mode="first")})

    assert told(CASE, rule) == [
        "0: resolution 1 pending (started) due 60",
        "10: resolution 1 met (resolved) due 60",
    ]


def test_a_breach_before_the_resolution_is_a_breach_after_the_reopening() -> None:
    assert told(CASE, promising({"resolution": "5m"})) == [
        "0: resolution 1 pending (started) due 5",
        "5: resolution 1 breached (due) due 5",
        "30: resolution 1 breached (reopened) due 5",
        "40: resolution 1 met_late (resolved) due 5",
    ]


def test_a_reply_that_is_kept_runs_on_until_a_person_writes() -> None:
    rule = promising({"first_reply": "15m"}, close=Close(unanswered="keep"))

    assert told([customer(0), status(5, "resolved"), person(20)], rule) == [
        "0: first_reply 1 pending (started) due 15",
        "15: first_reply 1 breached (due) due 15",
        "20: first_reply 1 met_late (reply) due 15",
    ]


def test_a_message_marked_as_needing_no_reply_is_neither_kept_nor_fulfilled() -> None:
    done = status(5, "resolved")
    done["data"]["lifecycle"]["reason"] = "no_reply_needed"
    for unanswered in ("keep", "fulfil"):
        rule = promising({"first_reply": "15m"}, close=Close(unanswered=unanswered))

        assert told([customer(0), done], rule)[1:] == [
            "5: first_reply 1 cancelled (no_reply_needed) due 15"
        ]


def test_a_first_reply_may_be_owed_from_the_opening_or_from_the_first_assignment() -> None:
    opened = event("conversation.opened", 0, id_="o", actor="system")
    story = [opened, customer(2), assigned(4, "a1"), assigned(5, "a2"), person(6)]

    def since(start: Any) -> list[str]:
        return told(story, promising({"first_reply": "15m"}, start=Start(first_reply=start)))

    assert since("created") == [
        "0: first_reply 1 pending (started) due 15",
        "6: first_reply 1 met (reply) due 15",
    ]
    assert since("assignment") == [
        "4: first_reply 1 pending (started) due 19",
        "6: first_reply 1 met (reply) due 19",
    ]
    assert since("handoff") == []


def test_a_bot_may_give_the_reply_and_the_next_turn_begins_the_next_cycle() -> None:
    counts = Counts(reply_by=("agent", "bot"))
    rule = promising({"first_reply": "9m", "next_reply": "9m"}, counts=counts)

    assert told([customer(0), bot(1), customer(2), person(5), customer(6)], rule, until=7) == [
        "0: first_reply 1 pending (started) due 9",
        "1: first_reply 1 met (reply) due 9",
        "6: next_reply 1 pending (started) due 15",
    ]


def test_a_note_is_an_update_only_for_the_targets_that_say_so() -> None:
    counts = Counts(note_counts_for=["periodic_update"])
    rule = promising({"periodic_update": "15m", "pausable_update": "15m"}, counts=counts)
    note = person(5, message={"direction": "internal"})

    assert told([customer(0), person(1), note], rule, until=6) == [
        "1: periodic_update 1 pending (started) due 16",
        "1: pausable_update 1 pending (started) due 16",
        "5: periodic_update 1 met (reply) due 16",
        "5: periodic_update 2 pending (started) due 20",
    ]


def test_a_policy_may_resume_only_when_the_status_changes() -> None:
    story = [customer(0), person(1), status(5, "pending"), customer(7), status(9, "open")]
    rule = promising({"resolution": "15m"}, pause=Pause(resume_on="status"))

    assert told(story, rule, until=10) == [
        "0: resolution 1 pending (started) due 15",
        "5: resolution 1 pending (paused) paused",
        "9: resolution 1 pending (resumed) due 19",
    ]


def test_a_retarget_breaches_a_paused_clock_whose_time_is_over() -> None:
    rules = {"resolution": TargetRule(normal="2h", urgent="20m")}
    story = [customer(0), person(1), status(30, "pending"), tagged(40, priority="urgent")]

    assert told([*story, customer(50), status(60, "resolved")], promising({}, targets=rules)) == [
        "0: resolution 1 pending (started) due 120",
        "30: resolution 1 pending (paused) paused",
        "40: resolution 1 breached (retarget) due 40",
        "50: resolution 1 breached (resumed) due 40",
        "60: resolution 1 met_late (resolved) due 40",
    ]


def test_a_policy_may_ignore_a_priority_or_a_version_that_comes_later() -> None:
    rules = {"first_reply": TargetRule(normal="30m", urgent="20m")}
    story = [customer(0), tagged(4, priority="urgent"), person(16)]
    as_begun = [
        "0: first_reply 1 pending (started) due 30",
        "16: first_reply 1 met (reply) due 30",
    ]
    ignoring = promising({}, targets=rules, retarget=Retarget(priority="ignore"))
    later = promising(
        {"first_reply": "5m"},
        version=2,
        effective_from="2026-01-05T09:10:00Z",
        retarget=Retarget(version="new_instances"),
    )

    assert told(story, ignoring) == as_begun
    assert told([customer(0), person(16)], promising({"first_reply": "30m"}), later) == as_begun


def test_what_is_promised_again_counts_the_time_between_by_its_own_terms() -> None:
    for_vips = Match(all=[Condition(field="tag", eq="vip")])
    story = [
        customer(0),
        person(1),
        tagged(5, added=["vip"]),
        tagged(10, removed=["vip"]),
        status(12, "pending"),
        status(18, "open"),
        tagged(20, added=["vip"]),
    ]

    assert told(story, promising({"resolution": "1h"}, match=for_vips), until=70) == [
        "5: resolution 1 pending (matched) due 60",
        "10: resolution 1 cancelled (unmatched) due 60",
        "20: resolution 1 pending (matched) due 66",
        "66: resolution 1 breached (due) due 66",
    ]


def test_an_idle_end_comes_before_a_deadline_of_the_same_instant() -> None:
    rule = promising({"periodic_update": "24h"})

    records = told([customer(0), person(1)], rule, until=25 * 60)

    assert [one.split(" due")[0] for one in records] == [
        "1: periodic_update 1 pending (started)",
        "1: periodic_update 1 cancelled (idle)",
    ]


def test_endless_pausing_keeps_its_sums() -> None:
    story = [customer(0), person(1)]
    for place in range(1, 101):
        story += [status(4 * place, "pending"), status(4 * place + 1, "open")]
    rule = promising({"resolution": "500m"})

    written = replay(story, until=START + 402 * MINUTE, policies=[rule])

    last = net(written, topics.SLA)[-1]["data"]
    assert (last["elapsed_ms"], last["paused_ms"]) == (301 * MINUTE, 100 * MINUTE)


def test_an_edited_schedule_counts_anew_what_is_open_and_leaves_a_breach_alone() -> None:
    rules = [promising({"resolution": "2h", "agent_work": "10m"}, schedule="day")]
    written: list[Output] = []
    driver = Replay(written.append, partitions=1)
    driver.everywhere(publication(*rules, schedules=[_day("09:00-17:00")]))
    driver.event("c1", encode(customer(0)))
    driver.everywhere(
        publication(
            *rules,
            number=2,
            effective_at=START + 40 * MINUTE,
            schedules=[_day("09:30-17:00")],
        )
    )
    driver.tick(START + 60 * MINUTE)

    assert lines(written) == [
        "0: agent_work 1 pending (started) due 10",
        "0: resolution 1 pending (started) due 120",
        "10: agent_work 1 breached (due) due 10",
        "40: resolution 1 pending (retarget) due 150",
    ]
    assert not [one for one in values(written, topics.SLA) if one["data"]["sign"] == -1]


def test_a_clock_goes_on_by_the_last_hours_of_a_schedule_that_was_taken_away() -> None:
    first = [promising({"resolution": "20m"}, schedule="day")]
    written: list[Output] = []
    driver = Replay(written.append, partitions=1)
    driver.everywhere(publication(*first, schedules=[_day("09:00-17:00")]))
    driver.event("c1", encode(customer(0)))
    driver.everywhere(publication(number=2, effective_at=START + 40 * MINUTE))
    driver.event("c1", encode(status(50, "resolved")))

    assert lines(written) == [
        "0: resolution 1 pending (started) due 20",
        "20: resolution 1 breached (due) due 20",
        "50: resolution 1 met_late (resolved) due 20",
    ]


def _day(hours: str) -> Schedule:
    return Schedule(
        schedule="day",
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        timezone="UTC",
        weekly={"mon": [hours]},
    )


def test_a_clock_that_never_ran_ends_without_a_deadline() -> None:
    """The record that ends a clock carries its last deadline, and there was none."""
    rule = promising({"agent_work": "2m"})
    outputs = replay([status(0, "bot"), customer(1), tagged(2, added=["spam"])], policies=[rule])

    records = [one["data"] for one in values(outputs, topics.SLA)]

    assert [(one["to"], one["paused"], one["due_at"]) for one in records] == [
        ("pending", True, None),
        ("cancelled", False, None),
    ]
