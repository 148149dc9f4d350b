"""Whatever the order of arrival, what is counted comes to the same: counts, ratios, values."""

from itertools import count
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain import ledger
from carewatch.domain.rulebook import Document, Schedule, Tenant
from carewatch.domain.times import format_time, parse_time
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import START, Event, csat, encode, event, histories, message
from support.properties import examples
from support.told import books, told

END = START + 2 * 3_600_000

HOURS = Schedule(
    schedule="mornings",
    version=1,
    effective_from="2020-01-01T00:00:00Z",
    timezone="UTC",
    weekly={"mon": ["08:00-09:05"]},
)
RULES = Document(tenants={"acme": Tenant(schedule="mornings")}, schedules=[HOURS])


def arriving(events: list[Event], order: list[int]) -> list[Event]:
    """The events in another order of arrival, a second apart, all within the lateness."""
    last = max(parse_time(one["time"]) for one in events)
    return [
        events[place] | {"recordedtime": format_time(last + 1000 * (number + 1))}
        for number, place in enumerate(order)
    ]


@given(data=st.data(), events=histories())
@examples(100)
def test_any_order_of_arrival_counts_the_same(data: Any, events: list[Event]) -> None:
    order = data.draw(st.permutations(range(len(events))))

    shuffled = told(arriving(events, order), rules=RULES, until=END)

    assert shuffled == told(events, rules=RULES, until=END)


@given(events=histories(most=20))
@examples(80)
def test_no_part_is_ever_more_than_its_whole(events: list[Event]) -> None:
    for metric, series in told(events, rules=RULES, until=END).items():
        if metric not in ("flow_ratio", "reopen_rate"):  # these compare, they are no shares
            for labels, value in series.items():
                if isinstance(value, tuple):
                    n, d = value
                    assert 0 <= n <= d, (metric, labels, value)


def test_what_a_conversation_remembers_is_bounded_however_long_it_goes_on() -> None:
    """Surveys, ratings, calls, offers, topics, moods, people: of each the newest few, or the first
    few."""
    memory = ledger.new_memory("acme", "c1")
    rules = books(RULES)
    sizes = []
    for n in range(400):
        at = n * 60_000
        later = count(at, 1000)  # in order, so that nothing is derived anew
        note = [{"kind": kind, "label": f"{kind}{n}"} for kind in ("sentiment", "topic")]
        call = {"call_key": f"k{n}", "phase": "answered"}
        spent = {"replaces_key": f"c{n}", "precision_ms": 1, "talk_ms": 1000}
        for one in (
            message(next(later), id_=f"m{n}"),
            message(
                next(later),
                id_=f"n{n}",
                actor="agent",
                actor_key=f"a{n}",
                message={"direction": "internal"},
            ),
            event(
                "message.annotated",
                next(later),
                id_=f"x{n}",
                message={"key": f"m_m{n}"},
                annotations=note,
            ),
            event(
                "conversation.survey_requested",
                next(later),
                id_=f"s{n}",
                csat=csat("requested", survey=f"s{n}"),
            ),
            event(
                "conversation.rated",
                next(later),
                id_=f"r{n}",
                csat=csat("answered", survey=f"s{n}", score=4),
            ),
            event("call.phase", next(later), id_=f"p{n}", actor="agent", call=call),
            event("interaction.summary", next(later), id_=f"z{n}", actor="system", summary=spent),
        ):
            arrived = decode_event(b"c1", encode(one))
            assert isinstance(arrived, Arrived)
            assert arrived.event is not None
            ledger.accept(memory, arrived.event, arrived.recorded, rules)
        sizes.append(len(msgspec.msgpack.encode(memory.state)))

    assert max(sizes[200:]) <= 1.1 * max(sizes[100:200])
    assert max(sizes) < 24 * 1024
