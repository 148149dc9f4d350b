"""What the customer stage hears of a conversation, net of what was taken back (W7)."""

from collections import Counter

from carewatch.domain import ledger
from carewatch.domain.facts import Contact
from carewatch.domain.rulebook import Document, Tenant
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, csat, encode, event, message
from support.told import books

MINUTE = 60_000
HOUR = 60 * MINUTE
BOOKS = books(Document(tenants={"acme": Tenant(timezone="Europe/Berlin")}))


def heard(*events: Event, until: int | None = None) -> list[tuple[object, ...]]:
    """Act, ms after START, session, then what else is said; in order of their instants."""
    memory = ledger.new_memory("acme", "c1")
    net: Counter[Contact] = Counter()
    changes: list[ledger.Change] = []
    for one in events:
        arrived = decode_event(one["partitionkey"].encode(), encode(one))
        assert isinstance(arrived, Arrived)
        assert arrived.event is not None
        clock = max(arrived.recorded, memory.recorded)
        changes += ledger.accept(memory, arrived.event, clock, BOOKS)
    if until is not None:
        changes += ledger.advance(memory, START + until, BOOKS)
    for change in changes:
        if isinstance(change.result, Contact):
            net[change.result] += change.sign
    assert set(net.values()) <= {0, 1}
    contacts = sorted((one for one in net if net[one]), key=lambda one: (one.at, one.act))
    return [
        (one.act, one.at - START, one.labels.session, *one.topics, *one.marks) for one in contacts
    ]


def resolved(at: int, *, id_: str = "r", actor: str = "agent") -> Event:
    to = {"to": "resolved"}
    return event("conversation.status_changed", at, id_=id_, actor=actor, lifecycle=to)


def team(at: int, name: str) -> Event:
    to = {"to": {"team": name}}
    return event("conversation.assigned", at, id_=name, actor="system", assignment=to)


def test_that_a_customer_wrote_is_told_once_a_local_day() -> None:
    """At 14:00 and 23:00 UTC hours the day in Berlin begins: START is 10:00 there."""
    written = [message(at * HOUR, id_=f"m{at}") for at in (0, 1, 13, 14, 20)]

    acts = [one for one in heard(*written) if one[0] == "wrote"]

    assert acts == [("wrote", 0, 1), ("wrote", 14 * HOUR, 1)]


def test_the_first_message_of_the_day_is_told_also_when_it_comes_last() -> None:
    late = message(0, id_="first", arrives=2 * HOUR)

    acts = heard(message(HOUR, id_="second"), late)

    assert acts == [("opened", 0, 1), ("wrote", 0, 1)]


def test_a_session_is_told_from_its_opening_to_its_end_with_its_topics() -> None:
    about = event(
        "message.annotated",
        MINUTE,
        id_="a",
        actor="system",
        message={"key": "m_e1"},
        annotations=[{"kind": "topic", "label": "billing"}],
    )
    again = message(HOUR, id_="e2")

    acts = heard(message(0, id_="e1"), about, resolved(2 * MINUTE), again)

    assert acts == [
        ("opened", 0, 1),
        ("wrote", 0, 1),
        ("resolved", 2 * MINUTE, 1, "billing"),
        ("reopened", HOUR, 2),
    ]


def test_what_a_person_began_is_marked_and_so_is_another_team() -> None:
    first = message(0, id_="e1", actor="agent", actor_key="a1")

    passed = heard(first, team(1, "one"), team(2, "two"), resolved(3))
    named = heard(first, team(1, "one"), resolved(3))

    assert passed == [("opened", 0, 1, "by_agent"), ("resolved", 3, 1, "transferred")]
    assert named == [("opened", 0, 1, "by_agent"), ("resolved", 3, 1)]


def test_what_a_bot_kept_to_itself_is_contained_also_when_silence_ends_it() -> None:
    talk = message(0, id_="e1"), message(1000, id_="e2", actor="bot", actor_key="b1")

    acts = heard(*talk, until=25 * HOUR)

    assert acts == [
        ("opened", 0, 1),
        ("wrote", 0, 1),
        ("bot", 1000, 1),
        ("closed", 24 * HOUR + 1000, 1, "contained"),
    ]


def test_a_rating_is_bad_in_the_lower_two_of_five_and_the_last_of_a_survey_counts() -> None:
    def rating(at: int, score: int) -> Event:
        answer = csat("answered", survey="s1", score=score)
        return event("conversation.rated", at, id_=f"r{at}", csat=answer)

    def rated(*events: Event) -> list[tuple[object, ...]]:
        return [one for one in heard(message(0, id_="e1"), *events) if one[0] == "rated"]

    assert rated(rating(1, 2)) == [("rated", 1, 1, "bad")]
    assert rated(rating(1, 3)) == [("rated", 1, 1)]
    assert rated(rating(1, 1), rating(2, 5)) == [("rated", 2, 1)]
    assert heard(rating(1, 2)) == []  # of no session: nobody could say whose it is


def test_a_customer_whom_nobody_names_is_not_told_of() -> None:
    nameless = message(0, id_="e1")
    del nameless["data"]["customer_key"]

    assert (
        heard(nameless, resolved(1) | {"data": resolved(1)["data"] | {"customer_key": None}}) == []
    )


def test_a_message_that_needed_no_reply_after_all_opened_nothing_but_was_written() -> None:
    noted = {"key": "m_e1", "needs_reply": False}
    said = event("message.annotated", MINUTE, id_="a", actor="system", message=noted)

    assert heard(message(0, id_="e1"), said) == [("wrote", 0, 0)]
