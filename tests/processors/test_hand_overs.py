"""Merged conversations, told as stories in minutes after nine o'clock (E14, S15)."""

from typing import Any

from carewatch.domain.rulebook import Condition, Counts, Match, Policy, Start, TargetRule
from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.wire import topics
from carewatch.wire.partitions import partition_of
from support.envelopes import START, Event, encode, event, message
from support.replays import net, points, publication, replay, values

MINUTE = 60_000


def customer(at: int, key: str, *, arrives: int | None = None, **more: Any) -> Event:
    """The customer of `key` writes; `arrives` in minutes."""
    later = None if arrives is None else arrives * MINUTE
    return message(at * MINUTE, id_=f"c{at}{key}", key=key, arrives=later, **more)


def person(at: int, key: str, *, arrives: int | None = None, **more: Any) -> Event:
    later = None if arrives is None else arrives * MINUTE
    actor = {"actor": "agent", "actor_key": "a1"}
    return message(at * MINUTE, id_=f"p{at}{key}", key=key, arrives=later, **actor, **more)


def bot(at: int, key: str, **more: Any) -> Event:
    return message(at * MINUTE, id_=f"b{at}{key}", key=key, actor="bot", actor_key="b1", **more)


def merged(at: int, key: str, into: str | None, *, kind: str = "merged", **more: Any) -> Event:
    lifecycle = {"to": "merged"} | ({} if into is None else {"merged_into": into})
    kind = f"conversation.{kind}"
    return event(
        kind, at * MINUTE, id_=f"m{at}{key}", key=key, actor="agent", lifecycle=lifecycle, **more
    )


def tagged(at: int, key: str, *added: str, **more: Any) -> Event:
    tags, kind = {"added": added, "removed": []}, "conversation.tagged"
    return event(kind, at * MINUTE, id_=f"t{at}{key}", key=key, actor="agent", tags=tags, **more)


def status(at: int, key: str, to: str) -> Event:
    lifecycle, kind = {"to": to}, "conversation.status_changed"
    return event(kind, at * MINUTE, id_=f"s{at}{key}", key=key, actor="system", lifecycle=lifecycle)


def handed(at: int, key: str) -> Event:
    handoff, kind = {"to": "human"}, "conversation.handoff"
    return event(kind, at * MINUTE, id_=f"h{at}{key}", key=key, actor="bot", handoff=handoff)


def promising(limit: str = "10m", **terms: Any) -> Policy:
    head: dict[str, Any] = {"version": 1, "effective_from": "2020-01-01T00:00:00Z", "order": 10}
    head["targets"] = {"first_reply": TargetRule(all=limit), "next_reply": TargetRule(all=limit)}
    return Policy(**({"policy": "p"} | head | terms))


def run(
    *events: Event, policy: Policy | None = None, until: int = 120, **more: Any
) -> list[Output]:
    """Everything that is written when the events arrive in the order of their arrival."""
    arriving = sorted(events, key=lambda one: str(one["recordedtime"]))
    rules = (policy or promising(),)
    return replay(arriving, until=START + until * MINUTE, policies=rules, **more)


def waits(outputs: list[Output], *metrics: str) -> list[str]:
    """The net samples of these metrics: conversation, from minute to minute."""
    found = [one["data"] for one in net(outputs, topics.FACTS) if "metric" in one["data"]]
    return [
        f"{one['conversation_key']} {_minute(one['started_at'])}-{_minute(one['ended_at'])}"
        for one in found
        if one["metric"] in (metrics or ("reply_time",))
    ]


def clocks(outputs: list[Output], key: str) -> list[str]:
    """The net records of one conversation: minute, target and cycle, state, reason, minute due."""
    return [
        f"{_minute(one['at'])}: {one['target']} {one['cycle']} {one['to']} ({one['reason']})"
        f" due {_minute(one['due_at'])}"
        for one in (record["data"] for record in net(outputs, topics.SLA))
        if one["conversation_key"] == key
    ]


def sessions(outputs: list[Output], key: str) -> list[str]:
    found = [one["data"] for one in net(outputs, topics.FACTS) if "transition" in one["data"]]
    return [
        f"{_minute(one['at'])}: {one['transition']} by {one['initiated_by']}"
        for one in found
        if one["conversation_key"] == key
    ]


