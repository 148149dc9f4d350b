"""What people spend on a session by the profile of its account, and who takes part."""

import pytest

from carewatch.domain.rulebook import Channels, Document, Profile
from support.envelopes import START, Event, event, message
from support.told import Series, told

MINUTE = 60_000


def asked(at: int = 0, id_: str = "m1", channel: str = "whatsapp") -> Event:
    return message(at, id_=id_, channel=channel)


def wrote(at: int, agent: str = "a1", *, note: bool = False, channel: str = "whatsapp") -> Event:
    direction = {"direction": "internal"} if note else {}
    return message(
        at, id_=f"w{at}", actor="agent", actor_key=agent, message=direction, channel=channel
    )


def status(at: int, to: str, agent: str | None = None, channel: str = "whatsapp") -> Event:
    actor = "agent" if agent else "system"
    return event(
        "conversation.status_changed",
        at,
        id_=f"{to}{at}",
        actor=actor,
        actor_key=agent,
        lifecycle={"to": to},
        channel=channel,
    )


def times(*events: Event, rules: Document | None = None) -> Series:
    return told(events, rules=rules).get("handle_time", {})


def test_in_a_chat_each_act_accounts_for_the_time_before_it_up_to_two_minutes() -> None:
    spent = times(
        asked(0),
        wrote(30_000),  # 30 s since the question
        wrote(50_000, note=True),  # 20 s since the reply
        asked(10 * MINUTE, "m2"),
        wrote(20 * MINUTE),  # two minutes of ten
        status(21 * MINUTE, "resolved"),
    )

    assert spent == {("activity",): [30_000 + 20_000 + 2 * MINUTE]}


def test_the_time_before_the_assignment_and_the_hand_off_is_nobodys() -> None:
    assigned = event(
        "conversation.assigned",
        20_000,
        id_="as",
        actor="system",
        assignment={"to": {"agent": "a1"}},
    )
    handoff = event("conversation.handoff", 40_000, id_="h", actor="bot", handoff={"to": "human"})
    end = status(2 * MINUTE, "resolved")

    assert times(asked(), assigned, wrote(50_000), end) == {("activity",): [30_000]}
    assert times(asked(), handoff, wrote(50_000), end) == {("activity",): [10_000]}


def test_a_session_in_which_nobody_acted_was_handled_by_nobody() -> None:
    assert times(asked(), status(MINUTE, "resolved")) == {}


@pytest.mark.parametrize("end", ["spam", "merged"])
def test_what_is_not_over_or_was_none_has_no_time(end: str) -> None:
    ends = {
        "spam": event(
            "conversation.tagged", MINUTE, id_="s", actor="agent", tags={"added": ["spam"]}
        ),
        "merged": status(MINUTE, "merged"),
    }

    assert times(asked(), wrote(30_000), ends[end]) == {}


def test_a_session_that_ends_in_silence_has_taken_its_time() -> None:
    day = 24 * 60 * MINUTE

    counted = told([asked(), wrote(30_000)], until=START + 30_000 + day + 1)

    assert counted["handle_time"] == {("activity",): [30_000]}


def test_an_email_takes_the_time_in_which_people_had_to_work() -> None:
    events = [
        asked(channel="email"),
        wrote(10 * MINUTE, channel="email"),
        status(12 * MINUTE, "pending", channel="email"),
        status(60 * MINUTE, "open", channel="email"),
        status(65 * MINUTE, "resolved", channel="email"),
    ]

    assert times(*events) == {("agent_work",): [17 * MINUTE]}
    assert times(events[0], *events[2:]) == {}  # nobody replied


COMMENTS = Document(channels=Channels(accounts={"pn-1": "public_social"}))
NEEDED = message(0, id_="m1", message={"needs_reply": True})


def test_a_comment_takes_the_time_until_it_is_complete() -> None:
    reply, done = wrote(5 * MINUTE), status(8 * MINUTE, "resolved")
    pending = status(6 * MINUTE, "pending")

    assert times(NEEDED, reply, done, rules=COMMENTS) == {("open",): [8 * MINUTE]}
    assert times(NEEDED, reply, pending, done, rules=COMMENTS) == {("open",): [6 * MINUTE]}
    again = [status(6 * MINUTE + 30_000, "open"), status(7 * MINUTE, "pending")]
    assert times(NEEDED, reply, pending, *again, done, rules=COMMENTS) == {("open",): [6 * MINUTE]}
    assert times(NEEDED, done, rules=COMMENTS) == {}


def test_a_profile_may_choose_another_way() -> None:
    desk = Channels(
        profiles={"desk": Profile(handle_time="agent_work")}, channels={"whatsapp": "desk"}
    )
    events = [asked(), wrote(30_000), status(5 * MINUTE, "resolved")]

    assert times(*events, rules=Document(channels=desk)) == {("agent_work",): [5 * MINUTE]}


def test_the_time_belongs_to_who_acted_last() -> None:
    counted = told([asked(), wrote(10_000, "a1"), wrote(20_000, "a2"), status(MINUTE, "resolved")])

    assert counted["handle_time_by_agent"] == {("activity", "a2"): [20_000]}


def test_everybody_who_does_something_handles_the_session_once() -> None:
    counted = told(
        [
            asked(),
            wrote(10_000, "a1"),
            wrote(20_000, "a1"),
            wrote(30_000, "a2", note=True),
            status(40_000, "resolved", "a3"),
            wrote(50_000, "a4"),  # an after-word: there is no session
        ]
    )

    assert counted["handled_sessions"] == {(): 3}
    assert counted["handled_sessions_by_agent"] == {("a1",): 1, ("a2",): 1, ("a3",): 1}


def test_who_reopens_by_hand_handles_the_session() -> None:
    counted = told([status(0, "open", "a1"), status(10_000, "resolved", "a1")])

    assert counted["handled_sessions_by_agent"] == {("a1",): 1}


def test_a_summary_of_the_contact_takes_the_place_of_what_was_measured() -> None:
    summary = event(
        "interaction.summary",
        2 * MINUTE,
        id_="sum",
        actor="system",
        summary={"replaces_key": "contact", "precision_ms": 1000, "handle_ms": 77_000},
    )
    during = summary | {"id": "during", "time": "2026-01-05T09:00:40.000Z"}
    chat = [asked(), wrote(30_000), status(MINUTE, "resolved")]

    assert times(*chat, summary) == {("summary",): [77_000]}
    assert times(*chat, during) == {("summary",): [77_000]}


def test_a_summary_that_comes_again_after_a_reopening_is_all_that_counts() -> None:
    """A helpdesk states the time of the whole conversation at each close, not of the last part."""

    def stated(at: int, handle_ms: int) -> Event:
        return event(
            "interaction.summary",
            at,
            id_=f"sum-{at}",
            actor="system",
            summary={"replaces_key": "contact", "precision_ms": 1000, "handle_ms": handle_ms},
        )

    first = [asked(), wrote(30_000), stated(MINUTE, 20_000), status(MINUTE, "resolved")]
    again = [asked(2 * MINUTE, "m2"), wrote(2 * MINUTE + 30_000), status(3 * MINUTE, "resolved")]

    assert times(*first, *again, stated(3 * MINUTE, 50_000)) == {("summary",): [50_000]}
