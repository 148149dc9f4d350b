"""Topics on a cluster: what is there, creating what is missing, and the audit before work."""

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.catalogue import Found, Plan, Wanted, plan_topics
from carewatch.engine.connection import kafka_options
from carewatch.engine.starting import started
from carewatch.settings import KafkaSettings
from carewatch.wire.topics import BY_NAME, TOPICS, Topic

_CREATION_S: Final = 30

_SET_ON_TOPIC: Final = 1
"""Kafka's ConfigSource DYNAMIC_TOPIC_CONFIG in the answer to DescribeConfigs."""


async def describe_topics(kafka: KafkaSettings) -> dict[str, Found]:
    """The catalogue's topics that the cluster has; raises Retryable when it cannot be asked."""
    client = AIOKafkaAdminClient(**kafka_options(kafka))
    try:
        await started(client.start)
        return await _describe(client)
    except (KafkaError, OSError, TimeoutError) as error:
        raise Retryable(f"asking about topics: {error!r}") from error
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
        await started(client.start)
        await _create(client, plan.missing)
        await _wait_for(client, plan.missing)
    except (KafkaError, OSError, TimeoutError) as error:
        raise Retryable(f"asking about topics: {error!r}") from error
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
