"""Ends an aiokafka consumer with all its connections, whatever it was doing."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Leaves the group, if there is one, and closes; raises what aiokafka's own stop raises.

    Its fetcher lets the cancellation of its own requests escape, and leaves the connections open
    then. Only a cancellation that was meant for the caller is passed on.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    finally:
        await consumer._client.close()  # noqa: SLF001 - the stop that failed never came to it
