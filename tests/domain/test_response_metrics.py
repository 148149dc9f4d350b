"""Who is answered, how soon, and what is done: every number worked out by hand."""

import pytest

from carewatch.domain.asked import KEPT
from carewatch.domain.rulebook import Tenant
from support.counted import Counted, Part
from support.envelopes import Event, event, message

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOBODY = ("none",)


def assigned(at: int, id_: str, **to: str | None) -> Event:
    return event("conversation.assigned", at, id_=id_, actor="system", assignment={"to": to})


def status(at: int, id_: str, to: str, actor: str = "system", **more: str) -> Event:
    lifecycle = {"to": to, **more}
    return event("conversation.status_changed", at, id_=id_, actor=actor, lifecycle=lifecycle)


def deleted(at: int, id_: str, key: str) -> Event:
    return event("message.deleted", at, id_=id_, message={"key": key})


def reply(at: int, id_: str, agent: str | None = "a1", **more: object) -> Event:
    return message(at, id_=id_, actor="agent", actor_key=agent, **more)


def test_a_reply_answers_every_message_of_the_turn_where_the_message_came() -> None:
    counted = Counted([
        message(0, id_="e1"),
        message(5 * MINUTE, id_="e2"),
        assigned(6 * MINUTE, "e3", queue="vip"),
        message(7 * MINUTE, id_="e4"),
        reply(DAY, "e5"),
        message(DAY + HOUR, id_="e6"),
    ])  # fmt: skip

    # The queue is that of the message, so that the answered are a part of those asked there.
    assert counted["message_response_rate"] == [
        Part(0, NOBODY, 0, 1),
        Part(0, NOBODY, 1, 0),
        Part(5 * MINUTE, NOBODY, 0, 1),
        Part(5 * MINUTE, NOBODY, 1, 0),
        Part(7 * MINUTE, ("vip",), 0, 1),
        Part(7 * MINUTE, ("vip",), 1, 0),
        Part(DAY + HOUR, ("vip",), 0, 1),
    ]
    assert counted["response_rate"] == [
        Part(0, NOBODY, 0, 1),
        Part(0, NOBODY, 1, 0),
        Part(DAY + HOUR, ("vip",), 0, 1),
    ]


def test_what_is_answered_later_than_a_day_after_it_is_asked_and_not_answered() -> None:
    counted = Counted([message(0, id_="e1"), message(1, id_="e2"), reply(DAY + 1, "e3")])

    assert counted["message_response_rate"] == [
        Part(0, NOBODY, 0, 1),
        Part(1, NOBODY, 0, 1),
        Part(1, NOBODY, 1, 0),
    ]
    assert counted["response_rate"] == [Part(0, NOBODY, 0, 1)]


def test_what_needed_no_reply_is_asked_by_nobody() -> None:
    asked = [message(0, id_="e1"), message(1000, id_="e2")]

    done = Counted([*asked, status(HOUR, "e3", "resolved", reason="no_reply_needed")])
    closed = Counted([*asked, status(HOUR, "e3", "resolved")])

    assert done["message_response_rate"] == []
    assert done["response_rate"] == []
    assert closed["message_response_rate"] == [Part(0, NOBODY, 0, 1), Part(1000, NOBODY, 0, 1)]
    assert closed["response_rate"] == [Part(0, NOBODY, 0, 1)]


def test_a_message_deleted_before_its_answer_was_not_asked_one_deleted_later_was() -> None:
    counted = Counted([
        message(0, id_="e1"),
        message(1000, id_="e2"),
        deleted(2000, "e3", "m_e1"),
        reply(3000, "e4"),
        deleted(4000, "e5", "m_e2"),
    ])  # fmt: skip

    assert counted["message_response_rate"] == [Part(1000, NOBODY, 0, 1), Part(1000, NOBODY, 1, 0)]
    assert counted["response_rate"] == [Part(0, NOBODY, 0, 1), Part(0, NOBODY, 1, 0)]


def test_more_messages_than_are_kept_count_neither_as_asked_nor_as_answered() -> None:
    events = [message(n * 1000, id_=f"e{n}") for n in range(KEPT + 3)]

    counted = Counted([*events, reply(HOUR, "r")])

    asked = [part for part in counted["message_response_rate"] if part.of]
    assert (len(asked), len(counted["messages_answered"])) == (KEPT, KEPT)


TEN, SIXTY = ("none", "10m"), ("none", "1h")


