"""`carewatch hooks`: what a person sees who tries a channel out."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carewatch.cli import main

FIXTURES = Path(__file__).parents[1] / "channels"
EXAMPLE = Path(__file__).parents[2] / "deploy" / "config"


@pytest.fixture
def environ() -> dict[str, str]:
    """The variables of the example's configuration."""
    lines = (EXAMPLE / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def run(*arguments: str | Path, **variables: str) -> Result:
    words = ["hooks", *(str(argument) for argument in arguments)]
    return CliRunner().invoke(main, words, env=variables)


def test_a_payload_is_explained_without_a_configuration() -> None:
    result = run("explain", FIXTURES / "whatsapp" / "list_reply.json", "--channel", "whatsapp")

    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert lines[0] == "1  care.message.created  2026-01-05T10:00:00.000Z (s)"
    assert "   choice.kind list" in lines
    assert "   message.direction inbound" in lines


def test_events_are_printed_whole_for_programs() -> None:
    result = run("explain", "--json", FIXTURES / "generic" / "rated.json", "--channel", "generic")

    event = json.loads(result.output)
    assert event["type"] == "care.conversation.rated"
    assert event["data"]["csat"]["score"] == 7


def test_what_would_be_a_dead_letter_is_exit_code_one(tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text('{"object": "whatsapp_business_account", "entry": [{"changes": [{}]}]}')

    result = run("explain", payload, "--channel", "whatsapp")

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "1  no event: schema at entry[0].changes[0]",
        "   a known kind in an unknown shape: kept as a dead letter",
    ]


@pytest.mark.parametrize(
    ("channel", "reason"), [("chatwoot", "not_json"), ("twilio_sms", "not_form")]
)
def test_a_body_that_cannot_be_read_is_told_by_its_reason(
    tmp_path: Path, channel: str, reason: str
) -> None:
    """Twilio signs the fields of a form: what has none cannot even be signed."""
    payload = tmp_path / "payload.json"
    payload.write_text("{")

    result = run("explain", payload, "--channel", channel)

    assert result.exit_code == 1
    assert f"the whole body is kept as a dead letter: {reason}" in result.output


def test_the_account_of_the_configuration_must_match(environ: dict[str, str]) -> None:
    """The example's number is another than the fixture's."""
    result = run(
        "explain", FIXTURES / "whatsapp" / "list_reply.json", "--channel", "whatsapp",
        "--account", "sales", "--config", EXAMPLE, **environ,
    )  # fmt: skip

    assert result.exit_code == 1
    assert "no event: wrong_account" in result.output


def test_an_account_that_is_not_configured_is_a_mistake(environ: dict[str, str]) -> None:
    result = run(
        "send", FIXTURES / "generic" / "rated.json", "--channel", "generic",
        "--account", "shop", "--config", EXAMPLE, **environ,
    )  # fmt: skip

    assert result.exit_code == 2
    assert "generic/shop is not configured; there are generic/web-1" in result.output


def test_a_gateway_that_is_not_there_is_named_with_its_remedy(environ: dict[str, str]) -> None:
    result = run(
        "send", FIXTURES / "generic" / "rated.json", "--channel", "generic",
        "--account", "web-1", "--config", EXAMPLE, "--gateway", "http://127.0.0.1:1", **environ,
    )  # fmt: skip

    assert result.exit_code == 1
    assert "no answer from a gateway at http://127.0.0.1:1" in result.output
    assert "carewatch gateway" in result.output
