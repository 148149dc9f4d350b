"""Laws of merge: how facts are spread, ordered, cut and resumed makes no difference."""

from dataclasses import dataclass
from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from carewatch.domain.aggregates import Accumulator, Count, Distribution, Gauge, Instant, Total
from carewatch.domain.metric import ROLLING, TUMBLING
from carewatch.domain.points import Point, Spread
from carewatch.processors.base import Output, Record
from carewatch.wire.partials import accumulator_type
from carewatch.wire.points import decode_point, point_key
from support.partial_log import (
    BASE,
    T0,
    Changelog,
    as_records,
    build_merge,
    clock_record,
    newest,
    outputs_of,
    partial_record,
    points_of,
)
from support.properties import examples

MINUTE, DAY = 60_000, 86_400_000
END = T0 + 5 * MINUTE
MIDNIGHT = T0 - 11 * 3_600_000
"""In Berlin: where days begin, merge is told."""

SIZES = {str(name): size for name, size in TUMBLING.items()}
MESSAGES = (*BASE, "inbound", "customer")


@dataclass(frozen=True)
class Fact:
    """Something counted at a second: a duration, or a wait that begins."""

    second: int
    value: int
    owner: int


facts = st.lists(
    st.builds(
        Fact,
        second=st.integers(0, 179),
        value=st.integers(0, 700_000),
        owner=st.integers(0, 10**6),
    ),
    max_size=30,
)


def windows_of(at: int) -> list[tuple[str, int | None]]:
    """Every window an instant lies in, and its start."""
    aligned = [(name, at - at % size) for name, size in SIZES.items()]
    return [*aligned, ("1d", MIDNIGHT), ("total", None)]


def panes_of(mine: list[Fact], until: int) -> dict[tuple[str, str, int | None], Accumulator]:
    """What a source partition knows after a second, recomputed from its facts."""
    panes: dict[tuple[str, str, int | None], Accumulator] = {}
    waiting = [fact for fact in mine if fact.second <= until]
    for fact in waiting:
        at = T0 + fact.second * 1000
        for window, start in windows_of(at):
            name = ("reply_time", window, start)
            spread = panes.setdefault(name, accumulator_type("reply_time", window)())
            assert isinstance(spread, Distribution | Total)
            spread.add(fact.value, 1)
            count = panes.setdefault(("messages", window, start), Count())
            assert isinstance(count, Count)
            count.add(1)
    if waiting:
        panes["waiting_conversations", "now", None] = Gauge(len(waiting))
        panes["oldest_unanswered", "now", None] = Instant(
            min(T0 + fact.second * 1000 for fact in waiting)
        )
    return panes


def source_log(
    everything: list[Fact], partition: int, sources: int, *, forgets: bool = False
) -> list[tuple[bytes, bytes]]:
    """What one source partition writes: at each second of a fact its panes, then its clock.

    One that `forgets` has at the end no gauge any more.
    """
    mine = [fact for fact in everything if fact.owner % sources == partition]
    pairs: list[tuple[bytes, bytes]] = []
    for second in sorted({fact.second for fact in mine}):
        for (metric, window, start), pane in panes_of(mine, second).items():
            labels = MESSAGES if metric == "messages" else BASE
            pairs.append(
                partial_record(
                    metric,
                    window,
                    start,
                    pane,
                    partition=partition,
                    position=second + 1,
                    labels=labels,
                    end=MIDNIGHT + DAY if window == "1d" else None,
                    closes=MIDNIGHT + DAY + 3_600_000 if window == "1d" else None,
                )
            )
        pairs.append(clock_record(T0 + (second + 1) * 1000, partition=partition, sources=sources))
    if mine and forgets:
        pairs += [
            partial_record(metric, "now", None, None, partition=partition, position=1000)
            for metric in ("waiting_conversations", "oldest_unanswered")
        ]
    pairs.append(clock_record(END, partition=partition, sources=sources))
    return pairs


@st.composite
def interleaved(
    draw: st.DrawFn, logs: list[list[tuple[bytes, bytes]]], *, repeats: bool
) -> list[Record]:
    """The logs shuffled into one, each in its own order; with whole stretches read again."""
    left = [list(log) for log in logs]
    pairs: list[tuple[bytes, bytes]] = []
    while any(left):
        turn = draw(st.sampled_from([i for i, log in enumerate(left) if log]))
        stretch = draw(st.integers(1, 8))
        pairs += left[turn][:stretch]
        del left[turn][:stretch]
        if repeats and pairs and draw(st.booleans()):
            pairs += pairs[-draw(st.integers(1, len(pairs))) :]
    return as_records(pairs)


