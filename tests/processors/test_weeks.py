"""A simulated week through the processors: its minutes add up to all that is coarser (W4)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
import pytest

from carewatch.domain.metric import TUMBLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.profiles import SHIPPED
from carewatch.domain.times import parse_time
from carewatch.processors.base import Output, PartitionContext, Record
from carewatch.processors.customer import CUSTOMER
from carewatch.processors.merge import Merge
from carewatch.processors.replay import Replay
from carewatch.processors.track import TRACK
from carewatch.verify.oracle import Oracle
from carewatch.verify.verdict import judge
from carewatch.wire import partials, topics
from carewatch.wire.partitions import partition_of
from support.envelopes import START, encode
from support.replays import POLICY, publication
from support.standing import read
from support.weeks import DAY, HOUR, MINUTE, Manner, week

CHANNELS = {
    "whatsapp": Manner.PROMPT,
    "web": Manner.PROMPT,
    "telegram": Manner.LATE_NOTICES,
    "email": Manner.LATE_REPLIES,
}
PARTITIONS = 3
SEEDS = (1, 2)
CONVERSATIONS = 12

Series = tuple[str, ...]
"""The key of a point up to its window, in parts: tenant, channel, queue, priority, metric, own."""
Amount = Counter[str]
"""What a point says that can be added up: a value, n and d, count, sum and buckets."""


@dataclass(repr=False)
class Week:
    """What a week came to: the newest point of every key, those past their retention included."""

    points: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    results: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Facts and SLA transitions, each with the clock of its conversation when it was told."""
    differences: list[str] = field(default_factory=list)
    """What the oracle makes otherwise of the same records."""

    def sums(self) -> dict[Series, dict[str, Amount]]:
        """Of every series, what the points of each window come to together."""
        found: dict[Series, dict[str, Amount]] = {}
        for key, point in self.points.items():
            metric = BY_ID[point["metric"]]
            if "total" in metric.windows:
                series = tuple(key.decode().split("|")[:6])
                windows = found.setdefault(series, {window: Counter() for window in metric.windows})
                if point["window"] in windows:
                    windows[point["window"]].update(amount(point))
        return found

    def missed(self, channel: str, window: str) -> dict[Series, Amount]:
        """How far the points of a window stay behind the total, where they do."""
        found = {}
        for series, windows in self.sums().items():
            if series[1] == channel and window in windows:
                behind = Counter(windows["total"])
                behind.subtract(windows[window])
                if any(behind.values()):
                    found[series] = Counter({name: n for name, n in behind.items() if n})
        return found

    def late_facts(self, channel: str) -> int:
        """What is counted as late for its minute."""
        key = f"acme|{channel}|none|normal|late_facts||total|".encode()
        return int(self.points[key]["value"]) if key in self.points else 0


def amount(point: Mapping[str, Any]) -> Amount:
    names = ("value", "n", "d", "count", "sum", "sum_ms")
    said = Counter({name: point[name] or 0 for name in names if name in point})
    said.update({f"bucket {index}": n for index, n in point.get("buckets", ())})
    return said


class _Driver(Replay):
    """track and customer second by second, and the oracle beside them; merge catches up daily.

    That is what a worker does whose merge was down for a day, and what it reads is what a compacted
    topic would have kept: the newest snapshot of every pane. It spares the test the rolling
    windows of ten thousand minutes.
    """

    def __init__(self) -> None:
        super().__init__(self._take, partitions=PARTITIONS, processors=(TRACK, CUSTOMER))
        counts = {topics.PARTIALS: 1, topics.METRICS: 1}
        self._merge = Merge(PartitionContext(partition=0, partitions=counts))
        self._merge.restore([], None)
        self._partials: dict[bytes, bytes] = {}
        self._written: list[Output] = []
        self._now = 0
        self._oracle = Oracle(derive=True)
        self.week = Week()

    def everywhere(self, value: bytes) -> None:
        super().everywhere(value)
        for partition in range(PARTITIONS):
            self._oracle.take(partition, value)

    def tick(self, at: int) -> None:
        self._now = at
        super().tick(at)
        for partition in range(PARTITIONS):
            self._oracle.tick(partition, at)

    def arrives(self, event: dict[str, Any]) -> None:
        """An event, after the ticks that precede it."""
        recorded, key = parse_time(event["recordedtime"]), event["partitionkey"]
        self.ticks_until(recorded)
        self._now = recorded
        self._oracle.take(partition_of(key.encode(), PARTITIONS), encode(event))
        self.event(key, encode(event))

    def catch_up(self) -> None:
        """Everything that came since the last time, through merge: first panes, then clocks."""
        read_ = sorted(self._partials.items(), key=lambda one: partials.is_clock_key(one[0]))
        self._partials.clear()
        first = self._merge.next_offset
        log = [Record(first + place, key, value) for place, (key, value) in enumerate(read_)]
        assert self._merge.on_records(log) == []
        flushed = self._merge.flush()
        assert flushed is not None
        for output in flushed.outputs:
            self._take(output)

    def judge(self) -> None:
        """Lets the oracle say what it makes of the same records."""
        report = judge(self._oracle, read(self._written))
        assert report.compared[topics.METRICS] > 1000
        self.week.differences = [str(one) for one in report.differences]

    def _take(self, output: Output) -> None:
        if output.topic == topics.PARTIALS:
            assert output.key is not None
            assert output.value is not None
            self._partials[output.key] = output.value
            return
        self._written.append(output)
        if output.value is None or output.topic not in (topics.METRICS, topics.FACTS, topics.SLA):
            return
        data = orjson.loads(output.value)["data"]
        if output.topic != topics.METRICS:
            self.week.results.append((self._now, data))
        elif output.key is not None:
            self.week.points[output.key] = data


