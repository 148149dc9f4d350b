"""As many events as a conversation can tell anew (R6a), in any order: still one truth."""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain import ledger
from carewatch.domain.facts import Result
from carewatch.domain.ledger import HISTORY_EVENTS, Change, new_memory
from carewatch.domain.policy import Books
from carewatch.domain.shown import shown
from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import Output
from carewatch.wire import topics
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, event, message
from support.properties import examples
from support.replays import contents, replay, totals, values

STATES = ("open", "bot", "pending", "snoozed", "resolved", "closed")
ACTORS = ("customer", "customer", "customer", "agent", "agent", "bot")
END = START + 24 * 3_600_000


def history(seed: int, length: int) -> list[Event]:
    """A busy conversation of a few hours, in order."""
    chance, at, events = Random(seed), 0, list[Event]()
    for number in range(length):
        at += chance.choice((0, 1000, 30_000, 150_000))
        events.append(_any_event(chance, at, f"e{number:03}"))
    return events


def _any_event(chance: Random, at: int, id_: str) -> Event:
    if chance.random() < 0.7:
        said: dict[str, Any] = {}
        if chance.random() < 0.1:
            said = {"in_reply_to": f"m_e{chance.randrange(HISTORY_EVENTS):03}"}
        return message(at, id_=id_, actor=chance.choice(ACTORS), actor_key="a1", message=said)
    kind, sections = chance.choice(
        (
            ("conversation.status_changed", {"lifecycle": {"to": chance.choice(STATES)}}),
            (
                "conversation.assigned",
                {"assignment": {"to": {"agent": chance.choice(("a1", None))}}},
            ),
            ("conversation.assigned", {"assignment": {"to": {"queue": "vip"}}}),
            ("conversation.handoff", {"handoff": {"to": chance.choice(("human", "bot"))}}),
            ("queue.entered", {"queue": {"name": chance.choice(("sales", "vip"))}}),
            ("queue.left", {"queue": {"name": "sales", "outcome": "abandoned"}}),
            ("message.deleted", {"message": {"key": f"m_e{chance.randrange(HISTORY_EVENTS):03}"}}),
            ("conversation.tagged", {"tags": {}, "priority": chance.choice(("urgent", "normal"))}),
        )
    )
    return event(kind, at, id_=id_, actor="system", **sections)


def arriving(events: list[Event], order: list[int]) -> list[Event]:
    """The events in another order of arrival, all within the lateness."""
    last = max(parse_time(one["time"]) for one in events)
    return [
        events[place] | {"recordedtime": format_time(last + 100 * (number + 1))}
        for number, place in enumerate(order)
    ]


def sums(outputs: Iterable[Output]) -> Counter[tuple[str, str]]:
    """Facts counted and added up with their signs, by what they measure and whose they are."""
    summed: Counter[tuple[str, str]] = Counter()
    for record in values(outputs, topics.FACTS):
        data = record["data"]
        what = data.get("metric") or data["transition"]
        summed[what, f"n {data['agent_key']}"] += data["sign"]
        summed[what, f"ms {data['agent_key']}"] += data["sign"] * data.get("calendar_ms", 0)
    return +summed


def remembered(events: list[Event]) -> Counter[Result]:
    """What a conversation has said after these arrivals, less what it has taken back."""
    memory, books, clock = new_memory("acme", "c1"), Books(), 0
    net: Counter[Result] = Counter()

    def count(changes: list[Change]) -> None:
        for change in changes:
            net[shown(change.result)] += change.sign

    for one in events:
        arrived = decode_event(b"c1", orjson.dumps(one))
        assert isinstance(arrived, Arrived)
        assert arrived.event is not None
        clock = max(clock, arrived.recorded)
        count(ledger.accept(memory, arrived.event, clock, books))
    count(ledger.advance(memory, END, books))
    assert min(net.values()) >= 0
    return +net


@given(seed=st.integers(0, 2**32))
@examples(1)
def test_a_full_history_in_any_order_says_what_the_sorted_one_says(seed: int) -> None:
    """As many events as are kept, every one of them at any place."""
    events = history(seed, HISTORY_EVENTS)
    order = list(range(HISTORY_EVENTS))
    Random(seed).shuffle(order)

    assert remembered(arriving(events, order)) == remembered(events)


@pytest.mark.parametrize(("length", "displaced"), [(64, 64), (HISTORY_EVENTS, 4)])
@given(seed=st.integers(0, 2**32))
@examples(1)
def test_any_order_of_a_long_history_gives_the_truth_of_the_sorted_order(
    length: int, displaced: int, seed: int
) -> None:
    """`displaced` events of it arrive anywhere: each makes everything be told anew."""
    chance, events = Random(seed), history(seed, length)
    order = list(range(length))
    for _ in range(displaced):
        order.insert(chance.randrange(length), order.pop(chance.randrange(length)))

    late, in_order = replay(arriving(events, order), until=END), replay(events, until=END)

    assert contents(late) == contents(in_order)
    assert totals(late) == totals(in_order)
    assert sums(late) == sums(in_order)
