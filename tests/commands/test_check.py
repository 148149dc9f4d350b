"""`carewatch check`: what would take effect, or every mistake and exit code 2."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from carewatch.cli import main
from carewatch.commands.check import command

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "config"


@pytest.fixture
def example_environ() -> dict[str, str]:
    """The variables of the example's .env file."""
    lines = (EXAMPLE / ".env.example").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def test_the_example_configuration_is_right(example_environ: dict[str, str]) -> None:
    result = CliRunner().invoke(command, ["--config", str(EXAMPLE)], env=example_environ)

    assert result.exit_code == 0, result.output
    assert "port: 8080" in result.output
    for line in ("live-chat v1", "social v1", "email v1", "floor v1"):
        assert line in result.output


def test_no_secret_is_printed(example_environ: dict[str, str]) -> None:
    result = CliRunner().invoke(command, ["--config", str(EXAMPLE)], env=example_environ)

    assert [name for name, value in example_environ.items() if value in result.output] == []
    assert "env:CARE_ACME_CUSTOMER_KEY ***" in result.output


def test_without_its_variables_every_reference_of_the_example_is_named(
    example_environ: dict[str, str],
) -> None:
    result = CliRunner().invoke(main, ["check", "--config", str(EXAMPLE)])

    assert result.exit_code == 2
    for name in example_environ:
        assert f"env:{name} is not set in the environment" in result.output


def test_references_need_not_resolve_on_a_machine_without_the_secrets() -> None:
    result = CliRunner().invoke(main, ["check", "--config", str(EXAMPLE), "--without-secrets"])

    assert result.exit_code == 0, result.output


def test_mistakes_of_settings_and_rulebook_are_listed_together_each_once(tmp_path: Path) -> None:
    (tmp_path / "carewatch.yaml").write_text("gatewai: {}\ntenants: {a: {timezone: Mars}}\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text("policy: p\n")

    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path)])

    assert result.exit_code == 2
    lines = result.output.replace(f"{tmp_path}/", "").splitlines()
    assert lines[0] == "carewatch: 6 mistakes in the configuration"
    assert [line.split(": ")[:2] for line in lines[1:]] == [
        ["  carewatch.yaml:1", "gatewai"],
        ["  carewatch.yaml:2", "tenants.a.timezone"],
        ["  policies/p.yaml:1", "effective_from"],
        ["  policies/p.yaml:1", "order"],
        ["  policies/p.yaml:1", "targets"],
        ["  policies/p.yaml:1", "version"],
    ]


ACCOUNT = """\
accounts:
  - {channel: generic, account: web-1, tenant: acme, secrets: [env:WEB_SECRET]}
privacy:
  customer_keys: {acme: env:KEY}
  agent_keys: {acme: env:KEY}
  dead_letter_key: env:KEY
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("generic", "genric"),
            "2: accounts[0].channel: there is no channel 'genric'; did you mean \"generic\"?",
        ),
        (("env:WEB_SECRET", "env:BAD"), "2: accounts[0]: a secret has not the form that generic"),
        (("  dead_letter_key: env:KEY\n", ""), "3: privacy.dead_letter_key: is not set"),
    ],
)
def test_what_the_gateway_would_refuse_is_said_before_it_starts(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    (tmp_path / "carewatch.yaml").write_text(ACCOUNT.replace(*change))
    environ = {"WEB_SECRET": "whsec_c2VjcmV0", "KEY": "k" * 32, "BAD": "whsec_%%%"}

    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path)], env=environ)

    assert result.exit_code == 2, result.output
    assert f"carewatch.yaml:{expected}" in result.output
    assert "1 mistake in the configuration" in result.output


def test_a_missing_folder_is_named() -> None:
    result = CliRunner().invoke(main, ["check", "--config", "nowhere"])

    assert result.exit_code == 2
    assert "nowhere/carewatch.yaml: there is no such file" in result.output
