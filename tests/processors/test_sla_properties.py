"""Every target under random terms: one truth for any arrival, and records that add up."""

from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.rulebook import Policy
from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import Output
from carewatch.wire import topics
from support.envelopes import START, Event, histories
from support.promises import BREAKS, policies
from support.properties import examples
from support.replays import contents, net, replay, totals

END = START + 30 * 3_600_000
ENDS = ("met", "met_late", "cancelled")


def told(events: list[Event], rules: list[Policy]) -> list[Output]:
    return replay(events, until=END, policies=rules, schedules=[BREAKS])


def arriving(events: list[Event], order: list[int]) -> list[Event]:
    last = max(parse_time(one["time"]) for one in events)
    return [
        events[place] | {"recordedtime": format_time(last + 1000 * (number + 1))}
        for number, place in enumerate(order)
    ]


@given(data=st.data(), events=histories(), rules=policies())
@examples(50)
def test_any_order_of_arrival_gives_the_clocks_of_the_sorted_order(
    data: Any, events: list[Event], rules: list[Policy]
) -> None:
    order = data.draw(st.permutations(range(len(events))))

    shuffled, in_order = told(arriving(events, order), rules), told(events, rules)

    assert contents(shuffled) == contents(in_order)
    assert totals(shuffled) == totals(in_order)


@given(data=st.data(), events=histories(most=8), rules=policies())
@examples(25)
def test_any_repetition_changes_no_clock(
    data: Any, events: list[Event], rules: list[Policy]
) -> None:
    repeated: list[Event] = []
    for one in events:
        repeated += [one] * data.draw(st.integers(1, 3))

    assert contents(told(repeated, rules)) == contents(told(events, rules))


@given(events=histories(), rules=policies())
@examples(50)
def test_the_records_of_a_clock_follow_from_each_other(
    events: list[Event], rules: list[Policy]
) -> None:
    for records in _by_clock(told(events, rules)).values():
        before: str | None = None
        spent = 0
        foreseen = False
        for one in records:
            assert before == one["from"]
            assert spent <= one["elapsed_ms"]
            assert (one["to"] == "at_risk") >= (one["threshold"] is not None)
            if one["to"] == "breached" and one["from"] != "breached":
                assert one["at"] == one["due_at"]
                assert one["overrun_ms"] == 0
            running = one["to"] in ("pending", "at_risk")
            foreseen |= one["to"] == "breached" or (running and not one["paused"])
            # A record that ends the clock carries the last deadline: none, if it never ran.
            assert (one["due_at"] is None) == (one["paused"] if running else not foreseen)
            assert one["due_at"] is None or not running or one["at"] <= one["due_at"]
            # What nobody promises any more may be promised again (S11).
            before = None if one["reason"] == "unmatched" else one["to"]
            assert one["to"] not in ENDS or before is None or one is records[-1]
            spent = one["elapsed_ms"]


@given(events=histories(), rules=policies(clocks=("24x7",)))
@examples(40)
def test_on_the_clock_of_every_hour_running_and_paused_time_add_up(
    events: list[Event], rules: list[Policy]
) -> None:
    for records in _by_clock(told(events, rules)).values():
        for one in records:
            since = parse_time(one["at"]) - parse_time(one["started_at"])
            assert since == one["elapsed_ms"] + one["paused_ms"]


def _by_clock(outputs: list[Output]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The records of every clock as they follow from each other.

    What an event out of order brings is said later than what stands, so of one instant it is the
    states that say which record comes first.
    """
    clocks: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for one in sorted((one["data"] for one in net(outputs, topics.SLA)), key=lambda one: one["at"]):
        clocks[one["target"], one["cycle"]].append(one)
    return {clock: _linked(records) for clock, records in clocks.items()}


def _linked(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rest, chain = list(records), list[dict[str, Any]]()
    before: str | None = None
    while rest:
        tied = [one for one in rest if one["at"] == rest[0]["at"]]
        fits = (one for one in tied if one["from"] == before and one["to"] not in ENDS)
        last = (one for one in tied if one["from"] == before)
        following = next(fits, None) or next(last, tied[0])
        rest.remove(following)
        chain.append(following)
        before = None if following["reason"] == "unmatched" else following["to"]
    return chain
