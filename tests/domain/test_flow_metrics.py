"""What comes in, goes out, comes back and is passed on: every number worked out by hand."""

from msgspec.structs import replace

from carewatch.domain.contributions import Held, held
from carewatch.domain.rulebook import Pause, Policy, QueueRules, Schedule, TargetRule, Tenant
from support.counted import Counted, Part
from support.envelopes import Event, event, message

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOBODY = ("none",)
BASE = ("acme", "whatsapp", "none", "normal")


def assigned(at: int, id_: str, **to: str | None) -> Event:
    return event("conversation.assigned", at, id_=id_, actor="system", assignment={"to": to})


def status(at: int, id_: str, to: str, **more: str) -> Event:
    lifecycle = {"to": to, **more}
    return event(
        "conversation.status_changed", at, id_=id_, actor="agent", actor_key="a9",
        lifecycle=lifecycle,
    )  # fmt: skip


def reply(at: int, id_: str, agent: str = "a1") -> Event:
    return message(at, id_=id_, actor="agent", actor_key=agent)


def policy(**targets: str) -> Policy:
    rules = {name: TargetRule(all=limit) for name, limit in targets.items()}
    return Policy(
        policy="p", version=1, effective_from="2020-01-01T00:00:00Z", order=1,
        targets=rules,  # type: ignore[arg-type]
    )  # fmt: skip


def test_every_resolution_counts_and_a_reopening_takes_none_back() -> None:
    counted = Counted([
        message(0, id_="e1"),
        status(HOUR, "e2", "resolved"),
        message(2 * HOUR, id_="e3"),
        status(3 * HOUR, "e4", "resolved"),
    ])  # fmt: skip

    assert counted["resolutions"] == [Part(HOUR, NOBODY, 1), Part(3 * HOUR, NOBODY, 1)]
    assert counted["net_flow"] == [
        Part(0, NOBODY, 1), Part(HOUR, NOBODY, -1), Part(3 * HOUR, NOBODY, -1),
    ]  # fmt: skip
    assert counted["flow_ratio"] == [
        Part(0, NOBODY, 0, 1), Part(HOUR, NOBODY, 1), Part(3 * HOUR, NOBODY, 1),
    ]  # fmt: skip
    # Only what was opened can be resolved of it: the reopened session is no other opening.
    assert counted["resolution_rate"] == [Part(0, NOBODY, 0, 1), Part(0, NOBODY, 1)]


def test_a_reopening_counts_at_the_resolution_that_did_not_hold() -> None:
    counted = Counted([
        message(0, id_="e1"),
        status(HOUR, "e2", "resolved"),
        assigned(2 * HOUR, "e3", queue="vip"),
        message(73 * HOUR, id_="e4"),
        status(74 * HOUR, "e5", "resolved"),
        message(146 * HOUR + 1, id_="e6"),
    ])  # fmt: skip

    # Exactly 72 h after the first; a millisecond more after the second is another case.
    assert counted["reopen_rate"] == [
        Part(HOUR, NOBODY, 0, 1),
        Part(HOUR, NOBODY, 1),
        Part(74 * HOUR, ("vip",), 0, 1),
    ]


def test_a_session_resolved_after_more_than_seven_days_was_not_resolved_in_time() -> None:
    slow, week = status(7 * DAY + 1, "e2", "resolved"), status(7 * DAY, "e2", "resolved")

    assert Counted([message(0, id_="e1"), week])["resolution_rate"] == [
        Part(0, NOBODY, 0, 1), Part(0, NOBODY, 1),
    ]  # fmt: skip
    assert Counted([message(0, id_="e1"), slow])["resolution_rate"] == [Part(0, NOBODY, 0, 1)]


def test_a_resolution_counts_in_the_rate_where_the_session_opened() -> None:
    counted = Counted([
        message(0, id_="e1"),
        assigned(1000, "e2", queue="vip"),
        status(HOUR, "e3", "resolved"),
    ])  # fmt: skip

    assert counted["resolution_rate"] == [Part(0, NOBODY, 0, 1), Part(0, NOBODY, 1)]
    assert counted["resolutions"] == [Part(HOUR, ("vip",), 1)]


