"""What the cluster says about topics, before anything is read or written."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.starting import started
from carewatch.processors.base import Processor
from carewatch.wire.topics import BY_NAME


async def partition_counts(topics: Iterable[str], options: dict[str, Any]) -> dict[str, int]:
    """How many partitions each topic has.

    Raises Refused for one that does not exist, or that this user may not even see.
    """
    wanted = sorted(set(topics))
    client = AIOKafkaAdminClient(**options)
    try:
        await started(client.start)
        described = await client.describe_topics(wanted)
    except (KafkaError, OSError, AssertionError) as error:
        raise Retryable(f"asking the cluster for its topics: {error!r}") from error
    finally:
        await client.close()
    found = {
        str(topic["topic"]): len(topic["partitions"])
        for topic in described
        if topic["error_code"] == 0
    }
    denied = TopicAuthorizationFailedError.errno
    hidden = [str(topic["topic"]) for topic in described if topic["error_code"] == denied]
    if hidden:
        raise Refused(
            f"this user of Kafka may not see: {', '.join(sorted(hidden))}. Remedy: log in as the "
            "user of this role (kafka.username, kafka.cert_file), or give it the role's rights"
        )
    missing = [topic for topic in wanted if topic not in found]
    if missing:
        raise Refused(
            f"topics are missing on the cluster: {', '.join(missing)}. "
            "Remedy: carewatch topics apply"
        )
    return found


def check_counts(processor: Processor, counts: Mapping[str, int]) -> None:
    """Refuses counts with which records would go to partitions that nobody owns or that mix.

    The changelog has the source's count, and so has every topic that the catalogue puts beside
    the source; counts are fixed at birth, since a change would move keys between partitions.
    """
    source = processor.reads
    beside = [processor.changelog]
    if source in BY_NAME:
        beside += [
            topic
            for topic in processor.writes
            if topic in BY_NAME and BY_NAME[topic].count == BY_NAME[source].count
        ]
    for topic in beside:
        if counts[topic] != counts[source]:
            raise Refused(
                f"{topic} has {counts[topic]} partitions and {source} has {counts[source]}, but "
                f"they must be the same for {processor.name}. Remedy: partition counts are fixed "
                "at birth, create the topics anew with carewatch topics apply"
            )


async def ask_broker(options: dict[str, Any]) -> None:
    """Returns when a broker answers; raises Retryable when none does."""
    client = AIOKafkaAdminClient(**options, request_timeout_ms=3000)
    try:
        await started(client.start)
    except (KafkaError, OSError, AssertionError) as error:
        raise Retryable(f"no broker answers: {error!r}") from error
    finally:
        await client.close()
