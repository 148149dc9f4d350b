"""Laws of merge: how facts are spread, ordered, cut and resumed makes no difference."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carewatch.domain.aggregates import Accumulator, Count, Distribution, Gauge, Instant, Total
from carewatch.domain.points import Spread
from carewatch.processors.base import Output, Record
from carewatch.wire.partials import accumulator_type
from carewatch.wire.points import decode_point
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
)

MINUTE = 60_000
END = T0 + 5 * MINUTE
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


def panes_of(mine: list[Fact], until: int) -> dict[tuple[str, str, int | None], Accumulator]:
    """What a source partition knows after a second, recomputed from its facts."""
    panes: dict[tuple[str, str, int | None], Accumulator] = {}
    waiting = [fact for fact in mine if fact.second <= until]
    for fact in waiting:
        at = T0 + fact.second * 1000
        for window, start in (("1m", at - at % MINUTE), ("1h", T0), ("total", None)):
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


def source_log(everything: list[Fact], partition: int, sources: int) -> list[tuple[bytes, bytes]]:
    """What one source partition writes: at each second of a fact its panes, then its clock."""
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
                )
            )
        pairs.append(clock_record(T0 + (second + 1) * 1000, partition=partition, sources=sources))
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


def final(log: list[Record]) -> dict[bytes, tuple[object, object]]:
    outputs = outputs_of(log)
    assert {output.topic for output in outputs} <= {"care.metrics"}
    return {key: value for key, value in newest(outputs).items() if b"|heartbeat|" not in key}


@given(everything=facts, sources=st.integers(1, 16), draw=st.data())
@settings(max_examples=60, deadline=None)
def test_any_partitioning_and_interleaving_give_the_same_final_points(
    everything: list[Fact], sources: int, draw: st.DataObject
) -> None:
    one = final(as_records(source_log(everything, 0, 1)))
    many = [source_log(everything, p, sources) for p in range(sources)]

    assert final(draw.draw(interleaved(many, repeats=True))) == one


@given(everything=facts, sources=st.integers(1, 3), draw=st.data())
@settings(max_examples=60, deadline=None)
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


@given(everything=facts, sources=st.integers(1, 4), draw=st.data())
@settings(max_examples=40, deadline=None)
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
@settings(max_examples=80, deadline=None)
@pytest.mark.parametrize(("field", "per_mille"), [("p50", 500), ("p90", 900), ("p99", 990)])
def test_percentiles_are_nearest_ranks_within_two_percent(
    values: list[int], sources: int, field: str, per_mille: int
) -> None:
    everything = [Fact(second=1, value=value, owner=i) for i, value in enumerate(values)]
    pairs = [pair for p in range(sources) for pair in source_log(everything, p, sources)]
    found = final(as_records(pairs))

    [spread] = [
        value for key, (value, _) in found.items() if b"reply_time" in key and b"|total|" in key
    ]
    assert isinstance(spread, Spread)
    exact = sorted(values)[max(0, -(-len(values) * per_mille // 1000) - 1)]
    assert abs(getattr(spread, field) - exact) * 1000 <= exact * 16
    assert (spread.count, spread.sum) == (len(values), sum(values))