@pytest.mark.parametrize(
    ("after", "ten", "sixty"),
    [
        (10 * MINUTE, [Part(10 * MINUTE, TEN, 1, 1)], [Part(10 * MINUTE, SIXTY, 1, 1)]),
        (10 * MINUTE + 1, [Part(10 * MINUTE, TEN, 0, 1)], [Part(10 * MINUTE + 1, SIXTY, 1, 1)]),
        (2 * HOUR, [Part(10 * MINUTE, TEN, 0, 1)], [Part(HOUR, SIXTY, 0, 1)]),
    ],
)
def test_a_wait_is_decided_by_its_reply_or_when_it_lasts_longer(
    after: int, ten: list[Part], sixty: list[Part]
) -> None:
    counted = Counted([message(0, id_="e1"), reply(after, "e2")])

    found = counted["within_target_rate"]
    assert [part for part in found if part.labels == TEN] == ten
    assert [part for part in found if part.labels == SIXTY] == sixty


def test_who_still_waits_counts_from_the_time_on_and_not_before() -> None:
    question = [message(0, id_="e1")]

    assert Counted(question, until=10 * MINUTE)["within_target_rate"] == []
    assert Counted(question, until=10 * MINUTE + 1)["within_target_rate"] == [
        Part(10 * MINUTE, TEN, 0, 1)
    ]


def test_a_wait_that_ends_otherwise_counts_only_for_the_times_that_it_had_reached() -> None:
    counted = Counted(
        [message(0, id_="e1"), status(HOUR - 1, "e2", "resolved", reason="no_reply_needed")],
        until=3 * HOUR,
    )

    assert counted["within_target_rate"] == [Part(10 * MINUTE, TEN, 0, 1)]


def test_a_message_that_never_needed_a_reply_never_waited() -> None:
    note = {"key": "m_e1", "needs_reply": False}
    counted = Counted([
        message(0, id_="e1"),
        event("message.annotated", HOUR, id_="e2", actor="system", message=note),
    ])  # fmt: skip

    assert counted["within_target_rate"] == []
    assert counted["message_response_rate"] == []


def test_next_turns_have_no_times_and_the_tenant_may_name_others() -> None:
    tenants = {"acme": Tenant(within={"first_reply": ["90s", "2m"], "queue_answer": ["5s"]})}
    events = [message(0, id_="e1"), reply(100_000, "e2"), message(HOUR, id_="e3")]

    counted = Counted(events, until=9 * HOUR, tenants=tenants)

    assert counted["within_target_rate"] == [
        Part(90_000, ("none", "90s"), 0, 1),
        Part(100_000, ("none", "2m"), 1, 1),
    ]


def test_replies_count_for_their_authors_and_bursts_once() -> None:
    counted = Counted([
        message(0, id_="e1"),
        reply(MINUTE, "e2"),
        reply(2 * MINUTE, "e3"),  # exactly 60 s later
        reply(2 * MINUTE + 1, "e4"),
        reply(2 * MINUTE + 2, "e5", "a2"),
        reply(3 * MINUTE, "e6", None),
        deleted(4 * MINUTE, "e7", "m_e4"),
    ])  # fmt: skip

    assert counted["reply_volume_by_agent"] == [
        Part(MINUTE, ("none", "a1"), 1),
        Part(2 * MINUTE, ("none", "a1"), 1),
        Part(2 * MINUTE + 2, ("none", "a2"), 1),
        Part(3 * MINUTE, ("none", "unknown"), 1),
    ]
    assert counted["reply_turns_by_agent"] == [
        Part(MINUTE, ("none", "a1"), 1),
        Part(2 * MINUTE + 2, ("none", "a2"), 1),
        Part(3 * MINUTE, ("none", "unknown"), 1),
    ]
    assert len(counted["reply_volume"]) == 4