def test_a_conversation_is_resolved_once_in_a_local_day() -> None:
    """The story begins at 09:00 UTC, which is 23:00 in Honolulu: an hour before midnight."""
    counted = Counted(
        [
            message(0, id_="e1"),
            status(MINUTE, "e2", "resolved"),
            message(2 * MINUTE, id_="e3"),
            status(HOUR - 1, "e4", "resolved"),
            message(HOUR, id_="e5"),
            status(HOUR, "e6", "resolved"),
        ],
        tenants={"acme": Tenant(timezone="Pacific/Honolulu")},
    )

    assert counted["resolved_conversations"] == [Part(MINUTE, NOBODY, 1), Part(HOUR, NOBODY, 1)]


def test_a_session_says_at_its_end_how_much_was_written_in_it() -> None:
    counted = Counted([
        message(0, id_="e1"),
        message(1000, id_="e2", actor="bot", actor_key="b1"),
        message(2000, id_="e3", actor="system", message={"automated": True}),
        message(3000, id_="e4", actor="agent", actor_key="a1", message={"direction": "internal"}),
        message(4000, id_="e5", message={"needs_reply": False}),
        reply(5000, "e6"),
        event("message.deleted", 6000, id_="e7", message={"key": "m_e6"}),
        status(HOUR, "e8", "resolved"),
        reply(2 * HOUR, "e9"),  # an after-word belongs to no session
        message(3 * HOUR, id_="e10"),
        reply(4 * HOUR, "e11"),
        reply(5 * HOUR, "e12", "a2"),
        status(6 * HOUR, "e13", "resolved"),
        message(7 * HOUR, id_="e14"),
        status(8 * HOUR, "e15", "resolved"),
    ])  # fmt: skip

    assert counted["thread_size"] == [
        Part(HOUR, NOBODY, 5), Part(6 * HOUR, NOBODY, 3), Part(8 * HOUR, NOBODY, 1),
    ]  # fmt: skip
    assert counted["replies_to_resolution"] == [
        Part(HOUR, NOBODY, 1), Part(6 * HOUR, NOBODY, 2), Part(8 * HOUR, NOBODY, 0),
    ]  # fmt: skip
    assert counted["one_touch_rate"] == [
        Part(HOUR, NOBODY, 1, 1), Part(6 * HOUR, NOBODY, 0, 1), Part(8 * HOUR, NOBODY, 0, 1),
    ]  # fmt: skip


def test_an_end_in_silence_is_no_resolution() -> None:
    counted = Counted([message(0, id_="e1"), reply(HOUR, "e2")], until=26 * HOUR)

    assert counted["thread_size"] == [Part(25 * HOUR, NOBODY, 2)]
    assert counted["net_flow"] == [Part(0, NOBODY, 1)]
    for metric in ("resolutions", "replies_to_resolution", "one_touch_rate", "reopen_rate"):
        assert counted[metric] == []


def test_a_transfer_changes_a_known_queue_or_team_and_back_is_a_bounce() -> None:
    counted = Counted([
        assigned(0, "e1", queue="sales"),  # nobody is there yet: no transfer
        message(1000, id_="e2"),
        assigned(2000, "e3", team="one"),  # named, not changed
        assigned(3000, "e4", queue="vip", team="two"),  # both by one assignment
        assigned(4000, "e5", queue="vip", agent="a1"),  # neither
        assigned(5000, "e6", queue=None),
        assigned(6000, "e7", queue="sales"),  # back, but from nowhere
        assigned(7000, "e8", team="one"),
        assigned(8000, "e9", queue="new"),
        status(9000, "e10", "resolved"),
        assigned(9500, "e11", queue="vip"),
        message(10_000, id_="e12"),
        assigned(11_000, "e13", queue="sales"),  # visited in another session only
        status(12_000, "e14", "resolved"),
    ])  # fmt: skip

    assert counted["transfers"] == [
        Part(3000, ("vip",), 1),
        Part(7000, ("sales",), 1),
        Part(8000, ("new",), 1),
        Part(11_000, ("sales",), 1),
    ]
    assert counted["bounce_rate"] == [
        Part(3000, ("vip",), 0, 1),
        Part(7000, ("sales",), 1, 1),
        Part(8000, ("new",), 0, 1),
        Part(11_000, ("sales",), 0, 1),
    ]
    assert counted["hops_per_session"] == [Part(9000, ("new",), 3), Part(12_000, ("sales",), 1)]


