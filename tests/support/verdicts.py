"""What a run on real processes left behind, beside what an undisturbed replay makes of its log."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.wire import topics
from support.deployment import Deployment, Stored

Result = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a run left: the simulator's manifest, the board, every committed record by topic."""

    manifest: dict[str, Any]
    board: dict[str, Any]
    records: dict[str, list[Stored]]

    @cached_property
    def replayed(self) -> dict[str, list[Output]]:
        """What the processors make of the recorded events, undisturbed.

        The partitions are merged by time; within each the log's own order holds.
        """
        written: dict[str, list[Output]] = {}
        replay = Replay(
            lambda output: written.setdefault(output.topic, []).append(output),
            partitions=1 + max(event.partition for event in self.records[topics.EVENTS]),
        )
        reached: Counter[int] = Counter()
        events = []
        for event in self.records[topics.EVENTS]:
            reached[event.partition] = max(reached[event.partition], event.at)
            events.append((reached[event.partition], event))
        for _, event in sorted(events, key=lambda one: one[0]):
            replay.recorded(event.partition, event.key, event.value)
        return written


async def look_at(deployment: Deployment, manifest: dict[str, Any]) -> Ran:
    """Waits until everything has settled, and reads what is there."""
    await deployment.passed(manifest["settled_at_ms"] + 2000)
    names = (topics.EVENTS, topics.FACTS, topics.SLA, topics.METRICS)
    records = {name: await deployment.committed(name) for name in names}
    return Ran(manifest, await deployment.board(), records)


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
    """The newest point of each key, without how it came about and without the pipeline's clocks."""
    points: dict[bytes | None, Result] = {}
    for record in records:
        if record.value is None:
            points.pop(record.key, None)
            continue
        data = json.loads(record.value)["data"]
        if "partition" not in data:
            points[record.key] = {**data, "pane": None, "revision": None}
    return points
