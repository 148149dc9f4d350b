"""Bots: sessions they take part in, keep and hand over, and steps they do not understand."""

import pytest

from support.envelopes import START, Event, event, message
from support.told import told

ASKED = message(0, id_="m1")
BOT = message(1000, id_="b1", actor="bot")
AGAIN = message(2000, id_="b2", actor="bot")
RESOLVED = event(
    "conversation.status_changed", 9000, id_="end", actor="bot", lifecycle={"to": "resolved"}
)


def handoff(at: int, id_: str = "h1") -> Event:
    return event("conversation.handoff", at, id_=id_, actor="bot", handoff={"to": "human"})


def test_a_session_counts_once_however_much_the_bot_writes() -> None:
    counted = told([ASKED, BOT, AGAIN])

    assert counted["bot_sessions"] == {(): 1}
    assert counted["bot_messages"] == {(): 2}
    assert counted["bot_containment"] == {(): (0, 1)}


def test_a_bot_session_that_ends_alone_is_contained() -> None:
    counted = told([ASKED, BOT, RESOLVED])

    assert counted["bot_containment"] == {(): (1, 1)}
    assert counted["bot_handoff_rate"] == {(): (0, 1)}


def test_a_silent_end_is_contained_too() -> None:
    day = 24 * 3_600_000

    assert told([ASKED, BOT], until=START + day)["bot_containment"] == {(): (0, 1)}
    assert told([ASKED, BOT], until=START + day + 1001)["bot_containment"] == {(): (1, 1)}


ASSIGNED = event(
    "conversation.assigned", 3000, id_="as", actor="system", assignment={"to": {"agent": "a1"}}
)
SPAM = event("conversation.tagged", 3000, id_="sp", actor="agent", tags={"added": ["spam"]})
REPLY = message(3000, id_="p1", actor="agent", actor_key="a1")


@pytest.mark.parametrize("people", [handoff(3000), REPLY, ASSIGNED, SPAM])
def test_nothing_is_contained_that_people_had_or_that_was_no_session(people: Event) -> None:
    assert told([ASKED, BOT, people, RESOLVED])["bot_containment"] == {(): (0, 1)}


def test_a_session_is_handed_over_once() -> None:
    counted = told([ASKED, BOT, handoff(3000), handoff(4000, "h2")])

    assert counted["bot_handoff_rate"] == {(): (1, 1)}


def test_a_session_handed_over_before_the_bot_wrote_counts_when_it_does() -> None:
    assert told([ASKED, handoff(500), AGAIN])["bot_handoff_rate"] == {(): (1, 1)}
    assert "bot_handoff_rate" not in told([ASKED, handoff(500)])


def test_steps_that_say_whether_the_bot_understood_make_the_fallback_rate() -> None:
    steps = [
        message(1000 * n, id_=f"b{n}", actor="bot", message=says)
        for n, says in enumerate([{"fallback": True}, {"fallback": False}, {}], start=1)
    ]

    assert told([ASKED, *steps])["fallback_rate"] == {(): (1, 2)}


def test_a_deleted_step_counts_no_more() -> None:
    step = message(1000, id_="b1", actor="bot", message={"fallback": True})
    gone = event("message.deleted", 2000, id_="d", actor="bot", message={"key": "m_b1"})

    counted = told([ASKED, step, gone])

    assert not {"bot_messages", "fallback_rate"} & counted.keys()
    assert counted["bot_sessions"] == {(): 1}


@pytest.mark.parametrize("kind", ["conversation.opened", "conversation.status_changed"])
def test_a_conversation_that_begins_with_the_bot_waits_for_nobody(kind: str) -> None:
    """Chatwoot says of a new conversation that a bot has it; people need not work on it (R21)."""
    begun = event(kind, 0, id_="o1", actor="system", lifecycle={"to": "bot"})

    counted = told([begun, message(1000, id_="m1"), RESOLVED])

    assert "closed_without_reply" not in counted
    assert "queue_offered" not in counted