def test_a_queue_that_was_entered_and_left_was_visited() -> None:
    def entered(at: int, id_: str, name: str) -> Event:
        return event("queue.entered", at, id_=id_, actor="system", queue={"name": name})

    counted = Counted([
        entered(0, "e1", "sales"),
        entered(1000, "e2", "vip"),
        assigned(2000, "e3", queue="sales"),
    ])  # fmt: skip

    assert counted["bounce_rate"] == [Part(2000, ("sales",), 1, 1)]


def test_a_session_is_clean_when_no_promise_was_broken_in_it() -> None:
    rules = [policy(first_reply="5m", resolution="2h")]
    counted = Counted(
        [
            message(0, id_="e1"),
            reply(5 * MINUTE, "e2"),
            status(HOUR, "e3", "resolved"),
            message(3 * HOUR, id_="e4"),
            reply(3 * HOUR, "e5"),
            # Both spans count for the promise of the case: 1 h and, from 3:00 on, another.
            status(4 * HOUR + 1, "e6", "resolved"),
        ],
        policies=rules,
    )

    assert counted["policy_clean_rate"] == [
        Part(HOUR, NOBODY, 1, 1), Part(4 * HOUR + 1, NOBODY, 0, 1),
    ]  # fmt: skip


def test_a_session_without_a_promise_is_neither_clean_nor_not() -> None:
    events = [message(0, id_="e1"), status(HOUR, "e2", "resolved")]

    assert Counted(events)["policy_clean_rate"] == []


def test_how_late_a_promise_was_kept_is_told_once_by_its_own_clock() -> None:
    counted = Counted(
        [message(0, id_="e1"), reply(7 * MINUTE, "e2"), message(HOUR, id_="e3")],
        policies=[policy(first_reply="5m", next_reply="5m")],
        until=2 * HOUR,
    )

    overrun = Part(7 * MINUTE, ("none", "p", "first_reply"), 2 * MINUTE)
    assert counted["sla_overrun"] == [overrun]


def test_a_pause_over_an_unanswered_message_is_told_when_it_ends() -> None:
    counted = Counted(
        [
            message(0, id_="e1"),
            status(10 * MINUTE, "e2", "pending"),  # over the question
            reply(15 * MINUTE, "e3"),  # and from here on over nothing
            message(25 * MINUTE, id_="e4"),  # ends the pause as it opens the turn
            status(30 * MINUTE, "e5", "snoozed"),
            message(37 * MINUTE, id_="e6"),
            status(50 * MINUTE, "e7", "pending"),
            status(HOUR, "e8", "resolved"),
        ],
        policies=[policy(first_reply="2h", resolution="24h")],
    )

    name = ("none", "p", "resolution")
    assert counted["suspect_pause"] == [
        Part(15 * MINUTE, name, 5 * MINUTE),
        Part(37 * MINUTE, name, 7 * MINUTE),
        Part(HOUR, name, 10 * MINUTE),
    ]


