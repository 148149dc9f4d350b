"""SLA breaches as they come and are withdrawn: python docs/examples/sla_breaches.py [HOST:PORT]"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer

standing: dict[str, str] = {}


async def follow(servers: str) -> None:
    """A record with sign -1 takes the one back that it names: the reply was in time after all."""
    options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer("care.sla", bootstrap_servers=servers, **options) as transitions:
        async for record in transitions:
            document = json.loads(record.value)
            sla = document["data"]
            if document["type"] != "care.sla.transition" or sla["to"] != "breached":
                continue
            said = f"{sla['policy']} {sla['target']} {sla['conversation_key']} due {sla['due_at']}"
            if sla["sign"] > 0:
                standing[document["id"]] = said
            else:
                standing.pop(sla["corrects"], None)
            print("breached" if sla["sign"] > 0 else "withdrawn", said, len(standing), flush=True)


asyncio.run(follow(*sys.argv[1:] or ["127.0.0.1:9092"]))
