"""What is said of a conversation nets to what is true, however much of its history is kept."""

import json
from collections import Counter

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from carewatch.domain.events import Inherited
from carewatch.domain.facts import Contact, SessionFact, Tally
from carewatch.domain.ledger import (
    HISTORY_EVENTS,
    Change,
    accept,
    advance,
    late_reason,
    new_memory,
)
from carewatch.domain.memory import Memory
from carewatch.domain.policy import Book, Books
from carewatch.domain.rulebook import Document, Tenant
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, encode, event, histories, message
from support.properties import examples
from support.replays import POLICY

BOOKS = Books([Book(1, "", 0, Document(policies=[POLICY]))])
HOUR = 3_600_000


def arrived(one: Event) -> Arrived:
    decoded = decode_event(one["partitionkey"].encode(), encode(one))
    assert isinstance(decoded, Arrived)
    return decoded


class Told:
    """The net of the changes, which checks each against what is in force."""

    def __init__(self) -> None:
        self.alive: dict[str, Change] = {}
        self.used: set[str] = set()
        self.tallies: Counter[Tally | Contact] = Counter()

    def take(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change.result, Tally | Contact):
                self.tallies[change.result] += change.sign
                continue
            assert change.id not in self.used, "an id is used once"
            self.used.add(change.id)
            if change.sign > 0:
                self.alive[change.id] = change
                continue
            assert change.corrects in self.alive, "a withdrawal takes back what is in force"
            assert self.alive.pop(change.corrects).result == change.result

    def net(self) -> Counter[object]:
        results = Counter[object](change.result for change in self.alive.values())
        return results + Counter({one: n for one, n in self.tallies.items() if n})


def run(events: list[Event], *, keep: int) -> Told | None:
    """What is told of the events in this order of arrival; None when one came too late."""
    memory, told = new_memory("acme", "c1"), Told()
    for number, one in enumerate(events):
        event = arrived(one).event
        if event is None:
            continue
        clock = START + 2 * HOUR + number
        if late_reason(memory, event, clock, keep=keep) is not None:
            return None
        told.take(accept(memory, event, clock, BOOKS, keep=keep))
        memory = again(memory)
    told.take(advance(memory, START + 24 * HOUR, BOOKS))
    return told


def again(memory: Memory) -> Memory:
    """The memory as a new owner finds it in the changelog."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(memory), type=Memory)


@given(data=st.data(), events=histories(most=12), keep=st.integers(1, 6))
@examples(100)
def test_how_much_history_is_kept_changes_nothing_for_events_that_still_count(
    data: st.DataObject, events: list[Event], keep: int
) -> None:
    swaps = data.draw(st.lists(st.integers(0, max(0, len(events) - 2)), max_size=4))
    for at in swaps:
        if at + 1 < len(events):
            events[at], events[at + 1] = events[at + 1], events[at]
    # What is said of a message that is final changes nothing, by rule.
    assume(all("deleted" not in e["type"] and "annotated" not in e["type"] for e in events))
    assume(all("in_reply_to" not in e["data"].get("message", {}) for e in events))

    short, whole = run(events, keep=keep), run(events, keep=HISTORY_EVENTS)
    assume(short is not None)

    assert short is not None
    assert whole is not None
    assert whole.net() == short.net()


def resolved(at: int, id_: str) -> Event:
    one = message(at, id_=id_, actor="agent")
    one["type"] = "care.conversation.status_changed"
    del one["data"]["message"]
    one["data"]["lifecycle"] = {"to": "resolved"}
    return one


@pytest.mark.parametrize("keep", [1, 2, HISTORY_EVENTS])
def test_a_reopening_takes_back_the_last_resolution_also_when_that_is_final(keep: int) -> None:
    events = [message(0, id_="e1"), resolved(60_000, "e2"), message(120_000, id_="e3")]

    told = run(events, keep=keep)

    assert told is not None
    metrics = [getattr(change.result, "metric", "session") for change in told.alive.values()]
    assert "resolution_time_first" in metrics
    assert "resolution_time_full" not in metrics


def test_what_stays_true_keeps_its_id_when_its_cause_becomes_another_one() -> None:
    late, early = message(60_000, id_="e2"), message(60_000, id_="e1")
    memory = new_memory("acme", "c1")
    first, second = arrived(late).event, arrived(early).event
    assert first is not None
    assert second is not None
    opened = accept(memory, first, START + HOUR, BOOKS)

    changes = accept(memory, second, START + HOUR, BOOKS)

    assert next(c.cause for c in opened if isinstance(c.result, SessionFact)) == "e2"
    assert [c for c in changes if not isinstance(c.result, Tally)] == []
    assert "e1" in json.dumps([e.id for e in memory.events])


def test_what_one_event_makes_true_and_untrue_again_is_never_said() -> None:
    """As if its ticks had been there: the stay without a queue had lasted 5 s, and was none."""
    rules = Document(tenants={"acme": Tenant(within={"queue_answer": ["5s"]})})
    books = Books([Book(1, "", 0, rules)])
    sales = {"name": "sales"}
    asked = arrived(message(0, id_="e1")).event
    entered = arrived(event("queue.entered", 7000, id_="e2", actor="system", queue=sales)).event
    assert asked is not None
    assert entered is not None
    memory = new_memory("acme", "c1")
    accept(memory, asked, START + 200, books)

    changes = accept(memory, entered, START + 8000, books)

    said = [one.result for one in changes]
    assert [one for one in said if isinstance(one, Tally) and one.metric == "service_level"] == []
    assert [sign for sign in Counter(said).values() if sign > 1] == []


def test_what_a_timer_says_again_after_it_was_taken_back_has_another_id() -> None:
    """The turn was handed over, taken back when its deadline had passed, and handed over again."""
    books = Books([Book(1, "", 0, Document(policies=[POLICY]))])
    memory, told = new_memory("acme", "c1"), Told()

    def takes(id_: str, merge: str, *, began: int | None, clock: int) -> None:
        inherited = Inherited(
            id=id_,
            at=START,
            recorded=START,
            channel="whatsapp",
            account="pn-1",
            child="c2",
            merge=merge,
            started_at=began,
            revision=1 if began is not None else 2,
            hops=1,
        )
        told.take(accept(memory, inherited, clock, books))

    takes("h1", "m1", began=START, clock=START + 200)
    told.take(advance(memory, START + HOUR, books))
    takes("h2", "m1", began=None, clock=START + HOUR)
    takes("h3", "m2", began=START, clock=START + HOUR)

    breached = [one for one in told.alive.values() if getattr(one.result, "to", "") == "breached"]
    assert breached