def final(log: list[Record]) -> dict[bytes, Point]:
    """The newest point of every key, but for what says how it came about."""
    outputs = outputs_of(log)
    assert {output.topic for output in outputs} <= {"care.metrics"}
    kept = newest(outputs)
    return {
        point_key(point.metric, point.labels, point.window, point.start): replace(
            point, pane="early", revision=0, time=0
        )
        for point in points_of(outputs)
        if point.metric != "heartbeat"
        and point_key(point.metric, point.labels, point.window, point.start) in kept
    }


@given(everything=facts, sources=st.integers(1, 16), forgets=st.booleans(), draw=st.data())
@examples(30)
def test_any_partitioning_and_interleaving_give_the_same_final_points(
    everything: list[Fact], sources: int, forgets: bool, draw: st.DataObject
) -> None:
    one = final(as_records(source_log(everything, 0, 1, forgets=forgets)))
    many = [source_log(everything, p, sources, forgets=forgets) for p in range(sources)]

    assert final(draw.draw(interleaved(many, repeats=True))) == one


@given(everything=facts, sources=st.integers(1, 3), draw=st.data())
@examples(30)
def test_neither_flushes_nor_restores_change_a_byte(
    everything: list[Fact], sources: int, draw: st.DataObject
) -> None:
    logs = [source_log(everything, p, sources) for p in range(sources)]
    log = draw.draw(interleaved(logs, repeats=False))
    cuts = draw.draw(st.sets(st.integers(0, len(log)), max_size=8))

    stage, changelog = build_merge(), Changelog()
    outputs: list[Output] = []
    for low, high in pairwise(sorted({0, len(log)} | cuts)):
        stage.on_records(log[low:high])
        flushed = stage.flush()
        assert flushed is not None
        changelog.take(flushed)
        outputs += flushed.outputs
        if draw.draw(st.booleans()):
            stage.on_records(log[high : high + 5])  # work that is lost with the process
            stage = build_merge()
            assert stage.restore(changelog.as_rows(), changelog.marker) == high

    assert outputs == outputs_of(log)


@given(everything=facts, sources=st.integers(1, 4))
@examples(30)
def test_minutes_add_up_to_every_longer_window_and_to_the_last_ones(
    everything: list[Fact], sources: int
) -> None:
    logs = [source_log(everything, p, sources) for p in range(sources)]
    found = [p for p in final(as_records(chain(*logs))).values() if p.metric == "reply_time"]
    counts = {(p.window, p.start): p.value.count for p in found if isinstance(p.value, Spread)}
    minutes = {start: n for (window, start), n in counts.items() if window == "1m"}

    for point in found:
        if point.window in ("1m", "total"):
            continue
        low, high = point.start or 0, point.end or 0
        inside = [n for start, n in minutes.items() if start is not None and low <= start < high]
        assert counts[point.window, point.start] == sum(inside)
    assert counts.get(("total", None), 0) == sum(minutes.values())
    last = {p.window: p.end for p in found if p.window in ROLLING}
    assert last == (dict.fromkeys(ROLLING, END) if minutes else {})


@given(everything=facts, sources=st.integers(1, 4), draw=st.data())
@examples(20)
def test_revisions_grow_by_one_and_each_window_is_on_time_once(
    everything: list[Fact], sources: int, draw: st.DataObject
) -> None:
    logs = [source_log(everything, p, sources) for p in range(sources)]
    seen: dict[bytes | None, list[tuple[int, str]]] = {}
    for output in outputs_of(draw.draw(interleaved(logs, repeats=True))):
        assert output.value is not None
        point = decode_point(output.value)
        seen.setdefault(output.key, []).append((point.revision, point.pane))

    for key, history in seen.items():
        assert [revision for revision, _ in history] == list(range(1, len(history) + 1))
        if key is not None and b"|1m|" in key:
            panes = [pane for _, pane in history]
            assert panes.count("on_time") + (panes[0] == "late") == 1
            assert panes == sorted(panes, key=["early", "on_time", "late"].index)


@given(values=st.lists(st.integers(0, 10**9), min_size=1, max_size=200), sources=st.integers(1, 5))
@examples(80)
def test_percentiles_are_nearest_ranks_within_two_percent(values: list[int], sources: int) -> None:
    everything = [Fact(second=1, value=value, owner=i) for i, value in enumerate(values)]
    pairs = [pair for p in range(sources) for pair in source_log(everything, p, sources)]
    found = final(as_records(pairs))

    spreads = [point.value for key, point in found.items() if b"|reply_time|" in key]
    assert len(spreads) == len(("1m", "5m", "15m", "1h", "1d", "total", *ROLLING))
    for spread in spreads:
        assert isinstance(spread, Spread)
        for percentile in (50, 90, 95, 99):
            exact = sorted(values)[max(0, -(-len(values) * percentile // 100) - 1)]
            told = getattr(spread, f"p{percentile}")
            assert abs(told - exact) * 1000 <= exact * 16, percentile
        assert (spread.count, spread.sum) == (len(values), sum(values))
