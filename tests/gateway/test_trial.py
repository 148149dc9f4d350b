"""What a trial shows is what the gateway does."""

import pytest
from msgspec.structs import replace

from carewatch.channels import CHANNELS
from carewatch.channels.base import Skip
from carewatch.channels.verify import Verdict, verify
from carewatch.gateway.doors import doors_of
from carewatch.gateway.trial import is_json, meanings, sample_door, signed_request
from carewatch.settings import GatewaySettings, Settings
from carewatch.wire.envelope import Envelope
from support import hooks
from support.hooks import Fixture
from support.sender import BASE

FIXTURES = hooks.fixtures()
SETTINGS = Settings(
    gateway=GatewaySettings(public_base_url=BASE + "/"),
    accounts=hooks.account_settings(),
    privacy=hooks.PRIVACY,
)
DOORS = doors_of(SETTINGS, CHANNELS)


def said(item: Envelope | Skip) -> tuple[str, str]:
    return (item.type, item.time) if isinstance(item, Envelope) else (item.reason, "")


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_a_configured_account_says_what_its_gateway_would_publish(fixture: Fixture) -> None:
    door = DOORS[fixture.channel, hooks.ACCOUNTS[fixture.channel].account_ref]
    request = signed_request(door, SETTINGS, fixture.body, hooks.NOW)

    told = [said(item) for item in meanings(door, request)]

    expected = [said(item) for item in hooks.events(fixture.channel, fixture.body)]
    assert told == expected


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_what_is_signed_is_genuine(fixture: Fixture) -> None:
    name = fixture.channel
    door = DOORS[name, hooks.ACCOUNTS[name].account_ref]

    request = signed_request(door, SETTINGS, fixture.body, hooks.NOW)

    assert verify(door.channel.verifiers, request, door.secrets, hooks.NOW) == Verdict.GENUINE
    assert request.public_url == BASE + hooks.posted_to(name, fixture.body)


@pytest.mark.parametrize("name", list(hooks.SENDERS))
def test_without_a_configuration_any_account_matches(name: str) -> None:
    fixture = next(f for f in FIXTURES if f.channel == name)
    door = sample_door(hooks.adapter(name))
    request = signed_request(door, Settings(), fixture.body, hooks.NOW)

    told = [said(item)[0] for item in meanings(door, request)]

    assert told
    assert "wrong_account" not in told


def test_what_another_source_speaks_for_is_no_event() -> None:
    """As the account of a number that a helpdesk serves would be configured."""
    accounts = tuple(
        account
        if account.channel != "whatsapp"
        else type(account)(
            channel="whatsapp",
            account="wa-1",
            tenant="acme",
            secrets=account.secrets,
            messages_from="chatwoot",
        )
        for account in hooks.account_settings()
    )
    settings = replace(SETTINGS, accounts=accounts)
    door = doors_of(settings, CHANNELS)["whatsapp", "wa-1"]
    fixture = next(f for f in FIXTURES if f.name == "whatsapp/button_reply")
    request = signed_request(door, settings, fixture.body, hooks.NOW)

    assert {said(item)[0] for item in meanings(door, request)} == {"ignored"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"a":1}', True), (b" \n[1]", True), (b"a=1&b=2", False), (b"", False)],
)
def test_the_form_of_a_body_is_seen(body: bytes, expected: bool) -> None:
    assert is_json(body) == expected
