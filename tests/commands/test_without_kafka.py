"""Commands that end, with no Kafka to ask: one line that says where it was looked for."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from carewatch.cli import main
from carewatch.local.ports import free_port

SECRETS = {"DEAD_LETTER_KEY": "a key of the tests, 32 bytes long"}
CONFIGURATION = """\
tenants: {acme: {}}
privacy: {dead_letter_key: "env:DEAD_LETTER_KEY"}
"""


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("topics plan", 1),
        ("topics apply", 1),
        ("rulebook publish", 1),
        ("rulebook show", 1),
        ("dead list", 1),
        ("dead show 0", 1),
        ("state show c1", 1),
        ("state pause --stage track --partition 0", 1),
        ("verify", 2),
    ],
)
def test_one_line_names_the_address_and_no_more_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, status: int
) -> None:
    (tmp_path / "carewatch.yaml").write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "policies").mkdir()
    address = f"127.0.0.1:{free_port()}"

    done = CliRunner().invoke(
        main,
        [*command.split(), "--config", str(tmp_path)],
        env={"CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": address, **SECRETS},
    )

    assert done.exit_code == status, done.output
    assert done.output.count("\n") == 1
    assert done.output.startswith("carewatch: ")
    assert f"Kafka at {address}" in done.output
    assert "kafka.bootstrap_servers" in done.output
    assert capfd.readouterr().err == ""
