"""What a run on real processes left behind, beside what an undisturbed replay makes of its log."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from carewatch.domain.metric import ROLLING, Kind
from carewatch.domain.metrics import BY_ID
from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.wire import topics
from support.deployment import SETTLE_S, Deployment, Stored

Result = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a run left: the simulator's manifest, the board, and the committed records by topic.

    Of a metric point the newest record: half an hour writes millions of them.
    """

    manifest: dict[str, Any]
    board: dict[str, Any]
    records: dict[str, list[Stored]]

    @cached_property
    def replayed(self) -> dict[str, list[Output]]:
        """What the processors make of the recorded events, undisturbed: as `records` is kept.

        The partitions are merged by time; within each the log's own order holds.
        """
        written: dict[str, list[Output]] = {topics.FACTS: [], topics.SLA: []}
        points: dict[bytes | None, Output] = {}

        def keep(output: Output) -> None:
            if output.topic == topics.METRICS:
                points[output.key] = output
            elif output.topic in written:
                written[output.topic].append(output)

        replay = Replay(
            keep, partitions=1 + max(event.partition for event in self.records[topics.EVENTS])
        )
        reached: Counter[int] = Counter()
        events = []
        for event in self.records[topics.EVENTS]:
            reached[event.partition] = max(reached[event.partition], event.at)
            events.append((reached[event.partition], event))
        for _, event in sorted(events, key=lambda one: one[0]):
            replay.recorded(event.partition, event.key, event.value)
        return {**written, topics.METRICS: list(points.values())}

    @cached_property
    def until(self) -> int:
        """How far the log was that was read: timers go on, and fire while topic after topic is."""
        return last_tick(self.records[topics.EVENTS])


async def look_at(
    deployment: Deployment, manifest: dict[str, Any], *, within_s: float = SETTLE_S
) -> Ran:
    """Waits until everything has settled, and reads what is there.

    The log goes on: what follows from its last tick is waited for before the results are read.
    """
    await deployment.passed(manifest["settled_at_ms"] + 2000, within_s=within_s)
    records = {topics.EVENTS: await deployment.committed(topics.EVENTS)}
    await deployment.passed(last_tick(records[topics.EVENTS]), within_s=within_s)
    for name in (topics.FACTS, topics.SLA):
        records[name] = await deployment.committed(name)
    points = {one.key: one async for one in deployment.reading(topics.METRICS)}
    records[topics.METRICS] = list(points.values())
    return Ran(manifest, await deployment.board(), records)


@dataclass(frozen=True)
class Verdict:
    """What `carewatch verify` said: how much it compared, what it left out, what differs."""

    compared: dict[str, int]
    left_out: dict[str, int]
    told: tuple[str, ...]


async def verified(deployment: Deployment) -> Verdict:
    """The judgement of the independent oracle, run as somebody on call would run it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "carewatch", "verify", "--json"),
        env=deployment.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    return read_verdict(process.returncode, said, complaint)


def read_verdict(status: int | None, said: bytes, complaint: bytes) -> Verdict:
    """The command's report; without one, why there is none is the difference."""
    if status not in (0, 1) or not said:
        why = complaint.decode(errors="replace").strip().splitlines()
        return Verdict({}, {}, (f"no judgement (status {status}): {' '.join(why[-3:])}",))
    report: dict[str, Any] = json.loads(said)
    told = tuple(
        f"{one['topic']} {one['key']}: {one['what']}, expected {one['expected']}, "
        f"found {one['found']}"
        for one in report["differences"]
    )
    if status == 1 and not told:
        told = ("it says that something differs, and not what",)
    return Verdict(report["compared"], report["left_out"], told)


def repeated(records: Iterable[Stored]) -> list[str]:
    """Ids that stand in a topic more than once."""
    ids = Counter(json.loads(record.value or b"")["id"] for record in records)
    return [name for name, count in ids.items() if count > 1]


