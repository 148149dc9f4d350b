"""What Kafka knows of a consumer group, without joining it."""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupIdNotFound, KafkaError, NoError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from carewatch.domain.errors import Retryable
from carewatch.engine.starting import started
from carewatch.processors.base import Processor


async def group_offset(processor: Processor, partition: int, options: dict[str, Any]) -> int | None:
    """The (advisory) offset of the stage's group in one partition of its source; None without."""
    where = TopicPartition(processor.reads, partition)
    client = AIOKafkaAdminClient(**options)
    try:
        await started(client.start)
        found = await client.list_consumer_group_offsets(processor.group, partitions=[where])
    except (KafkaError, OSError, AssertionError) as error:
        raise Retryable(f"asking for the offsets of {processor.group}: {error!r}") from error
    finally:
        await client.close()
    known = found.get(where)
    return None if known is None or known.offset < 0 else int(known.offset)


async def forget_group(group: str, options: dict[str, Any]) -> None:
    """Removes a group that nobody is in, with its offsets; raises Retryable when Kafka did not."""
    client = AIOKafkaAdminClient(**options)
    try:
        await started(client.start)
        coordinator = await client.find_coordinator(group)
        # The client speaks this request and has no method for it.
        answer = await client._send_request(DeleteGroupsRequest([group]), coordinator)  # noqa: SLF001
        codes = [code for _, code in answer.results]
    except (KafkaError, OSError, AssertionError) as error:
        raise Retryable(f"removing group {group}: {error!r}") from error
    finally:
        await client.close()
    if codes not in ([NoError.errno], [GroupIdNotFound.errno]):
        raise Retryable(f"removing group {group}: {[for_code(code).__name__ for code in codes]}")
