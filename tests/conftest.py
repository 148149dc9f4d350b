"""Fixtures of all rooms of tests."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from carewatch.local.kafka import LocalKafka


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-tables",
        action="store_true",
        help="rewrite the tables in the documentation from the code, instead of comparing them",
    )


@dataclass(frozen=True)
class Broker:
    """The suite's Kafka; `kafka` can be stopped, killed and started, and keeps its address.

    A test that does so gets a Kafka of its own (`LocalKafka(tmp_path)`) when it could disturb
    others; one that leaves this one stopped breaks the rest of the suite.
    """

    kafka: LocalKafka

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Kafka on free ports, started once for all tests that ask for it.

    Tests with it carry the marker `broker`. Without Java, or without the network for the first
    download, they fail with what to install: they are not skipped.
    """
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield Broker(kafka)
