"""`carewatch topics` against a real cluster, from empty to complete to wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner, Result

from carewatch.cli import main
from carewatch.domain.errors import Refused
from carewatch.engine.topics import audit_topics
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.settings import KafkaSettings
from carewatch.wire.topics import TOPICS


@asynccontextmanager
async def admin(kafka: LocalKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def topics(verb: str, kafka: LocalKafka) -> Result:
    return CliRunner().invoke(
        main, ["topics", verb, "--bootstrap-servers", kafka.bootstrap_servers]
    )


async def create_wrongly(kafka: LocalKafka) -> None:
    """Puts a changelog there that forgets, as a cluster's own defaults would make it."""
    async with admin(kafka) as client:
        await client.create_topics([NewTopic("care.state.track", 8, 1)])


async def delete_again(kafka: LocalKafka) -> None:
    """Deletes it, and returns when it is gone for everybody who asks."""
    async with admin(kafka) as client, asyncio.timeout(30):
        await client.delete_topics(["care.state.track"])
        while "care.state.track" in await client.list_topics():
            await asyncio.sleep(0.02)


@pytest.mark.broker
def test_a_cluster_goes_from_wrong_to_empty_to_complete(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka") as kafka:
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)

        asyncio.run(create_wrongly(kafka))
        wrong = topics("plan", kafka)
        wrong_applied = topics("apply", kafka)
        with pytest.raises(Refused, match=r"care\.state\.track: cleanup\.policy=delete"):
            asyncio.run(audit_topics(settings))
        asyncio.run(delete_again(kafka))

        empty = topics("plan", kafka)
        with pytest.raises(Refused, match=r"missing: .*care\.events.*carewatch topics apply"):
            asyncio.run(audit_topics(settings))
        applied = topics("apply", kafka)
        complete = topics("plan", kafka)
        again = topics("apply", kafka)
        asyncio.run(audit_topics(settings))

    assert wrong.exit_code == 1
    assert "refused  care.state.track: cleanup.policy=delete" in wrong.output
    assert wrong_applied.exit_code == 1
    assert "nothing was created" in wrong_applied.output
    assert empty.exit_code == 3
    assert empty.output.count("create ") == len(TOPICS)
    assert applied.exit_code == 0
    assert applied.output.count("created ") == len(TOPICS)
    assert (complete.exit_code, complete.output) == (0, "nothing to create\n")
    assert (again.exit_code, again.output) == (0, "nothing to create\n")


def test_a_cluster_that_is_away_is_named() -> None:
    address = f"{HOST}:{free_port()}"

    result = CliRunner().invoke(main, ["topics", "plan", "--bootstrap-servers", address])

    assert result.exit_code == 1
    assert address in result.output
