"""Merges in any order of arrival, over any partitions, through any restart: one truth."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.rulebook import Policy
from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import Output, PartitionContext, Record, Row, Stage
from carewatch.processors.track import TRACK
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from carewatch.wire.partitions import partition_of
from support.envelopes import START, Event, encode, event, message
from support.promises import BREAKS, policies
from support.properties import examples
from support.replays import POLICY, contents, points, publication, replay

END = START + 3 * 3_600_000
KEYS = ("c1", "c2", "c3")


@st.composite
def merging(draw: st.DrawFn, *, most: int = 12) -> list[Event]:
    """What happens in three conversations that are merged into each other all the time."""
    events: list[Event] = []
    at = 0
    for number in range(draw(st.integers(5, most))):
        at += draw(st.sampled_from((0, 0, 1000, 61_000, 400_000)))
        id_, key = f"e{number:02}", draw(st.sampled_from(KEYS))
        match draw(st.sampled_from("cccaambmmrsq")):
            case "c":
                events.append(message(at, id_=id_, key=key))
            case "a":
                events.append(message(at, id_=id_, key=key, actor="agent", actor_key="a1"))
            case "b":
                events.append(message(at, id_=id_, key=key, actor="bot", actor_key="b1"))
            case "q":
                queue = {"name": "vip"}
                events.append(event("queue.entered", at, id_=id_, key=key, queue=queue))
            case letter:
                into = draw(st.sampled_from([*(one for one in KEYS if one != key), *KEYS]))
                to = {"m": {"to": "merged", "merged_into": into}, "r": {"to": "resolved"}}
                kind = "conversation.merged" if letter == "m" else "conversation.status_changed"
                lifecycle = to.get(letter, to["m"])
                events.append(event(kind, at, id_=id_, key=key, actor="agent", lifecycle=lifecycle))
    return events


def arriving(events: list[Event], order: list[int]) -> list[Event]:
    """The events in another order of arrival, a second apart, all within the lateness."""
    last = max(parse_time(one["time"]) for one in events)
    return [
        events[place] | {"recordedtime": format_time(last + 1000 * (number + 1))}
        for number, place in enumerate(order)
    ]


def counted(outputs: Iterable[Output]) -> dict[str, int]:
    """The net counts that merges move, since the beginning."""
    return {
        key: point["value"]
        for key, point in points(outputs).items()
        if point["window"] == "total"
        and point["metric"] in ("turns_opened", "dropped_merges", "queue_offered")
        and point["value"]
    }


class Cluster:
    """Every partition of `care.events` and its stage, as live workers have them.

    What a stage writes there arrives some time later: behind whatever was written before.
    """

    def __init__(self, partitions: int) -> None:
        counts = {topics.EVENTS: partitions, topics.PARTIALS: 1}
        self._contexts = [
            PartitionContext(partition=one, partitions=counts) for one in range(partitions)
        ]
        self._stages: list[Stage] = [TRACK.build(context) for context in self._contexts]
        self._tables: list[dict[bytes, bytes]] = [{} for _ in self._contexts]
        self._markers: list[bytes | None] = [None for _ in self._contexts]
        self._waiting: deque[Output] = deque()
        self._offset = 0
        self.written: list[Output] = []
        for stage in self._stages:
            stage.restore([], None)

    def event(self, one: Event) -> None:
        key = one["partitionkey"].encode()
        self._feed(partition_of(key, len(self._stages)), key, encode(one))

    def everywhere(self, value: bytes) -> None:
        for partition in range(len(self._stages)):
            self._feed(partition, None, value)

    def arrive(self) -> None:
        """The oldest hand-over on its way reaches its partition; none need be on its way."""
        if self._waiting:
            one = self._waiting.popleft()
            self._feed(one.partition, one.key, one.value)

    def settle(self) -> None:
        while self._waiting:
            self.arrive()

    def restart(self, partition: int) -> None:
        """Another worker takes over: it knows the changelog, and nothing else."""
        heir = TRACK.build(self._contexts[partition])
        rows = [Row(key, value) for key, value in sorted(self._tables[partition].items())]
        heir.restore(rows, self._markers[partition])
        self._stages[partition] = heir

    def _feed(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        stage = self._stages[partition]
        stage.on_records([Record(self._offset, key, value)])
        self._offset += 1
        flushed = stage.flush()
        assert flushed is not None
        self._markers[partition] = flushed.marker
        for row in flushed.rows:
            if row.value is None:
                self._tables[partition].pop(row.key, None)
            else:
                self._tables[partition][row.key] = row.value
        self.written += flushed.outputs
        self._waiting += [one for one in flushed.outputs if one.topic == topics.EVENTS]


@given(data=st.data(), events=merging(), partitions=st.integers(1, 4))
@examples(40)
def test_any_order_of_arrival_gives_the_truth_of_the_sorted_order(
    data: Any, events: list[Event], partitions: int
) -> None:
    order = data.draw(st.permutations(range(len(events))))

    shuffled = replay(arriving(events, order), until=END, partitions=partitions)
    in_order = replay(events, until=END)

    assert contents(in_order) == contents(shuffled)
    assert counted(in_order) == counted(shuffled)


@given(data=st.data(), events=merging(), rules=policies())
@examples(25)
def test_any_order_of_arrival_gives_the_clocks_of_the_sorted_order(
    data: Any, events: list[Event], rules: list[Policy]
) -> None:
    order = data.draw(st.permutations(range(len(events))))
    terms: dict[str, Any] = {"until": END, "policies": rules, "schedules": [BREAKS]}

    assert contents(replay(events, **terms)) == contents(replay(arriving(events, order), **terms))


@given(data=st.data(), events=merging(most=9), partitions=st.integers(1, 3))
@examples(40)
def test_hand_overs_may_arrive_late_and_workers_may_change(
    data: Any, events: list[Event], partitions: int
) -> None:
    order = data.draw(st.permutations(range(len(events))))
    cluster = Cluster(partitions)
    cluster.everywhere(publication(POLICY))
    for one in arriving(events, order):
        for _ in range(data.draw(st.integers(0, 2))):
            cluster.arrive()
        cluster.everywhere(encode_tick(partition=0, at=one["recordedtime"]))
        cluster.event(one)
        if data.draw(st.booleans()):
            cluster.restart(data.draw(st.integers(0, partitions - 1)))
    cluster.settle()
    cluster.everywhere(encode_tick(partition=0, at=format_time(END)))

    assert contents(replay(events, until=END)) == contents(cluster.written)
