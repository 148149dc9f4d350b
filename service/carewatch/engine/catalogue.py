"""The topic catalogue against a cluster: what is missing, what differs, what is refused.

Topics are created and never changed. How many partitions a topic has is fixed at birth, since one
more would send the keys of a conversation elsewhere; settings may be an operator's choice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from carewatch.settings import KafkaSettings
from carewatch.wire.topics import EVENTS, METRICS, PARTIALS, TOPICS, Count, Topic

FIXED: Final = frozenset({"cleanup.policy", "message.timestamp.type"})
"""Settings with which results would be lost or wrong: another value is refused."""

AT_LEAST: Final = frozenset({"max.message.bytes"})
"""Settings that may be larger than the catalogue says; less is refused."""

_SETTING: Final[Mapping[Count, str]] = {
    "source": "kafka.partitions",
    "partials": "kafka.partials_partitions",
    "metrics": "kafka.metrics_partitions",
}
_HEAD: Final[Mapping[Count, str]] = {"source": EVENTS, "partials": PARTIALS, "metrics": METRICS}
"""The topic whose count on the cluster the others of its kind follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A topic as it stands on a cluster; `overridden` names what was set on the topic itself."""

    partitions: int
    replicas: int
    config: Mapping[str, str]
    overridden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A topic as it is to be created."""

    name: str
    partitions: int
    replicas: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say about one topic."""

    topic: str
    says: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.says}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `apply` would do: create `missing`, leave `differs`; nothing at all when `refused`."""

    missing: tuple[Wanted, ...]
    differs: tuple[Remark, ...]
    refused: tuple[Remark, ...]


def partition_count(topic: Topic, kafka: KafkaSettings) -> int:
    """How many partitions a topic is born with under these settings."""
    match topic.count:
        case "source":
            return kafka.partitions
        case "partials":
            return kafka.partials_partitions
        case "metrics":
            return kafka.metrics_partitions
        case "one":
            return 1


def topic_config(topic: Topic, kafka: KafkaSettings) -> dict[str, str]:
    """The settings a topic is born with, named as Kafka names them."""
    return topic.settings() | {"min.insync.replicas": str(kafka.min_insync_replicas)}


def plan_topics(
    found: Mapping[str, Found], kafka: KafkaSettings, topics: Iterable[Topic] = TOPICS
) -> Plan:
    """Compares the catalogue with what a cluster has. Topics outside the catalogue are ignored."""
    missing: list[Wanted] = []
    differs: list[Remark] = []
    refused: list[Remark] = []
    for topic in topics:
        there = found.get(topic.name)
        count = _wanted_count(topic, found, kafka)
        config = topic_config(topic, kafka)
        if there is None:
            missing.append(
                Wanted(
                    name=topic.name,
                    partitions=count,
                    replicas=kafka.replication_factor,
                    config=config,
                )
            )
            continue
        if there.partitions != count:
            refused.append(Remark(topic.name, _count_refusal(topic, there.partitions, count)))
        if there.replicas < kafka.replication_factor:
            says = f"{there.replicas} replicas, wanted {kafka.replication_factor}; left as it is"
            differs.append(Remark(topic.name, says))
        _compare(topic.name, there, config, differs, refused)
    return Plan(missing=tuple(missing), differs=tuple(differs), refused=tuple(refused))


def _wanted_count(topic: Topic, found: Mapping[str, Found], kafka: KafkaSettings) -> int:
    """The count on the cluster rules: what is born later goes with what was born first."""
    head = _HEAD.get(topic.count)
    if head is None or head == topic.name or head not in found:
        return partition_count(topic, kafka)
    return found[head].partitions


def _count_refusal(topic: Topic, partitions: int, wanted: int) -> str:
    fixed = "partition counts are fixed at birth, since one more would send keys elsewhere"
    setting = _SETTING.get(topic.count)
    if setting is not None and topic.name == _HEAD[topic.count]:
        remedy = f"set {setting} to {partitions}, or delete all of care.* to begin anew"
        return f"{partitions} partitions, {setting} says {wanted}: {fixed}; {remedy}"
    beside = f" as {_HEAD[topic.count]} has" if setting is not None else ""
    remedy = f"delete {topic.name} and apply again: what it holds is lost"
    return f"{partitions} partitions, must be {wanted}{beside}: {fixed}; {remedy}"


def _compare(
    name: str,
    there: Found,
    wanted: Mapping[str, str],
    differs: list[Remark],
    refused: list[Remark],
) -> None:
    expected = {"message.timestamp.type": "CreateTime", **wanted}
    for key, value in sorted(expected.items()):
        actual = there.config.get(key)
        if actual is None or actual == value:
            continue
        if key in AT_LEAST and int(actual) > int(value):
            continue
        if key in FIXED | AT_LEAST:
            refused.append(
                Remark(
                    name,
                    f"{key}={actual}, must be {value}: someone set it, so apply leaves it; "
                    f"remedy: kafka-configs --alter --topic {name} --add-config {key}={value}",
                )
            )
        else:
            differs.append(Remark(name, f"{key}={actual}, wanted {value}; left as it is"))
    differs.extend(
        Remark(name, f"{key}={there.config[key]} was set by someone; left as it is")
        for key in sorted(there.overridden - expected.keys())
    )
