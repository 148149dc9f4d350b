"""The latest value of each metric: python docs/examples/latest_metrics.py [HOST:PORT]"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer

latest: dict[bytes, dict[str, object]] = {}


async def follow(servers: str) -> None:
    """The topic is compacted: from its beginning it holds the newest point of every series."""
    options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer("care.metrics", bootstrap_servers=servers, **options) as points:
        async for record in points:
            if record.value is None:  # a window that is past its retention
                latest.pop(record.key, None)
                print(record.key.decode(), "gone", sep="\t", flush=True)
                continue
            point = latest[record.key] = json.loads(record.value)["data"]
            values = ("value", "n", "d", "count", "p90_ms", "at", "due")  # its metric's kind
            said = [f"{name}={point[name]}" for name in values if name in point]
            print(record.key.decode(), *said, sep="\t", flush=True)


asyncio.run(follow(*sys.argv[1:] or ["127.0.0.1:9092"]))
