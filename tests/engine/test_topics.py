"""Topics on a cluster, where no cluster is needed; with one: tests/commands/test_topics.py."""

import pytest

from carewatch.domain.errors import Refused, Retryable
from carewatch.engine.catalogue import Found, plan_topics
from carewatch.engine.topics import apply_topics, describe_topics
from carewatch.local.ports import HOST, free_port
from carewatch.settings import KafkaSettings


async def test_a_refused_plan_creates_nothing() -> None:
    nine = Found(partitions=9, replicas=1, config={})
    plan = plan_topics({"care.events": nine}, KafkaSettings())

    with pytest.raises(Refused, match=r"nothing was created:\ncare\.events: 9 partitions"):
        await apply_topics(plan, KafkaSettings(bootstrap_servers=f"{HOST}:{free_port()}"))


async def test_a_cluster_that_is_away_is_worth_another_try() -> None:
    port = free_port()

    with pytest.raises(Retryable, match=rf"^asking about topics: .*\b{port}\b"):
        await describe_topics(KafkaSettings(bootstrap_servers=f"{HOST}:{port}"))
