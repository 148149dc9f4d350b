"""The baseline under test: a stock Faust agent that counts events by conversation in a table."""

import os

import faust

app = faust.App(
    "stock",
    broker=f"kafka://{os.environ['STOCK_SERVERS']}",
    store="memory://",
    topic_partitions=int(os.environ["STOCK_PARTITIONS"]),
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6,
    broker_heartbeat_interval=1,
    broker_commit_interval=1.0,
)
events = app.topic("stock-events", key_type=bytes, value_type=bytes, value_serializer="raw")
counts = app.Table("counts", key_type=str, default=int)


@app.agent(events)
async def count(stream):  # type: ignore[no-untyped-def]
    """One more for the conversation of each event, as Faust's own guide does it."""
    async for event in stream.events():
        counts[event.key.decode()] += 1


if __name__ == "__main__":
    app.main()
