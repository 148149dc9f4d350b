"""A folder of configuration that a test fills with the files it is about."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carewatch.local.kafka import LocalKafka
from carewatch.rulebooks.folder import read_document
from carewatch.wire.topics import EVENTS, RULEBOOKS
from carewatch.yamlfile import Mistake


class Folder:
    """A configuration folder; `mistakes` names each without the path of the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("carewatch.yaml", "tenants:\n  acme: {timezone: Europe/Berlin}\n")

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def mistakes(self, *, only_computed: bool = False) -> list[str]:
        found: list[Mistake] = []
        document = read_document(self.path, found, only_computed=only_computed)
        assert (document is None) == bool(found)
        return [str(one).replace(f"{self.path}/", "") for one in sorted(set(found))]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
async def rulebook_topics(tmp_path: Path) -> AsyncIterator[str]:
    """The two topics of a publication on a Kafka of their own; gives its address.

    Their names are fixed, so on the suite's Kafka they would meet what other tests publish.
    """
    with LocalKafka(tmp_path / "kafka") as kafka:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_topics(
                [
                    NewTopic(name=RULEBOOKS, num_partitions=1, replication_factor=1),
                    NewTopic(name=EVENTS, num_partitions=3, replication_factor=1),
                ]
            )
            yield kafka.bootstrap_servers
        finally:
            await admin.close()
