"""The topic catalogue and a cluster: what is missing, what differs, what cannot be accepted.

Topics are created and never changed. How many partitions a topic has is fixed at birth, since one
more would send the keys of a conversation elsewhere; settings may be an operator's choice.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.connection import kafka_options
from carewatch.settings import KafkaSettings
from carewatch.wire.topics import BY_NAME, EVENTS, METRICS, PARTIALS, TOPICS, Count, Topic

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

_CREATION_S: Final = 30

_SET_ON_TOPIC: Final = 1
"""Kafka's ConfigSource DYNAMIC_TOPIC_CONFIG in the answer to DescribeConfigs."""


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


async def describe_topics(kafka: KafkaSettings) -> dict[str, Found]:
    """The catalogue's topics that the cluster has; raises Retryable when it cannot be asked."""
    client = AIOKafkaAdminClient(**kafka_options(kafka))
    try:
        await client.start()
        return await _describe(client)
    except (KafkaError, OSError, TimeoutError) as error:
        raise _unreachable(kafka, error) from error
    finally:
        await client.close()


async def apply_topics(plan: Plan, kafka: KafkaSettings) -> None:
    """Creates what is missing, and returns when every partition has a leader.

    A topic that another process created in the meantime is accepted: both had the same catalogue.
    Raises Refused when the plan holds a refusal (then nothing is created) or the cluster declines.
    """
    if plan.refused:
        raise Refused("\n".join(["topics are refused, nothing was created:", *_lines(plan)]))
    if not plan.missing:
        return
    client = AIOKafkaAdminClient(**kafka_options(kafka))
    try:
        await client.start()
        await _create(client, plan.missing)
        await _wait_for(client, plan.missing)
    except (KafkaError, OSError, TimeoutError) as error:
        raise _unreachable(kafka, error) from error
    finally:
        await client.close()


async def audit_topics(kafka: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> None:
    """Raises Refused, with the remedy, unless the topics are there and right.

    Counts that do not fit together, a changelog that is not compacted, a facts topic that is: with
    any of them results would be lost without a word. Settings an operator may choose are accepted.
    """
    plan = plan_topics(await describe_topics(kafka), kafka, topics)
    lines = _lines(plan)
    if plan.missing:
        names = ", ".join(wanted.name for wanted in plan.missing)
        lines.append(f"missing: {names}; remedy: carewatch topics apply")
    if lines:
        raise Refused("\n".join(["the topics are not as they must be:", *lines]))


def _lines(plan: Plan) -> list[str]:
    return [str(remark) for remark in plan.refused]


def _unreachable(kafka: KafkaSettings, error: Exception) -> Retryable:
    return Retryable(
        f"Kafka at {kafka.bootstrap_servers} cannot be asked about topics "
        f"({type(error).__name__}): is it running, and is kafka.bootstrap_servers right?"
    )


async def _describe(client: AIOKafkaAdminClient) -> dict[str, Found]:
    # All topics, since asking for one by name would create it on a cluster that creates topics.
    partitions = {
        topic["topic"]: topic["partitions"]
        for topic in await client.describe_topics()
        if topic["topic"] in BY_NAME and topic["error_code"] == 0
    }
    if not partitions:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in partitions]
    found: dict[str, Found] = {}
    for answer in await client.describe_configs(asked):
        for code, _message, _kind, name, entries in answer.resources:
            if code != 0:
                raise KafkaError(f"error {code} for the settings of {name}")
            found[name] = Found(
                partitions=len(partitions[name]),
                replicas=min(len(one["replicas"]) for one in partitions[name]),
                config={entry[0]: entry[1] for entry in entries},
                overridden=frozenset(entry[0] for entry in entries if entry[3] == _SET_ON_TOPIC),
            )
    return found


async def _create(client: AIOKafkaAdminClient, missing: Iterable[Wanted]) -> None:
    answer = await client.create_topics(
        [
            NewTopic(
                name=wanted.name,
                num_partitions=wanted.partitions,
                replication_factor=wanted.replicas,
                topic_configs=dict(wanted.config),
            )
            for wanted in missing
        ]
    )
    declined = [
        f"{name}: {message}"
        for name, code, message in answer.topic_errors
        if code not in (0, TopicAlreadyExistsError.errno)
    ]
    if declined:
        raise Refused("\n".join(["the cluster declined to create topics:", *declined]))


async def _wait_for(client: AIOKafkaAdminClient, missing: Iterable[Wanted]) -> None:
    """Metadata reaches the brokers later than the controller's answer reaches us."""
    wanted = {one.name: one.partitions for one in missing}
    deadline = time.monotonic() + _CREATION_S
    while time.monotonic() < deadline:
        ready = {
            topic["topic"]: sum(1 for one in topic["partitions"] if one["leader"] >= 0)
            for topic in await client.describe_topics()
        }
        if all(ready.get(name) == count for name, count in wanted.items()):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"partitions without a leader after {_CREATION_S} s")