def inherited(outputs: list[Output]) -> list[dict[str, Any]]:
    return [one["data"]["inherited"] for one in values(outputs, topics.EVENTS)]


def total(outputs: list[Output], metric: str) -> int:
    """The net count since the beginning, over all labels."""
    found = points(outputs).values()
    return sum(one["value"] for one in found if (one["metric"], one["window"]) == (metric, "total"))


def _minute(text: str | None) -> int | str:
    return "never" if text is None else (parse_time(text) - START) // MINUTE


def test_the_record_goes_where_the_gateway_puts_the_parent() -> None:
    outputs = run(customer(0, "c2"), merged(4, "c2", "c1"), partitions=5)
    (one,) = [output for output in outputs if output.topic == topics.EVENTS]

    assert (one.key, one.partition) == (b"c1", partition_of(b"c1", 5))


def test_a_status_that_names_the_parent_merges_too() -> None:
    outputs = run(customer(0, "c2"), merged(4, "c2", "c1", kind="status_changed"), person(7, "c1"))

    assert waits(outputs) == ["c1 0-7"]


def test_a_merge_into_nobody_knows_what_hands_nothing_over() -> None:
    outputs = run(customer(0, "c2"), merged(4, "c2", None))

    assert inherited(outputs) == []
    assert sessions(outputs, "c2") == ["0: opened by customer", "4: merged by customer"]
    assert clocks(outputs, "c2")[-1] == "4: first_reply 1 cancelled (merged) due 10"


def test_an_answered_child_hands_nothing_over() -> None:
    outputs = run(customer(0, "c2"), person(2, "c2"), merged(4, "c2", "c1"))

    assert inherited(outputs) == []
    assert sessions(outputs, "c1") == []


def test_a_merge_without_an_open_session_is_ignored() -> None:
    outputs = run(customer(0, "c2"), status(2, "c2", "resolved"), merged(4, "c2", "c1"))

    assert inherited(outputs) == []
    assert sessions(outputs, "c2") == ["0: opened by customer", "2: resolved by customer"]
    assert total(outputs, "ignored_events") == 1


def test_labels_of_the_parent_stay_its_own() -> None:
    outputs = run(customer(1, "c1", channel="web"), customer(0, "c2"), merged(4, "c2", "c1"))
    found = {
        (one["data"]["channel"], one["data"]["customer_key"], one["data"]["reason"])
        for one in net(outputs, topics.SLA)
        if one["data"]["conversation_key"] == "c1"
    }

    assert found == {("web", "u_c1", reason) for reason in ("started", "merged", "due")}


def test_a_parent_of_which_nothing_is_known_has_the_labels_of_its_child() -> None:
    outputs = run(customer(0, "c2", channel="web"), merged(4, "c2", "c1", channel="web"))
    found = [
        (one["data"]["channel"], one["data"]["account_ref"], one["data"]["customer_key"])
        for one in net(outputs, topics.FACTS)
        if one["data"]["conversation_key"] == "c1"
    ]

    assert found == [("web", "pn-1", "u_c2")]


def test_what_is_taken_back_leaves_no_labels_behind() -> None:
    """Only the first revision had any; nothing is known of the parent but what comes later."""
    outputs = run(
        customer(0, "c2", channel="web"),
        merged(4, "c2", "c1"),
        person(2, "c2", arrives=10),
        tagged(20, "c1"),
    )

    assert sessions(outputs, "c1") == []
    assert [one["started_at"] for one in inherited(outputs)] == ["2026-01-05T09:00:00.000Z", None]


def test_the_turn_counts_as_opened_once_where_it_goes_on() -> None:
    alone = run(customer(0, "c2"), merged(4, "c2", "c1"), person(7, "c1"))
    two = run(customer(0, "c2"), customer(1, "c1"), merged(4, "c2", "c1"), person(7, "c1"))

    assert [total(one, "turns_opened") for one in (alone, two)] == [1, 1]
    assert [total(one, "turns_answered_24h") for one in (alone, two)] == [1, 1]


