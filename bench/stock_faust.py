"""The baseline: a stock Faust agent that counts events by conversation in a table.

Started by pipeline.py; prints what it took as a line of JSON and ends.
"""

import json
import os
import time

import faust

EVENTS = int(os.environ["BENCH_EVENTS"])

app = faust.App(
    "bench-stock-faust",
    broker=f"kafka://{os.environ['BENCH_SERVERS']}",
    store="memory://",
    topic_partitions=int(os.environ["BENCH_PARTITIONS"]),
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
)
source = app.topic("care.events", value_type=bytes, value_serializer="raw")
counts = app.Table("counts", default=int)


@app.agent(source)
async def count(stream):  # type: ignore[no-untyped-def]
    seen, wall, cpu = 0, 0.0, 0.0
    async for event in stream.events():
        if not seen:
            wall, cpu = time.perf_counter(), time.process_time()
        document = json.loads(event.value)
        counts[document.get("partitionkey", "")] += 1
        seen += 1
        if seen >= EVENTS:
            took = {
                "events": seen,
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.process_time() - cpu,
            }
            os.write(1, json.dumps(took).encode() + b"\n")  # print() would go to Faust's log
            os._exit(0)


if __name__ == "__main__":
    app.main()
