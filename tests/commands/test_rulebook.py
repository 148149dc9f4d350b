"""`carewatch rulebook` on a real Kafka, from nothing published to nothing to publish."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carewatch.cli import main
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import free_port

POLICY = """\
policy: fast
version: 1
effective_from: "2026-01-01T00:00:00Z"
order: 10
targets: {first_reply: {all: 10m}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with one policy."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "fast.yaml").write_text(POLICY)
    (tmp_path / "carewatch.yaml").write_text("tenants: {acme: {}}\n")
    return tmp_path


def run(folder: Path, address: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        main,
        [*arguments, "--config", str(folder)],
        env={"CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": address},
    )


@pytest.mark.broker
def test_from_nothing_published_to_nothing_to_publish(folder: Path) -> None:
    with LocalKafka(folder / "kafka") as kafka:
        address = kafka.bootstrap_servers

        early = run(folder, address, "rulebook", "publish")
        assert early.exit_code == 1
        assert "Remedy: carewatch topics apply" in early.output

        assert run(folder, address, "topics", "apply").exit_code == 0
        nothing = run(folder, address, "rulebook", "show")
        assert nothing.output.startswith("no rulebook is published")

        first = run(folder, address, "rulebook", "publish")
        assert first.exit_code == 0, first.output
        assert first.output.startswith("published rulebook 1 sha256:")

        again = run(folder, address, "rulebook", "publish", "--wait")
        assert again.output.startswith("nothing to publish, this is the newest already: rulebook 1")
        assert again.output.endswith("rulebook 1 has taken effect\n")

        shown = run(folder, address, "rulebook", "show")
        assert "first_reply: all 10m" in shown.output

        closed = run(folder, address, "rulebook", "gate", "0.1.0")
        assert closed.output == "from here on results are computed by version 0.1.0 at least\n"
        assert "(not yet in effect)" not in shown.output


def test_a_rulebook_with_a_mistake_is_not_published(folder: Path) -> None:
    (folder / "policies" / "fast.yaml").write_text(POLICY.replace("10m", "1d"))

    result = run(folder, "127.0.0.1:1", "rulebook", "publish")

    assert result.exit_code == 2
    assert "policies/fast.yaml:5: targets.first_reply.all: '1d': days are refused" in result.output


def test_without_a_broker_it_says_so_and_ends(folder: Path) -> None:
    address = f"127.0.0.1:{free_port()}"

    result = run(folder, address, "rulebook", "publish")

    assert result.exit_code == 1
    assert f"Kafka at {address} (kafka.bootstrap_servers) could not be used" in result.output