def test_a_turn_that_nobody_takes_over_still_counts_as_opened() -> None:
    outputs = run(customer(0, "c2"), merged(4, "c2", None))

    assert total(outputs, "turns_opened") == 1


def test_an_agent_who_began_makes_it_a_next_turn() -> None:
    outputs = run(person(0, "c1"), customer(1, "c2"), merged(4, "c2", "c1"), person(7, "c1"))

    assert waits(outputs, "first_response_time") == []
    assert waits(outputs, "next_reply_time") == ["c1 1-7"]


def test_an_answer_of_the_bot_is_not_given_again() -> None:
    outputs = run(customer(2, "c1"), bot(3, "c1"), customer(0, "c2"), merged(4, "c2", "c1"))

    assert waits(outputs, "first_response_time_any") == ["c1 2-3"]


def test_while_a_child_waits_with_the_bot_silence_ends_nothing() -> None:
    web: dict[str, Any] = {"channel": "web"}
    outputs = run(
        customer(0, "c1", **web),
        bot(1, "c1", **web),
        customer(0, "c2", **web),
        merged(4, "c2", "c1", **web),
        until=120,
    )

    assert sessions(outputs, "c1") == ["0: opened by customer"]


def test_a_stay_begins_at_the_merge_where_nobody_is_there() -> None:
    outputs = run(customer(0, "c2"), merged(4, "c2", "c1"), person(7, "c1"))

    assert waits(outputs, "queue_wait_time") == ["c2 0-4", "c1 4-7"]


def test_deleting_the_own_message_leaves_the_inherited_wait() -> None:
    gone = event("message.deleted", 6 * MINUTE, id_="d", key="c1", message={"key": "m_c1c1"})
    outputs = run(
        customer(0, "c2"), customer(1, "c1"), merged(4, "c2", "c1"), gone, person(7, "c1")
    )

    assert waits(outputs) == ["c1 0-7"]


def test_the_merge_wakes_no_snoozed_conversation() -> None:
    policy = promising(targets={"resolution": TargetRule(all="1h")})
    outputs = run(
        customer(0, "c1"), person(1, "c1"), status(2, "c1", "snoozed"),
        customer(3, "c2"), merged(4, "c2", "c1"), until=200, policy=policy,
    )  # fmt: skip

    assert clocks(outputs, "c1") == [
        "0: resolution 1 pending (started) due 60",
        "2: resolution 1 pending (paused) due never",
    ]


def test_a_first_reply_owed_from_the_hand_off_stays_owed_from_it() -> None:
    outputs = run(
        customer(0, "c2"), customer(2, "c1"), handed(3, "c1"), merged(4, "c2", "c1"),
        person(7, "c1"), policy=promising(start=Start(first_reply="handoff")),
    )  # fmt: skip

    assert clocks(outputs, "c1") == [
        "3: first_reply 1 pending (started) due 13",
        "7: first_reply 1 met (reply) due 13",
    ]
    assert waits(outputs) == ["c1 0-7"]


def test_a_promise_that_comes_after_the_merge_counts_from_the_inherited_start() -> None:
    vip = Match(all=[Condition(field="tag", eq="vip")])
    outputs = run(
        customer(0, "c2"), customer(2, "c1"), merged(4, "c2", "c1"), tagged(6, "c1", "vip"),
        person(7, "c1"), policy=promising(match=vip),
    )  # fmt: skip

    assert clocks(outputs, "c1") == [
        "6: first_reply 1 pending (matched) due 10",
        "7: first_reply 1 met (reply) due 10",
    ]


def test_a_retargeted_clock_keeps_what_each_of_its_clocks_counted() -> None:
    """Between minute 2 and 3 other terms held; the inherited time is counted by the first ones."""
    policy = promising(targets={"first_reply": TargetRule(urgent="5m", normal="10m")})
    urgent = tagged(3, "c1", priority="urgent")
    outputs = run(
        customer(1, "c2"), customer(2, "c1"), urgent, merged(4, "c2", "c1"), policy=policy
    )

    assert clocks(outputs, "c1") == [
        "2: first_reply 1 pending (started) due 12",
        "3: first_reply 1 pending (retarget) due 7",
        "4: first_reply 1 pending (merged) due 6",
        "6: first_reply 1 breached (due) due 6",
    ]


