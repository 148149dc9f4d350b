"""Partitions that stop rather than turn a topic into dead letters, and what operators may order."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from carewatch.clock import system_clock
from carewatch.engine.engine import Engine
from carewatch.engine.orders import Orders
from carewatch.engine.tally import (
    MOST_IN_A_ROW,
    MOST_IN_WINDOW,
    WINDOW,
    Driven,
    Tally,
    driven_header,
    read_driven,
)
from carewatch.processors.base import Record, is_keyless
from carewatch.wire.commands import Accept, Order, Pause, Release, Resume, encode_command
from carewatch.wire.topics import COMMANDS
from support.lab import Address, Lab, commit_group_offset, create_topics, eventually, produce

GOOD, DEAD, TICK = "good", "dead", "tick"


def judged(tally: Tally, kinds: Sequence[str], *, slices: int = 1000, first: int = 0) -> Tally:
    """The tally after records of these kinds, folded in slices."""
    for at in range(0, len(kinds), slices):
        part = kinds[at : at + slices]
        records = [
            Record(first + at + i, None if kind == TICK else b"k", b"v")
            for i, kind in enumerate(part)
        ]
        dead = [one.offset for one, kind in zip(records, part, strict=True) if kind == DEAD]
        tally.count(records, dead, is_keyless)
    return tally


def test_a_hundred_in_a_row_are_too_many_and_one_less_is_not() -> None:
    assert judged(Tally(), [DEAD] * (MOST_IN_A_ROW - 1)).over == ""
    assert judged(Tally(), [DEAD] * MOST_IN_A_ROW).over.startswith("100 records in a row")


def test_ticks_do_not_break_a_row_and_a_good_record_does() -> None:
    row = [DEAD] * (MOST_IN_A_ROW - 1)

    assert judged(Tally(), [*row, TICK, TICK, DEAD]).over != ""
    assert judged(Tally(), [*row, GOOD, DEAD]).over == ""


def test_more_than_five_in_a_hundred_of_the_last_thousand_are_too_many() -> None:
    few = [DEAD if number % 20 == 0 else GOOD for number in range(WINDOW)]

    assert few.count(DEAD) == MOST_IN_WINDOW
    assert judged(Tally(), [*few, *few]).over == ""
    assert judged(Tally(), [*few, GOOD, *few[1:], DEAD, DEAD]).over.endswith(
        "of the last 1000 records could not be understood"
    )


def test_a_share_is_judged_from_a_thousand_records_on() -> None:
    many = [DEAD, GOOD] * (MOST_IN_WINDOW + 10)

    assert judged(Tally(), many).over == ""
    assert judged(Tally(), [*many, *[GOOD] * (WINDOW - len(many) - 1), DEAD]).over != ""


@given(
    st.lists(
        st.one_of(
            st.lists(st.sampled_from((GOOD, GOOD, GOOD, DEAD, TICK)), max_size=60),
            st.integers(1, 120).map(lambda count: [DEAD] * count),
            st.integers(1, 900).map(lambda count: [GOOD] * count),
        ),
        max_size=12,
    )
)
def test_no_record_is_folded_after_the_one_that_passes_a_limit(runs: list[list[str]]) -> None:
    kinds = [kind for run in runs for kind in run]
    one_by_one, in_slices, at, sliced = Tally(), Tally(), 0, 0
    while at < len(kinds) and not one_by_one.over:
        judged(one_by_one, kinds[at : at + 1], first=at)
        at += 1
    while sliced < len(kinds) and not in_slices.over:
        part = kinds[sliced : sliced + in_slices.room]
        judged(in_slices, part, first=sliced)
        sliced += len(part)

    assert (sliced, in_slices.over) == (at, one_by_one.over)


def test_what_was_allowed_is_not_counted_and_what_follows_is() -> None:
    tally = judged(Tally(), [DEAD] * MOST_IN_A_ROW)
    tally.allow(250)

    assert judged(tally, [DEAD] * 150, first=100).over == ""
    assert judged(tally, [DEAD] * (MOST_IN_A_ROW - 1), first=250).over == ""
    assert judged(tally, [DEAD], first=349).over != ""


@given(st.lists(st.sampled_from([GOOD, DEAD, TICK]), max_size=400), st.integers(1, 50))
def test_slices_and_restarts_change_nothing(kinds: list[str], slices: int) -> None:
    """The tally is carried through the header of a marker after every slice."""
    carried = Driven()
    for at in range(0, len(kinds), slices):
        judged(carried.tally, kinds[at : at + slices], first=at)
        carried = read_driven([driven_header(carried)])

    assert carried.tally == judged(Tally(), kinds)


def order(what: Order, id_: str) -> bytes:
    return encode_command(what, id_=id_, at=0)


def test_an_order_is_carried_out_once_and_nonsense_is_left_out() -> None:
    orders = Orders()
    heard: list[tuple[str, int]] = []
    orders.listen(lambda *place: heard.append(place))

    orders.take(order(Pause(by="test", stage="merge", partition=1), "a"))
    orders.take(order(Resume(by="test", stage="merge", partition=1), "b"))
    orders.take(order(Pause(by="test", stage="merge", partition=1), "a"))
    orders.take(b"{]")
    orders.take(None)

    assert orders.paused("merge", 1) is None
    assert heard == [("merge", 1), ("merge", 1)]


@asynccontextmanager
async def working(lab: Lab, registry: CollectorRegistry | None = None) -> AsyncIterator[Engine]:
    await create_topics(lab.bootstrap_servers, {COMMANDS: 1})
    settings = lab.settings()
    orders = Orders()
    engine = Engine([lab.processor], settings, system_clock, registry=registry, orders=orders)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


async def stopped(engine: Engine, lab: Lab, partition: int = 0) -> str:
    """Why the partition is not worked on, as soon as it is not."""

    async def said() -> bool:
        return (lab.name, partition) in engine.refused

    await eventually(said)
    return engine.refused[lab.name, partition]


async def lives(engine: Engine, lab: Lab, *partitions: int) -> None:
    async def all_live() -> bool:
        return engine.live(lab.name) == set(partitions)

    await eventually(all_live)
    assert engine.live(lab.name) == set(partitions)


def given_by_test(kind: type, lab: Lab, **more: object) -> bytes:
    told = {"by": "test", "stage": lab.name, "partition": 0, **more}
    return encode_command(kind(**told), id_=f"{lab.name}-{kind.__name__}-{more}", at=0)


@pytest.mark.broker
async def test_a_partition_full_of_poison_stops_and_the_others_go_on(broker: Address) -> None:
    """Also after a restart; and what an operator allows is worked off, by a new worker too."""
    lab = await Lab(broker.bootstrap_servers, partitions=2).create()
    await lab.produce(["x"] * 3000, value=b"dead")
    await lab.produce(["a", "b"], partition=1)
    registry = CollectorRegistry()

    async with working(lab, registry) as engine:
        text = await stopped(engine, lab)
        await lab.until_counted(["a:1", "b:1"], 1)
        letters = len(await lab.counted())
        ready = engine.not_ready()
        labels = {"topic": lab.source, "partition": "0", "reason": "dead_letters"}
        metric = registry.get_sample_value("care_partition_stopped", labels)
        await lives(engine, lab, 1)
    async with working(lab) as engine:
        again = await stopped(engine, lab)
        await lab.produce(["a"], partition=1)
        await lab.until_counted(["a:1", "b:1", "a:2"], 1)
        await lives(engine, lab, 1)
        still = len(await lab.counted())
        engine._orders.take(given_by_test(Release, lab, until_offset=3000))  # type: ignore[union-attr]
        await lab.produce(["c"])
        await lives(engine, lab, 0, 1)
        await lab.until_counted([*["dead"] * 3000, "c:1"])

    assert text.startswith(f"{lab.source} partition 0 is stopped at offset ")
    assert "100 records in a row could not be understood" in text
    assert f"carewatch dead allow --stage {lab.name} --partition 0 --until" in text
    assert ready is not None
    assert "is stopped" in ready
    assert metric == 1
    assert again == text
    assert MOST_IN_A_ROW <= letters == still <= 1024


@pytest.mark.broker
async def test_a_paused_partition_rests_until_it_is_resumed(broker: Address) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(["a"])
    async with working(lab) as engine:
        await lab.until_counted(["a:1"])
        engine._orders.take(given_by_test(Pause, lab))  # type: ignore[union-attr]
        text = await stopped(engine, lab)
        await lab.produce(["a"])
        while_paused = await lab.counted()
        engine._orders.take(given_by_test(Resume, lab))  # type: ignore[union-attr]

        await lab.until_counted(["a:1", "a:2"])

    assert "is paused by test" in text
    assert while_paused == ["a:1"]


@pytest.mark.broker
async def test_an_order_of_last_week_is_known_to_a_worker_that_starts_today(
    broker: Address,
) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(["a"])
    await create_topics(lab.bootstrap_servers, {COMMANDS: 1})
    await produce(lab.bootstrap_servers, COMMANDS, ["-"], 0, given_by_test(Pause, lab))

    async with working(lab) as engine:
        text = await stopped(engine, lab)

    assert "is paused by test" in text
    assert await lab.counted() == []


@pytest.mark.broker
async def test_a_lost_tail_is_accepted_for_the_one_marker_that_was_looked_at(
    broker: Address,
) -> None:
    lab = await Lab(broker.bootstrap_servers).create()
    await lab.produce(["a", "b"])
    async with working(lab):
        await lab.until_counted(["a:1", "b:1"])
    await lab.produce(["c", "d"])
    await commit_group_offset(lab, 4)

    async with working(lab) as engine:
        text = await stopped(engine, lab)
        engine._orders.take(given_by_test(Accept, lab, marker=1))  # type: ignore[union-attr]
        engine._orders.take(given_by_test(Accept, lab, marker=2))  # type: ignore[union-attr]
        await lab.until_counted(["a:1", "b:1", "c:1", "d:1"])

    assert "the marker says 2" in text
    assert "has lost its tail" in text


@pytest.mark.broker
async def test_results_are_numbered_without_a_gap_over_restarts(broker: Address) -> None:
    """Any reader sees by the header alone that none is missing and none is repeated."""
    lab = await Lab(broker.bootstrap_servers).create()
    for count in (3, 7, 11):
        await lab.produce(["a"] * (count - len(await lab.counted())))
        async with working(lab):
            await lab.until_counted([f"a:{number + 1}" for number in range(count)])

    headers = [dict(record.headers) for record in await lab.read(lab.results)]
    assert [one["sequence"] for one in headers] == [str(n).encode() for n in range(11)]
