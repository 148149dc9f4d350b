"""Fixtures of all rooms of tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

from carewatch.cli import main
from carewatch.local.kafka import LocalKafka
from support.cases import GOLDEN, until_of
from support.properties import TIMES

# No test asserts a time: on a busy machine an example takes as long as it must, and so does making
# one.
settings.register_profile(
    "carewatch",
    max_examples=100 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("carewatch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-tables",
        action="store_true",
        help="rewrite the tables in the documentation from the code, instead of comparing them",
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where brokers are killed, spares whichever test the collector runs in.

    A connection whose peer was killed may outlive its loop. Kafka's own connections say it by
    name, and stay errors.
    """
    if any(test.get_closest_marker("broker") for test in session.items):
        for what in ("transport", "<socket"):
            session.config.addinivalue_line(
                "filterwarnings", f"ignore:unclosed {what}:ResourceWarning"
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


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The results of a golden case as `carewatch replay` writes them: a line each.

    A case is replayed once, by the first test that asks for it; whoever changes the file breaks
    the others.
    """
    folder = tmp_path_factory.mktemp("replayed")

    @cache
    def replay(case: str) -> Path:
        results, until = folder / f"{case}.jsonl", until_of(case)
        options = ["--config", GOLDEN / case / "config", "--out", results]
        options += [] if until is None else ["--until", until]
        done = CliRunner().invoke(
            main, ["replay", *map(str, options), str(GOLDEN / case / "events.jsonl")]
        )
        assert (done.exit_code, done.output) == (0, "")
        return results

    return replay
