"""What Kafka knows of a stage's consumer group, without joining it."""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from carewatch.domain.errors import Retryable
from carewatch.processors.base import Processor


async def group_offset(processor: Processor, partition: int, options: dict[str, Any]) -> int | None:
    """The (advisory) offset of the stage's group in one partition of its source; None without."""
    where = TopicPartition(processor.reads, partition)
    client = AIOKafkaAdminClient(**options)
    try:
        await client.start()
        found = await client.list_consumer_group_offsets(processor.group, partitions=[where])
    except (KafkaError, OSError, AssertionError) as error:
        raise Retryable(f"asking for the offsets of {processor.group}: {error!r}") from error
    finally:
        await client.close()
    known = found.get(where)
    return None if known is None or known.offset < 0 else int(known.offset)
