"""Calls: the session they are, the stays they leave, and what people spend on them."""

import pytest

from carewatch.domain.rulebook import Document, Policy, TargetRule
from support.envelopes import START, Event, event, message
from support.told import Series, told


def phase(
    at: int, name: str, *, call: str = "k1", agent: str | None = None, **more: object
) -> Event:
    return event(
        "call.phase",
        at,
        id_=f"{call}-{name}-{at}",
        actor="agent" if agent else "system",
        actor_key=agent,
        channel="voice",
        call={"call_key": call, "phase": name, **more},
    )


def summary(at: int, contact: str = "k1", **spent: int) -> Event:
    return event(
        "interaction.summary",
        at,
        id_=f"sum-{contact}-{at}",
        actor="system",
        channel="voice",
        summary={"replaces_key": contact, "precision_ms": 1000, **spent},
    )


ANSWERED = [phase(0, "started"), phase(10_000, "answered", agent="a1")]
ENDED = phase(70_000, "ended", disconnect_by="customer")
COMPLETED = phase(100_000, "completed", agent="a1")


def times(*events: Event) -> Series:
    return told(events).get("handle_time", {})


@pytest.mark.parametrize("name", ["started", "ivr", "queued", "ringing", "answered"])
def test_a_phase_up_to_answered_opens_a_session(name: str) -> None:
    assert told([phase(0, name)])["conversations"] == {("opened",): 1}


@pytest.mark.parametrize("name", ["held", "wrapup", "missed", "ended", "completed"])
def test_a_later_phase_opens_none(name: str) -> None:
    assert "conversations" not in told([phase(0, name)])


@pytest.mark.parametrize("name", ["ended", "completed", "abandoned", "voicemail", "missed"])
def test_the_last_phase_ends_it_without_a_resolution(name: str) -> None:
    counted = told([*ANSWERED, phase(70_000, name), COMPLETED, phase(110_000, "ringing")])

    assert counted["conversations"] == {("opened",): 1, ("closed",): 1}
    assert "resolutions" not in counted


def test_an_offer_that_one_agent_misses_does_not_end_the_call() -> None:
    events = [phase(0, "ringing"), phase(9000, "missed", leg_key="l1", agent="a1")]

    assert told(events)["conversations"] == {("opened",): 1}


def test_a_session_ends_with_the_last_of_its_calls() -> None:
    other = phase(20_000, "started", call="k2")

    assert told([*ANSWERED, other, ENDED])["conversations"] == {("opened",): 1}
    ended = told([*ANSWERED, other, ENDED, phase(90_000, "ended", call="k2")])
    assert ended["conversations"] == {("opened",): 1, ("closed",): 1}


def test_the_next_call_is_a_new_contact() -> None:
    again = phase(200_000, "started", call="k2")

    assert told([*ANSWERED, ENDED, again])["conversations"] == {("opened",): 2, ("closed",): 1}


QUEUED = event(
    "queue.entered", 1000, id_="in", actor="system", channel="voice", queue={"name": "s"}
)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (phase(30_000, "abandoned"), "abandoned"),
        (phase(30_000, "ended", disconnect_by="customer"), "abandoned"),
        (phase(30_000, "ended", disconnect_by="system"), "flow_out"),
    ],
)
def test_a_stay_that_no_queue_event_ends_ends_with_the_call(last: Event, outcome: str) -> None:
    counted = told([phase(0, "started"), QUEUED, last])

    assert counted["queue_wait_time"] == {(outcome,): [29_000]}


def test_who_hangs_up_after_the_answer_has_not_given_up() -> None:
    counted = told([phase(0, "started"), QUEUED, ANSWERED[1], ENDED])

    assert counted["queue_wait_time"] == {("flow_out",): [69_000]}


def test_a_queue_event_at_the_same_instant_says_it_first() -> None:
    left = event(
        "queue.left", 30_000, id_="out", actor="system", channel="voice",
        queue={"name": "s", "outcome": "callback"},
    )  # fmt: skip
    counted = told([phase(0, "started"), QUEUED, phase(30_000, "abandoned"), left])

    assert counted["queue_wait_time"] == {("callback",): [29_000]}


def test_a_call_takes_talk_and_hold_and_then_the_work_after_it() -> None:
    held = [phase(20_000, "held"), phase(40_000, "resumed")]

    assert times(*ANSWERED, *held, ENDED) == {("phases",): [60_000]}
    assert times(*ANSWERED, *held, ENDED, COMPLETED) == {("phases",): [90_000]}


def test_the_work_after_the_call_begins_with_its_phase() -> None:
    assert times(*ANSWERED, ENDED, phase(80_000, "wrapup"), COMPLETED) == {("phases",): [80_000]}


def test_a_call_that_only_completes_took_all_the_time() -> None:
    assert times(*ANSWERED, COMPLETED) == {("phases",): [90_000]}


def test_a_call_that_nobody_took_has_taken_nobodys_time() -> None:
    assert times(phase(0, "started"), phase(30_000, "abandoned")) == {}


def test_the_time_is_that_of_who_took_the_call() -> None:
    counted = told([*ANSWERED, ENDED])

    assert counted["handle_time_by_agent"] == {("phases", "a1"): [60_000]}
    assert counted["handled_sessions_by_agent"] == {("a1",): 1}