def test_where_a_bot_counts_its_answer_ends_the_inherited_turn_as_well() -> None:
    counts = promising(counts=Counts(reply_by=("agent", "bot")))
    outputs = run(customer(0, "c2"), merged(4, "c2", "c1"), bot(5, "c1"), policy=counts)

    assert clocks(outputs, "c1") == [
        "4: first_reply 1 pending (merged) due 10",
        "5: first_reply 1 met (reply) due 10",
    ]


def test_an_excluded_parent_takes_nothing_over() -> None:
    outputs = run(
        customer(0, "c1"), tagged(1, "c1", "spam"), customer(2, "c2"), merged(4, "c2", "c1"),
        person(3, "c2", arrives=10),
    )  # fmt: skip

    assert sessions(outputs, "c1") == ["0: opened by customer", "1: closed by customer"]
    assert total(outputs, "excluded_events") == 0


def test_a_repeated_merge_hands_over_once() -> None:
    merge = merged(4, "c2", "c1")
    outputs = run(customer(0, "c2"), merge, merge)

    assert [one["revision"] for one in inherited(outputs)] == [1]
    assert total(outputs, "duplicate_events") == 1


def test_an_older_revision_that_comes_last_changes_nothing() -> None:
    told = run(customer(0, "c2"), merged(4, "c2", "c1"), person(2, "c2", arrives=10))
    first, second = [one.value for one in told if one.topic == topics.EVENTS]
    written: list[Output] = []
    driver = Replay(written.append)
    driver.everywhere(publication(promising()))
    for value in (second, first, first):
        driver._feed(topics.EVENTS, 0, b"c1", value)
    driver.tick(START + 120 * MINUTE)

    assert [one for one in written if one.topic in (topics.FACTS, topics.SLA)] == []


def test_a_child_is_judged_late_by_its_own_clock_and_its_parent_is_not_asked_again() -> None:
    """Exactly a day late is taken; the parent hears of it a moment later, which is no later."""
    day = 24 * 60
    outputs = run(
        customer(0, "c2"), merged(4, "c2", "c1", arrives=(day + 4) * MINUTE),
        customer(day + 2, "c1"), until=day + 30,
    )  # fmt: skip
    (hand_over,) = [one.value for one in outputs if one.topic == topics.EVENTS]
    written: list[Output] = []
    driver = Replay(written.append)
    driver.everywhere(publication(promising()))
    driver.event("c1", encode(customer(day + 2, "c1")))
    driver.tick(START + (day + 5) * MINUTE)
    driver._feed(topics.EVENTS, 0, b"c1", hand_over)

    assert [one for one in written if one.topic == topics.LATE] == []
    assert sessions(written, "c1") == ["4: opened by customer"]


def test_a_merge_that_stays_true_is_told_once_whatever_else_changes() -> None:
    outputs = run(
        customer(0, "c2"), customer(2, "c2"), merged(4, "c2", "c1"),
        customer(1, "c2", arrives=9), person(12, "c1"),
    )  # fmt: skip

    assert [one["revision"] for one in inherited(outputs)] == [1]
    assert waits(outputs) == ["c1 0-12"]


def test_a_reply_at_the_instant_of_the_merge_comes_before_it() -> None:
    outputs = run(customer(0, "c2"), merged(4, "c2", "c1"), person(4, "c1"), person(7, "c1"))

    assert waits(outputs) == ["c1 0-7"]


def test_a_message_at_the_instant_of_the_merge_is_handed_over() -> None:
    outputs = run(customer(4, "c2"), merged(4, "c2", "c1"), person(7, "c1"))

    assert waits(outputs) == ["c1 4-7"]


def test_the_waiting_customer_began_what_nobody_had_written_in() -> None:
    outputs = run(
        status(0, "c1", "open"), customer(1, "c2"), merged(4, "c2", "c1"),
        person(7, "c1"), status(8, "c1", "resolved"),
    )  # fmt: skip

    assert sessions(outputs, "c1") == ["0: opened by None", "8: resolved by customer"]
