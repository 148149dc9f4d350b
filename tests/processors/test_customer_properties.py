"""Whatever the order, the partitions, the flushes and the restarts: one truth of a customer."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import Output, PartitionContext, Record
from carewatch.processors.customer import CustomerStage
from carewatch.wire import customers, topics
from support.contacts import DAY, HOUR, Stages, clock, counted, linked, told
from support.envelopes import START, Event, histories
from support.partial_log import Changelog
from support.properties import examples
from support.replays import points, replay

MARKS = {
    "opened": ((), ("by_agent",)),
    "resolved": ((), ("contained",), ("transferred",)),
    "closed": ((), ("contained",)),
    "rated": ((), ("bad",)),
}
ACTS = ("wrote", "wrote", "opened", "reopened", "bot", "resolved", "closed", "rated")


@st.composite
def contacts(draw: st.DrawFn) -> list[customers.OfCustomer]:
    """What a few customers did within nine days; some of it was taken back, some keys are one."""
    records: list[customers.OfCustomer] = []
    for _ in range(draw(st.integers(1, 14))):
        act: Any = draw(st.sampled_from(ACTS))
        at = draw(st.integers(0, 9)) * DAY + draw(st.sampled_from((0, HOUR, 23 * HOUR)))
        conversation = draw(st.sampled_from(("c1", "c2", "c3")))
        said: dict[str, Any] = {
            "customer": draw(st.sampled_from(("u1", "u2", "u3"))),
            "conversation": conversation,
            "session": draw(st.integers(1, 2)),
            "channel": "web" if conversation == "c1" else "voice",
            "topics": draw(st.sampled_from(((), ("billing",), ("billing", "delivery"))))
            if act in ("resolved", "closed")
            else (),
            "marks": draw(st.sampled_from(MARKS.get(act, ((),)))),
        }
        records.append(told(act, at, **said))
        if draw(st.integers(0, 3)) == 0:
            records.append(told(act, at, sign=-1, **said))
    for _ in range(draw(st.integers(0, 6))):
        one, other = draw(st.permutations(("u1", "u2", "u3")))[:2]
        records.append(linked(one, other, draw(st.integers(0, 9)) * DAY + 2 * HOUR))
    return records


@given(data=st.data(), records=contacts(), partitions=st.integers(1, 4))
@examples(80)
def test_neither_order_nor_partitions_change_what_is_counted(
    data: Any, records: list[customers.OfCustomer], partitions: int
) -> None:
    """Withdrawals that come before what they take back, and links that come late, included."""
    shuffled = data.draw(st.permutations(records))

    one = Stages().tell([*records, clock(9 * DAY)])
    other = Stages(partitions).tell([*shuffled, clock(9 * DAY)])

    assert counted(other) == counted(one)


@given(records=contacts())
@examples(60)
def test_no_count_is_below_nothing_and_no_part_above_its_whole(
    records: list[customers.OfCustomer],
) -> None:
    for values in counted(Stages().tell([*records, clock(9 * DAY)])).values():
        assert 0 <= values[0] <= values[-1]


@given(data=st.data(), records=contacts())
@examples(40)
def test_flushes_and_new_owners_change_no_byte(
    data: Any, records: list[customers.OfCustomer]
) -> None:
    ticked = [one for number, told_ in enumerate(records) for one in (told_, clock(number * DAY))]
    log = [
        Record(offset, customers.key_of(one), customers.encode(one))
        for offset, one in enumerate(ticked)
    ]
    cuts = data.draw(st.sets(st.integers(0, len(log) - 1), max_size=4))

    assert run(log, cuts) == run(log, set())


def run(log: list[Record], cuts: set[int]) -> list[Output]:
    """What is written when after each of `cuts` a new owner goes on from the rows."""
    counts = {topics.CUSTOMER: 1, topics.PARTIALS: 2}
    changelog, written = Changelog(), list[Output]()
    stage = CustomerStage(PartitionContext(partition=0, partitions=counts))
    for number, record in enumerate(log):
        stage.on_records([record])
        if number in cuts or number == len(log) - 1:
            flushed = stage.flush()
            assert flushed is not None
            changelog.take(flushed)
            written += flushed.outputs
            stage = CustomerStage(PartitionContext(partition=0, partitions=counts))
            assert stage.restore(changelog.as_rows(), changelog.marker) == number + 1
    return written


OF_CUSTOMERS = (
    *("unique_customers", "resolved_customers", "retention_rate", "repeat_contact_rate"),
    *("repeat_contact_rate_by_topic", "fcr", "bot_resolution"),
)


def shared(events: list[Event]) -> list[Event]:
    """The same, but the customers of four conversations are two."""
    return [one | {"data": one["data"] | {"customer_key": of(one)}} for one in events]


def of(one: Event) -> str:
    return "u_odd" if one["partitionkey"] in ("c1", "c3") else "u_even"


def days(outputs: list[Output]) -> dict[str, Any]:
    """The days of customers, without those in which nothing is left."""
    return {
        key: {name: point.get(name) for name in ("value", "n", "d")}
        for key, point in points(outputs).items()
        if key.split("|")[4] in OF_CUSTOMERS
        if point.get("value") or point.get("d")
    }


@given(
    data=st.data(),
    events=histories(most=12, keys=("c1", "c2", "c3", "c4")),
    partitions=st.integers(1, 4),
)
@examples(30)
def test_through_track_and_merge_any_order_and_partitions_give_the_same_days(
    data: Any, events: list[Event], partitions: int
) -> None:
    events = shared(events)
    last = max(parse_time(one["time"]) for one in events)
    order = data.draw(st.permutations(events))
    shuffled = [
        one | {"recordedtime": format_time(last + 1000 * (number + 1))}
        for number, one in enumerate(order)
    ]
    end = START + 2 * 3_600_000

    assert days(replay(shuffled, until=end, partitions=partitions)) == days(
        replay(events, until=end)
    )