@pytest.mark.parametrize("at", [60_000, 80_000, 200_000])
def test_a_summary_takes_the_place_of_the_phases_whenever_it_comes(at: int) -> None:
    said = summary(at, talk_ms=50_000, hold_ms=5000, acw_ms=20_000, handle_ms=1)
    events = sorted([*ANSWERED, ENDED, COMPLETED, said], key=lambda one: str(one["time"]))

    counted = told(events)

    assert counted["handle_time"] == {("summary",): [75_000]}
    assert counted["handle_time_by_agent"] == {("summary", "a1"): [75_000]}


def test_a_newer_summary_takes_the_place_of_an_older_one() -> None:
    events = [*ANSWERED, ENDED, summary(80_000, talk_ms=1000), summary(90_000, talk_ms=2000)]

    assert times(*events) == {("summary",): [2000]}


def test_a_summary_under_another_name_is_not_added_to_the_phases() -> None:
    assert times(*ANSWERED, ENDED, summary(80_000, "contact", talk_ms=1000)) == {
        ("summary",): [1000]
    }


def test_summaries_of_two_contacts_that_no_phase_tells_of_both_count() -> None:
    """A call that was transferred, told by the records of its two parts alone."""
    events = [summary(80_000, "one", talk_ms=1000), summary(90_000, "two", talk_ms=2000)]

    assert times(*events) == {("summary",): [1000, 2000]}
    assert times(*events, summary(95_000, "one", talk_ms=1500)) == {("summary",): [1500, 2000]}


def test_a_contact_with_a_call_is_measured_by_the_call_alone() -> None:
    chat = {"channel": "whatsapp"}
    asked = message(0, id_="m1", **chat)
    reply = message(30_000, id_="m2", actor="agent", actor_key="a1", **chat)
    started, answered = (one | {"data": one["data"] | chat} for one in ANSWERED)
    ended = ENDED | {"data": ENDED["data"] | chat}

    assert times(asked, started, answered, reply, ended) == {("phases",): [60_000]}


def test_a_summary_of_nothing_says_nothing() -> None:
    assert times(*ANSWERED, ENDED, summary(80_000, queue_ms=5000)) == {("phases",): [60_000]}


def test_an_offer_that_is_not_taken_counts_once() -> None:
    missed = phase(9000, "missed", leg_key="l1", agent="a1")
    again = phase(9500, "missed", leg_key="l1", agent="a1")
    other = phase(19_000, "missed", leg_key="l2", agent="a2")

    counted = told([phase(0, "ringing"), missed, again, other])

    assert counted["agent_non_response"] == {(): 2}
    assert counted["agent_non_response_by_agent"] == {("a1",): 1, ("a2",): 1}


def test_a_call_that_nobody_took_was_offered_to_nobody_where_neither_leg_nor_agent_is_named() -> (
    None
):
    assert "agent_non_response" not in told([phase(0, "started"), phase(9000, "missed")])


def test_hanging_up_over_an_unanswered_message_is_no_resolution_without_reply() -> None:
    asked = message(0, id_="m1", channel="voice", message={"needs_reply": True})

    assert "closed_without_reply" not in told([asked, phase(60_000, "abandoned")])


def test_a_call_that_the_business_makes_is_its_own_contact() -> None:
    assigned = event(
        "conversation.assigned", 5000, id_="as", actor="system", channel="voice",
        assignment={"to": {"agent": "a1"}},
    )  # fmt: skip

    outbound = told([phase(0, "started", direction="outbound"), assigned])

    assert "time_to_assignment" not in outbound
    assert told([phase(0, "started"), assigned])["time_to_assignment"] == {(): [5000]}


def test_a_hand_off_during_a_call_leaves_nobody_waiting_for_a_message() -> None:
    handoff = event(
        "conversation.handoff", 5000, id_="h", actor="bot", channel="voice", handoff={"to": "human"}
    )

    assert "turns_opened" not in told([phase(0, "started"), handoff])
    assert told([handoff])["turns_opened"] == {(): 1}


def test_a_call_whose_end_nobody_tells_is_over_with_its_session() -> None:
    resolved = event(
        "conversation.status_changed", 60_000, id_="r", actor="agent", channel="voice",
        lifecycle={"to": "resolved"},
    )  # fmt: skip
    handoff = event(
        "conversation.handoff",
        90_000,
        id_="h",
        actor="bot",
        channel="voice",
        handoff={"to": "human"},
    )

    assert told([*ANSWERED, resolved, handoff])["turns_opened"] == {(): 1}
    ended = told([*ANSWERED, resolved, ENDED])
    assert ended["handle_time"] == {("phases",): [60_000]}
    assert ended["conversations"] == {("opened",): 1, ("resolved",): 1}


def test_the_end_of_a_call_gives_up_what_was_promised_for_the_case() -> None:
    policy = Policy(
        policy="p",
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        order=1,
        targets={"resolution": TargetRule(all="1m"), "queue_answer": TargetRule(all="20s")},
    )
    left = phase(30_000, "abandoned")

    counted = told([phase(0, "started"), QUEUED, left], rules=Document(policies=[policy]))
    later = told(
        [phase(0, "started"), left], rules=Document(policies=[policy]), until=START + 120_000
    )

    assert counted["sla_breaches"] == {("p", "queue_answer"): 1}
    assert "sla_breaches" not in later