def test_the_first_thing_that_people_do_acts_on_all_that_was_written() -> None:
    tag = event(
        "conversation.tagged", 4 * MINUTE, id_="e4", actor="agent",
        tags={"added": ["billing"], "removed": []},
    )  # fmt: skip
    counted = Counted([
        message(0, id_="e1", message={"needs_reply": False}),
        message(MINUTE, id_="e2"),
        message(2 * MINUTE, id_="e3"),
        tag,
        reply(5 * MINUTE, "e5"),
        message(6 * MINUTE, id_="e6"),
        status(9 * MINUTE, "e7", "resolved", actor="agent"),
        message(10 * MINUTE, id_="e8", message={"needs_reply": False}),
    ])  # fmt: skip

    # What came before the session opened nobody waits for with it.
    assert [(part.at, part.amount) for part in counted["time_to_action"]] == [
        (4 * MINUTE, 2 * MINUTE),
        (4 * MINUTE, 3 * MINUTE),
        (9 * MINUTE, 3 * MINUTE),
    ]
    assert [part for part in counted["action_rate"] if part.amount] == [
        Part(4 * MINUTE, NOBODY, 1, 0),
        Part(4 * MINUTE, NOBODY, 1, 0),
        Part(9 * MINUTE, NOBODY, 1, 0),
    ]
    assert [part.at for part in counted["action_rate"] if part.of] == [
        0, MINUTE, 2 * MINUTE, 6 * MINUTE, 10 * MINUTE,
    ]  # fmt: skip


def test_bots_customers_and_silence_are_no_action() -> None:
    counted = Counted([
        message(0, id_="e1"),
        message(1000, id_="e2", actor="bot", actor_key="b1"),
        message(2000, id_="e3", actor="agent", actor_key="a1", message={"direction": "internal"}),
        status(3000, "e4", "resolved", actor="customer"),
        reply(4000, "e5"),  # an after-word, when nothing waits any more
    ])  # fmt: skip

    assert counted["time_to_action"] == []
    assert counted["action_rate"] == [Part(0, NOBODY, 0, 1)]


@pytest.mark.parametrize("actor", ["bot", "customer"])
def test_only_a_resolution_by_the_staff_is_an_action(actor: str) -> None:
    """Also where nobody said that the bot has the conversation."""
    counted = Counted([message(0, id_="e1"), status(1000, "e2", "resolved", actor=actor)])

    assert counted["time_to_action"] == []
    assert counted["action_rate"] == [Part(0, NOBODY, 0, 1)]


def test_a_message_on_which_nobody_acted_is_not_counted_when_it_is_deleted() -> None:
    counted = Counted([
        message(0, id_="e1"),
        reply(1000, "e2"),
        message(2000, id_="e3"),
        deleted(3000, "e4", "m_e3"),
        deleted(4000, "e5", "m_e1"),
    ])  # fmt: skip

    assert counted["action_rate"] == [Part(0, NOBODY, 0, 1), Part(1000, NOBODY, 1, 0)]


def test_actions_count_for_the_assignee_of_the_message_and_the_time_for_who_acted() -> None:
    counted = Counted([
        assigned(0, "e1", agent="a1"),
        message(1000, id_="e2"),
        reply(4000, "e3", "a2"),
    ])  # fmt: skip

    assert counted["action_rate_by_agent"] == [
        Part(1000, ("none", "a1"), 0, 1),
        Part(4000, ("none", "a1"), 1, 0),
    ]
    assert counted["time_to_action_by_agent"] == [Part(4000, ("none", "a2"), 3000)]


def test_what_is_said_of_a_message_older_than_two_days_is_counted_and_changes_nothing() -> None:
    late = 2 * DAY
    question = message(0, id_="e1")

    in_time = Counted([question, deleted(late - 200, "e2", "m_e1")])
    too_late = Counted([question, deleted(late - 199, "e2", "m_e1")])

    assert in_time["late_changes"] == []
    assert in_time["message_response_rate"] == []
    assert too_late["late_changes"] == [Part(late + 1, NOBODY, 1)]
    assert too_late["message_response_rate"] == [Part(0, NOBODY, 0, 1)]
    assert too_late.memory.state.turn is not None


def test_of_a_message_that_is_no_longer_known_it_is_counted_too() -> None:
    counted = Counted([
        message(0, id_="e1"),
        reply(1000, "e2"),
        message(3 * DAY, id_="e3"),
        deleted(3 * DAY + 1000, "e4", "m_e1"),
        deleted(3 * DAY + 2000, "e5", "m_e3"),
    ])  # fmt: skip

    assert [part.at for part in counted["late_changes"]] == [3 * DAY + 1200]


def test_what_changes_no_series_takes_no_count_back() -> None:
    """The message opened the first session, and then none: its place in volume is the same."""
    question = message(0, id_="e1")
    note = {"key": "m_e1", "needs_reply": False}
    later = event("message.annotated", HOUR, id_="e2", actor="system", message=note)

    assert Counted([question, later]).taken_back("messages") == 0
    assert Counted([question, later]).taken_back("turns_opened") == 1
