"""A real Kafka with all topics, small enough that a worker holds all of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carewatch.engine.catalogue import plan_topics
from carewatch.engine.topics import apply_topics
from carewatch.local.kafka import LocalKafka
from carewatch.settings import KafkaSettings


@contextmanager
def small_kafka(folder: Path) -> Iterator[LocalKafka]:
    """Two partitions of every topic that is split, for as long as the block lasts."""
    with LocalKafka(folder) as kafka:
        settings = KafkaSettings(
            bootstrap_servers=kafka.bootstrap_servers,
            partitions=2,
            partials_partitions=2,
            metrics_partitions=2,
        )
        asyncio.run(apply_topics(plan_topics({}, settings), settings))
        yield kafka