def net(records: Iterable[Stored | Output]) -> dict[str, Result]:
    """Results that were not withdrawn, by id."""
    documents = [json.loads(record.value or b"") for record in records]
    gone = {document["data"]["corrects"] for document in documents}
    return {
        document["id"]: document
        for document in documents
        if document["data"]["sign"] > 0 and document["id"] not in gone
    }


def newest(records: Iterable[Stored | Output]) -> dict[bytes | None, Result]:
    """The newest point of each key, without how it came about and without the pipeline's clocks.

    Ages are left without their buckets: those move on with every second, and a topic that is read
    a moment after another shows a moment more. How many they are stays.
    """
    points: dict[bytes | None, Result] = {}
    for record in records:
        if record.value is None:
            points.pop(record.key, None)
            continue
        data = json.loads(record.value)["data"]
        if "partition" not in data:
            points[record.key] = {**data, "pane": None, "revision": None}
            if BY_ID[data["metric"]].kind is Kind.AGES:
                del points[record.key]["classic"]
    return points


def net_results(ran: Ran, topic: str) -> tuple[dict[str, Result], dict[str, Result]]:
    """The net results of a run, and those of its replay: what can be compared of them."""
    found, wanted = (
        {
            name: document
            for name, document in net(records).items()
            if parse_time(document["time"]) < ran.until
        }
        for records in (ran.records[topic], ran.replayed[topic])
    )
    return found, wanted


def last_tick(records: Iterable[Stored]) -> int:
    """Until when every partition's clock has come, by the ticks among some records."""
    ticks: dict[int, int] = {}
    for record in records:
        document = json.loads(record.value or b"{}")
        if document.get("type") == "care.tick":
            at = parse_time(document["recordedtime"])
            ticks[record.partition] = max(at, ticks.get(record.partition, at))
    return min(ticks.values())


def went_on(ran: Ran) -> set[tuple[str, str]]:
    """Tenants and channels in which a result has come since the log was read."""
    documents = (json.loads(one.value or b"") for one in ran.records[topics.FACTS])
    return {
        (document["data"]["tenant"], document["data"]["channel"])
        for document in documents
        if parse_time(document["time"]) >= ran.until
    }


def written_after(records: Iterable[Stored | Output], instant: int) -> set[bytes | None]:
    """The series of which a point says more than was known at an instant of the log.

    But for ages, which are written every second, whether or not their count has changed.
    """
    documents = ((record.key, json.loads(record.value)) for record in records if record.value)
    return {
        key
        for key, document in documents
        if parse_time(document["time"]) > instant
        and BY_ID[document["data"]["metric"]].kind is not Kind.AGES
    }


Points = dict[bytes | None, dict[str, Any]]


def of_one_moment(found: Points, wanted: Points, newer: set[bytes | None]) -> tuple[Points, Points]:
    """Both without what moved on while the topics were read, one after the other: `newer` series,
    in which a timer has counted something since, and the rolling windows that the one shows for
    another minute than the other.
    """
    moved = newer | {
        key
        for key in found.keys() & wanted.keys()
        if found[key]["window"] in ROLLING and found[key].get("end") != wanted[key].get("end")
    }
    kept, expected = (
        {key: point for key, point in points.items() if key not in moved}
        for points in (found, wanted)
    )
    return kept, expected


def metric_points(ran: Ran) -> tuple[Points, Points]:
    """The newest points of a run, and those of its replay: what can be compared of them."""
    found, wanted = ran.records[topics.METRICS], ran.replayed[topics.METRICS]
    points, changed = newest(found), went_on(ran)
    # Ages are newer by a result alone, not by the time that they were written: who ended is gone.
    ages = {
        key
        for key, point in points.items()
        if BY_ID[point["metric"]].kind is Kind.AGES
        and (point["tenant"], point["channel"]) in changed
    }
    newer = written_after(found, ran.until) | written_after(wanted, ran.until)
    return of_one_moment(points, newest(wanted), newer | ages)