def test_a_pause_is_suspect_from_the_question_on() -> None:
    rules = policy(resolution="24h")
    counted = Counted(
        [
            message(0, id_="e1"),
            reply(MINUTE, "e2"),
            status(10 * MINUTE, "e3", "pending"),
            message(20 * MINUTE, id_="e4"),  # which does not end the pause here
            reply(26 * MINUTE, "e5"),
        ],
        policies=[replace(rules, pause=Pause(resume_on="status"))],
    )

    assert counted["suspect_pause"] == [Part(26 * MINUTE, ("none", "p", "resolution"), 6 * MINUTE)]


def test_a_pause_while_the_bot_has_the_conversation_is_none_to_suspect() -> None:
    counted = Counted(
        [
            message(0, id_="e1"),
            status(MINUTE, "e2", "bot"),
            status(HOUR, "e3", "open", **{"from": "bot"}),
        ],
        policies=[policy(agent_work="4h")],
    )

    assert counted["suspect_pause"] == []


def test_a_pause_that_outlasts_the_bot_is_suspect_from_the_hand_off_on() -> None:
    counted = Counted(
        [
            message(0, id_="e1"),
            status(MINUTE, "e2", "bot"),
            event("conversation.handoff", 10 * MINUTE, id_="e3", handoff={"to": "human"}),
            reply(14 * MINUTE, "e4"),
        ],
        policies=[policy(agent_work="4h")],
    )

    told = Part(14 * MINUTE, ("none", "p", "agent_work"), 4 * MINUTE)
    assert counted["suspect_pause"] == [told]


def test_a_suspect_pause_counts_business_time_too() -> None:
    hours = Schedule(
        schedule="day", version=1, effective_from="2020-01-01T00:00:00Z", timezone="UTC",
        weekly={"mon": ["09:00-09:12"], "tue": ["09:00-10:00"]},
    )  # fmt: skip
    counted = Counted(
        [
            message(0, id_="e1"),
            status(10 * MINUTE, "e2", "pending"),
            reply(20 * MINUTE, "e3"),
        ],
        policies=[policy(resolution="24h")],
        schedules=[hours],
        tenants={"acme": Tenant(schedule="day", queues={"vip": QueueRules()})},
    )

    assert [part.amount for part in counted["suspect_pause"]] == [10 * MINUTE]
    assert [part.amount for part in counted["suspect_pause_business"]] == [2 * MINUTE]


def test_who_waits_and_what_is_open_shows_for_the_assignee_too() -> None:
    counted = Counted([
        message(0, id_="e1"),
        reply(1000, "e2"),
        message(HOUR, id_="e3"),
        assigned(2 * HOUR, "e4", agent="a1"),
    ])  # fmt: skip

    found = held("acme", counted.memory.state)
    assert Held("open_conversations_by_agent", (*BASE, "open", "a1")) in found
    assert {one.metric for one in found if one.metric.endswith("_by_agent")} == {
        "open_conversations_by_agent", "waiting_conversations_by_agent",
        "oldest_unanswered_by_agent",
    }  # fmt: skip
    oldest = {one.metric: one.at for one in found if one.metric.startswith("oldest")}
    assert oldest["oldest_open"] == oldest["oldest_unanswered"] - HOUR
    assert oldest["oldest_unanswered_by_agent"] == oldest["oldest_unanswered"]


def test_what_the_bot_has_needs_a_reply_and_waits_for_nobody() -> None:
    counted = Counted([message(0, id_="e1"), message(1, id_="e2", actor="bot", actor_key="b1")])

    metrics = {one.metric for one in held("acme", counted.memory.state)}
    assert "needs_reply" in metrics
    assert "waiting_conversations" not in metrics


def test_open_clocks_are_active_and_those_that_stand_still_paused() -> None:
    counted = Counted(
        [message(0, id_="e1"), status(1000, "e2", "pending")],
        policies=[policy(first_reply="5m", resolution="4h")],
    )

    own = {(one.metric, one.labels[-1]) for one in held("acme", counted.memory.state)}
    assert {("sla_active", "first_reply"), ("sla_active", "resolution")} <= own
    assert {name for name in own if name[0] == "sla_paused"} == {("sla_paused", "resolution")}
