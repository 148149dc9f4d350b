"""How every client of carewatch reaches Kafka: one place, so that security has one place too."""

from typing import Any

from carewatch.settings import KafkaSettings


def kafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client."""
    return {"bootstrap_servers": kafka.bootstrap_servers}
