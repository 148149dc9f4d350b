"""What stands in the result topics: net facts and transitions, newest points, and broken rules."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from carewatch.verify.instants import instant

EVENTS = "care.events"
FACTS, SLA, METRICS, LATE, DEAD = (
    "care.facts",
    "care.sla",
    "care.metrics",
    "care.late",
    "care.dead",
)
RESULTS = (FACTS, SLA, METRICS, LATE, DEAD)
"""The topics that are compared, by names of their own: nothing is shared with the engine."""

RECORD_ONLY = ("sign", "corrects", "cause")
"""Fields of a fact or transition that say how the record came about, not what is true (R6)."""

Key = tuple[str, str]


@dataclass(slots=True)
class Found:
    """Filled record by record, in the order of each partition."""

    standing: dict[str, dict[str, tuple[Key, dict[str, Any]]]] = field(
        default_factory=lambda: {FACTS: {}, SLA: {}}
    )
    """By topic and id: the conversation and the content of what is in force."""
    used: set[str] = field(default_factory=set)
    points: dict[str, dict[str, Any]] = field(default_factory=dict)
    said_at: dict[str, int] = field(default_factory=dict)
    """By key, the watermark at which its point was said."""
    late: list[tuple[str, str, str]] = field(default_factory=list)
    """Source and id of late events, and why they are late."""
    dead: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of dead letters of `care.events`."""
    broken: list[tuple[str, str, str]] = field(default_factory=list)
    """Topic, id and what is wrong with the record itself."""

    def take(self, topic: str, key: str | None, value: dict[str, Any] | None) -> None:
        """The next record of a topic."""
        if topic in (FACTS, SLA) and value is not None:
            self._result(topic, value)
        elif topic == METRICS and key is not None:
            if value is None:
                self.points.pop(key, None)
            else:
                if not _named(key, value["data"]):
                    self.broken.append((METRICS, key, "the key says other than the point"))
                self.points[key] = value["data"]
                self.said_at[key] = instant(value["time"])
        elif topic == LATE and value is not None:
            event, reason = value["data"]["event"], value["data"]["reason"]
            self.late.append((event["source"], event["id"], reason))
        elif topic == DEAD and value is not None:
            self.take_dead(value["headers"])

    def take_dead(self, headers: dict[str, str]) -> None:
        """The next dead letter, by its headers; what others gave up is not judged."""
        if headers.get("original_topic", EVENTS) == EVENTS and headers.get("kind") != "body":
            place = headers.get("original_partition", "-1"), headers.get("original_offset", "-1")
            self.dead.append((int(place[0]), int(place[1])))

    def _result(self, topic: str, value: dict[str, Any]) -> None:
        id_, said = value["id"], value["data"]
        content = {name: one for name, one in said.items() if name not in RECORD_ONLY}
        key = (said["tenant"], said["conversation_key"])
        if id_ in self.used:
            self.broken.append((topic, id_, "the id is used twice"))
            return
        self.used.add(id_)
        if said["sign"] == 1:
            self.standing[topic][id_] = (key, content)
            return
        taken = self.standing[topic].pop(said["corrects"], None)
        if taken is None:
            self.broken.append((topic, id_, "withdraws what is not in force"))
        elif taken[1] != content:
            self.broken.append((topic, id_, "withdraws something other than it says"))

    def net(self, topic: str) -> dict[Key, list[dict[str, Any]]]:
        """The contents in force, by conversation."""
        by_key: dict[Key, list[dict[str, Any]]] = {}
        for key, content in self.standing[topic].values():
            by_key.setdefault(key, []).append(content)
        return by_key


def _named(key: str, said: dict[str, Any]) -> bool:
    """Whether a key is that of the point: its labels, metric, window and start, escaped."""
    names = ("tenant", "channel", "queue", "priority", "metric", "labels", "window", "start")
    parts = [unquote(part) for part in key.split("|")]
    if len(parts) != len(names):
        return False
    told = dict(zip(names, parts, strict=True))
    rolling = said["window"].startswith("last_")  # their key has no start
    start = "" if rolling or said["start"] is None else said["start"]
    others = (name for name in names if name not in ("labels", "start"))
    return told["start"] == start and all(told[name] == said[name] for name in others)


def read_results(lines: Iterable[bytes]) -> Found:
    """What `carewatch replay` wrote, one `{"topic", "key", "value"}` a line."""
    found = Found()
    for line in lines:
        if line.strip():
            read = json.loads(line)
            found.take(read["topic"], read["key"], read["value"])
    return found