@cache
def lived(seed: int) -> Week:
    """The week of a seed, told once for all tests."""
    driver, day = _Driver(), 0
    driver.everywhere(publication(POLICY))
    for event in week(seed, CONVERSATIONS, CHANNELS):
        while parse_time(event["recordedtime"]) >= START + (day + 1) * DAY:
            day += 1
            driver.close(START + day * DAY)
            driver.catch_up()
        driver.arrives(event)
    driver.close(START + 8 * DAY)
    driver.catch_up()
    driver.judge()
    return driver.week


@pytest.fixture(params=SEEDS)
def told(request: pytest.FixtureRequest) -> Week:
    return lived(request.param)


@pytest.mark.parametrize("channel", ["whatsapp", "web"])
def test_every_window_adds_up_to_the_total_where_no_fact_was_late(told: Week, channel: str) -> None:
    """Also where deliveries came out of order by seconds, and results were taken back."""
    missed = {window: told.missed(channel, window) for window in (*TUMBLING, "1d")}

    assert told.late_facts(channel) == 0
    assert [window for window, behind in missed.items() if behind] == []
    series = [one for one, windows in told.sums().items() if one[1] == channel and "1m" in windows]
    assert len({metric for _, _, _, _, metric, _ in series}) > 30


def test_minutes_stay_behind_the_total_by_exactly_the_late_facts(told: Week) -> None:
    """Each late notice is one fact of one series: no other series misses anything."""
    missed = told.missed("telegram", "1m")

    assert {(metric, own) for _, _, _, _, metric, own in missed} == {
        ("messages", "author=system,direction=outbound")
    }
    assert sum(behind["value"] for behind in missed.values()) == told.late_facts("telegram") > 3


def test_a_late_fact_still_enters_every_coarser_window_that_is_open(told: Week) -> None:
    missed = {
        window: sum(one["value"] for one in told.missed("telegram", window).values())
        for window in (*TUMBLING, "1d")
    }

    assert missed["1m"] >= missed["5m"] >= missed["15m"] >= missed["1h"] > missed["1d"]


def test_durations_and_breaches_stay_behind_by_what_was_told_too_late(told: Week) -> None:
    """Worked out from the published results: a minute is closed an hour after its end (email)."""
    lateness = SHIPPED["email"].window_lateness_ms
    late, counted = Counter[Series](), 0
    for clock, data in told.results:
        at = parse_time(data["ended_at"] if "ended_at" in data else data["at"])
        if data["channel"] == "email" and clock > at - at % MINUTE + MINUTE + lateness:
            series = list(series_of(data))
            counted += bool(series)
            late.update(dict.fromkeys(series, data["sign"]))
    missed = told.missed("email", "1m")
    published = {metric for _, _, _, _, metric, _ in late}

    found = {
        one: behind.get("count", behind.get("value", 0))
        for one, behind in missed.items()
        if one[4] in published
    }
    assert {one: n for one, n in found.items() if n} == {one: n for one, n in late.items() if n}
    assert told.late_facts("email") >= counted > 10
    assert lateness == HOUR


def test_the_oracle_says_the_same_of_the_whole_week(told: Week) -> None:
    assert told.differences == []


def series_of(data: dict[str, Any]) -> Iterator[Series]:
    """The series that a published result counts in: those that count nothing else."""
    base = tuple(data[name] for name in ("tenant", "channel", "queue", "priority"))
    if "metric" in data:
        own = f"outcome={data['outcome']}" if BY_ID[data["metric"]].labels else ""
        yield (*base, data["metric"], own)
    elif "target" in data:
        own = f"policy={data['policy']},target={data['target']}"
        breached = data["to"] == "breached" and data["from"] != "breached"
        if breached:
            yield (*base, "sla_breaches", own)
        if breached or data["to"] == "met":
            yield (*base, "sla_evaluations", own)
    else:
        yield (*base, "conversations", f"transition={data['transition']}")
