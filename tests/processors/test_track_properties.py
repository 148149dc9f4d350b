"""Whatever the order, the repeats, the flushes, the restarts and the partitions: one truth."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import Output, PartitionContext, Record, Row
from carewatch.processors.track import Track
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from support.envelopes import START, Event, encode, histories
from support.properties import examples
from support.replays import POLICY, contents, points, publication, replay, totals

END = START + 2 * 3_600_000
COUNTS = {topics.EVENTS: 1, topics.PARTIALS: 2}


def arriving(events: list[Event], order: list[int]) -> list[Event]:
    """The events in another order of arrival, a second apart, all within the lateness."""
    last = max(parse_time(one["time"]) for one in events)
    return [
        events[place] | {"recordedtime": format_time(last + 1000 * (number + 1))}
        for number, place in enumerate(order)
    ]


@given(data=st.data(), events=histories())
@examples(80)
def test_any_order_of_arrival_gives_the_truth_of_the_sorted_order(
    data: Any, events: list[Event]
) -> None:
    order = data.draw(st.permutations(range(len(events))))

    shuffled, in_order = replay(arriving(events, order), until=END), replay(events, until=END)

    assert contents(shuffled) == contents(in_order)
    assert totals(shuffled) == totals(in_order)


PARTS = (
    "response_rate", "message_response_rate", "within_target_rate", "action_rate",
    "resolution_rate", "reopen_rate", "one_touch_rate", "bounce_rate", "policy_clean_rate",
)  # fmt: skip
"""Ratios whose part is one of the whole in every series."""


@given(data=st.data(), events=histories())
@examples(40)
def test_no_count_is_below_nothing_and_no_part_above_its_whole(
    data: Any, events: list[Event]
) -> None:
    order = data.draw(st.permutations(range(len(events))))

    for key, point in totals(replay(arriving(events, order), until=END)).items():
        metric = key.split("|")[4]
        assert metric == "net_flow" or min(point.get("value", 0), point.get("count", 0)) >= 0, key
        assert metric not in PARTS or 0 <= point["n"] <= point["d"], key


@given(data=st.data(), events=histories(most=8))
@examples(30)
def test_any_repetition_changes_nothing_but_the_count_of_duplicates(
    data: Any, events: list[Event]
) -> None:
    once = arriving(events, list(range(len(events))))
    repeated = []
    for one in once:
        repeated += [one] * data.draw(st.integers(1, 3))

    plain, with_repeats = replay(once, until=END), replay(repeated, until=END)

    assert contents(with_repeats) == contents(plain)
    duplicates = {k: v for k, v in points(with_repeats).items() if "|duplicate_events|" in k}
    assert {k: v for k, v in points(with_repeats).items() if k not in duplicates} == points(plain)
    counted = sum(v["value"] for k, v in duplicates.items() if "|total|" in k)
    assert counted == len(repeated) - len(once)


@given(data=st.data(), events=histories(most=8))
@examples(40)
def test_ticks_between_the_seconds_change_nothing_but_when_it_is_said(
    data: Any, events: list[Event]
) -> None:
    """What arrives late takes back what a tick said too soon, as after any other tick."""
    order = data.draw(st.permutations(range(len(events))))
    arrived = arriving(events, order)
    last = parse_time(arrived[-1]["recordedtime"])
    tenths = st.integers(START // 100, last // 100 + 3000)
    drawn = data.draw(st.lists(tenths, min_size=1, max_size=20, unique=True))
    between = [tenth * 100 for tenth in sorted(drawn)]

    with_them, without = replay(arrived, until=END, between=between), replay(arrived, until=END)

    assert contents(with_them) == contents(without)
    assert totals(with_them) == totals(without)


@given(
    events=histories(most=12, keys=("c1", "c2", "c3", "c4", "c5", "c6", "c7")),
    partitions=st.integers(2, 16),
)
@examples(30)
def test_the_number_of_partitions_changes_no_result(events: list[Event], partitions: int) -> None:
    one, many = replay(events, until=END), replay(events, until=END, partitions=partitions)

    assert contents(many) == contents(one)
    assert points(many) == points(one)


@given(left=histories(most=8), right=histories(most=8))
@examples(25)
def test_two_tenants_with_the_same_key_never_influence_each_other(
    left: list[Event], right: list[Event]
) -> None:
    other = [
        one | {"source": "/care/globex/generic/pn-1", "data": one["data"] | {"tenant": "globex"}}
        for one in right
    ]
    both = sorted([*left, *other], key=lambda one: one["recordedtime"])

    together = contents(replay(both, until=END))

    alone = contents(replay(left, until=END)) + contents(replay(other, until=END))
    assert together == alone


def records(events: list[Event]) -> list[Record]:
    """A log of one partition: the rulebook, the events, a tick a second while they come."""
    values: list[tuple[bytes | None, bytes]] = [(None, publication(POLICY))]
    clock = START - 1000
    for one in events:
        recorded = parse_time(one["recordedtime"])
        while clock + 1000 <= recorded:
            clock += 1000 if recorded - clock < 5000 else 4000
            values.append((None, encode_tick(partition=0, at=format_time(clock))))
        values.append((one["partitionkey"].encode(), encode(one)))
    values.append((None, encode_tick(partition=0, at=format_time(clock + 3_600_000))))
    return [Record(offset, key, value) for offset, (key, value) in enumerate(values)]


def fresh() -> Track:
    track = Track(PartitionContext(partition=0, partitions=COUNTS))
    track.restore([], None)
    return track


def run(track: Track, log: list[Record], cuts: set[int]) -> list[Output]:
    """What is written when the log is folded with a flush after each of `cuts`."""
    written: list[Output] = []
    for number, record in enumerate(log):
        track.on_records([record])
        if number in cuts:
            flushed = track.flush()
            written += flushed.outputs if flushed else ()
    flushed = track.flush()
    return written + list(flushed.outputs if flushed else ())


@given(data=st.data(), events=histories(most=8, keys=("c1", "c2")))
@examples(25)
def test_where_a_flush_falls_changes_no_byte(data: Any, events: list[Event]) -> None:
    log = records(events)
    cuts = data.draw(st.sets(st.integers(0, len(log) - 1), max_size=12))

    assert run(fresh(), log, cuts) == run(fresh(), log, set())


@given(data=st.data(), events=histories(most=8, keys=("c1", "c2")))
@examples(25)
def test_a_new_owner_goes_on_from_the_rows_as_if_nothing_had_happened(
    data: Any, events: list[Event]
) -> None:
    log = records(data.draw(st.permutations(events)))
    cut = data.draw(st.integers(0, len(log)))
    whole = run(fresh(), log, set())

    table: dict[bytes, bytes] = {}
    marker: bytes | None = None
    written: list[Output] = []
    track = fresh()
    for place in range(cut):
        track.on_records([log[place]])
        flushed = track.flush()
        assert flushed is not None
        _apply(table, flushed.rows)
        marker = flushed.marker
        written += flushed.outputs
    heir = Track(PartitionContext(partition=0, partitions=COUNTS))
    assert heir.restore([Row(k, v) for k, v in table.items()], marker) == cut

    assert written + run(heir, log[cut:], set()) == whole


def _apply(table: dict[bytes, bytes], rows: Any) -> None:
    for row in rows:
        if row.value is None:
            table.pop(row.key, None)
        else:
            table[row.key] = row.value
