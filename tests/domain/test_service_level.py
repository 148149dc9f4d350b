"""How many stays in a queue are answered within a time, and how many are given up."""

import pytest
from msgspec import structs

from carewatch.domain.rulebook import Channels, Document, Profile, Tenant
from support.envelopes import START, Event, event, message
from support.told import Series, told

RULES = Document(tenants={"acme": Tenant(within={"queue_answer": ["20s", "1m"]})})
IN_20, IN_60 = ("20s",), ("1m",)


def entered(at: int = 0, queue: str = "sales") -> Event:
    return event("queue.entered", at, id_=f"in{at}", actor="system", queue={"name": queue})


def left(at: int, outcome: str, queue: str = "sales") -> Event:
    said = {"name": queue, "outcome": outcome}
    return event("queue.left", at, id_=f"out{at}", actor="system", queue=said)


def level(*events: Event, until: int = 0) -> Series:
    return told(events, rules=RULES, until=START + until)["service_level"]


@pytest.mark.parametrize(
    ("at", "within"),
    [
        (20_000, {IN_20: (1, 1), IN_60: (1, 1)}),
        (20_001, {IN_20: (0, 1), IN_60: (1, 1)}),
        (60_001, {IN_20: (0, 1), IN_60: (0, 1)}),
    ],
)
def test_an_answer_counts_for_every_time_it_is_within(
    at: int, within: dict[tuple[str, ...], tuple[int, int]]
) -> None:
    assert level(entered(), left(at, "answered")) == within


def test_a_wait_counts_against_a_time_as_soon_as_it_has_lasted_longer() -> None:
    assert "service_level" not in told([entered()], rules=RULES, until=START + 20_000)
    assert level(entered(), until=20_001) == {IN_20: (0, 1)}
    assert level(entered(), until=60_001) == {IN_20: (0, 1), IN_60: (0, 1)}


@pytest.mark.parametrize("outcome", ["transferred", "callback", "flow_out"])
def test_a_stay_that_ends_otherwise_adds_nothing_but_the_times_it_had_lasted(outcome: str) -> None:
    assert level(entered(), left(30_000, outcome), until=90_000) == {IN_20: (0, 1)}


@pytest.mark.parametrize(
    ("at", "within"),
    [(5001, {IN_20: (0, 1), IN_60: (0, 1)}), (30_000, {IN_20: (0, 1), IN_60: (0, 1)})],
)
def test_who_gives_up_was_not_answered(
    at: int, within: dict[tuple[str, ...], tuple[int, int]]
) -> None:
    assert level(entered(), left(at, "abandoned"), until=90_000) == within


def test_who_falls_silent_until_the_very_time_counts_against_it_once() -> None:
    """The timer at which a minute of silence ends the session has just counted the minute."""
    own = Channels(accounts={"pn-1": "own"}, profiles={"own": Profile(idle_gap="1m")})
    rules = structs.replace(RULES, channels=own)
    events = [message(0, id_="m1"), entered(), message(0, id_="m2", actor="bot")]

    counted = told(events, rules=rules, until=START + 90_000)

    assert counted["service_level"] == {IN_20: (0, 1), IN_60: (0, 1)}
    assert counted["abandonment_rate"] == {(): (1, 1)}


def test_who_gives_up_at_once_was_a_wrong_number() -> None:
    events = [entered(), left(5000, "abandoned")]

    counted = told(events, rules=RULES, until=START + 90_000)

    assert "service_level" not in counted
    assert "abandonment_rate" not in counted
    assert counted["queue_offered"] == {(): 1}


def test_the_rate_of_those_who_gave_up_leaves_the_wrong_numbers_out() -> None:
    events = [
        entered(0),
        left(5000, "abandoned"),
        entered(10_000),
        left(15_001, "abandoned"),
        entered(20_000),
        left(30_000, "answered"),
        entered(40_000),
        left(50_000, "callback"),
        entered(60_000),
    ]

    assert told(events, rules=RULES)["abandonment_rate"] == {(): (1, 4)}


ASKED = message(0, id_="m1")
BOT = message(10_000, id_="b1", actor="bot")
PERSON = message(70_000, id_="p1", actor="agent")


def test_the_time_that_a_bot_had_it_counts_after_all_when_a_person_comes_in() -> None:
    """The stay was suspended, so no timer has told that it lasted longer."""
    assert "service_level" not in told([ASKED, BOT], rules=RULES, until=START + 61_000)
    assert level(ASKED, BOT, PERSON) == {IN_20: (0, 1), IN_60: (0, 1)}


def test_a_stay_that_a_hand_off_replaces_was_none_whatever_it_had_lasted() -> None:
    late_bot = message(30_000, id_="b1", actor="bot")
    handoff = event("conversation.handoff", 65_000, id_="h", actor="bot", handoff={"to": "human"})

    counted = told([ASKED, late_bot, handoff, PERSON], rules=RULES)

    assert counted["service_level"] == {IN_20: (1, 1), IN_60: (1, 1)}
    assert counted["abandonment_rate"] == {(): (0, 1)}


def test_a_stay_that_gets_the_name_of_its_queue_keeps_what_it_lasted() -> None:
    named = event(
        "conversation.assigned",
        30_000,
        id_="as",
        actor="system",
        assignment={"to": {"queue": "vip"}},
    )

    assert level(ASKED, named, PERSON) == {IN_20: (0, 1), IN_60: (0, 1)}


def test_a_late_event_takes_back_that_a_wait_lasted_longer() -> None:
    answered = left(15_000, "answered") | {"recordedtime": "2026-01-05T09:01:40.000Z"}
    tick = event("conversation.tagged", 65_000, id_="t", actor="agent", tags={"added": ["x"]})

    assert level(entered(), tick) == {IN_20: (0, 1), IN_60: (0, 1)}
    assert level(entered(), tick, answered) == {IN_20: (1, 1), IN_60: (1, 1)}


def test_the_shipped_time_is_twenty_seconds() -> None:
    assert told([entered(), left(1000, "answered")])["service_level"] == {IN_20: (1, 1)}
