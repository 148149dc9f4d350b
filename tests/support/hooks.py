"""Webhooks as their providers would send them: fixtures, accounts and signatures.

The signing code is written from the providers' documents, not from the adapters.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carewatch.channels import CHANNELS
from carewatch.channels.base import Account, ChannelAdapter, RawRequest, Secrets, Skip
from carewatch.channels.drafts import Draft
from carewatch.gateway.normalise import normalise
from carewatch.gateway.pseudonyms import Pseudonyms
from carewatch.settings import AccountSettings, PrivacySettings, Secret
from carewatch.wire.envelope import Envelope

NOW = 1_767_607_500_000
"""2026-01-05T10:05:00Z: all fixtures happened a little before."""

SECRETS = {
    "generic": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "chatwoot": "chatwoot-webhook-secret-of-tests",
    "whatsapp": "app-secret-of-tests-0123456789ab",
}
TOKENS = {"generic": None, "chatwoot": None, "whatsapp": "verify-token-of-tests"}

ACCOUNTS = {
    "generic": Account(tenant="acme", channel="generic", account_ref="web-1"),
    "chatwoot": Account(
        tenant="acme",
        channel="chatwoot",
        account_ref="cw-1",
        match={"account_id": "1", "inbox_id": "3"},
        options={"team.3": "billing-team"},
    ),
    "whatsapp": Account(
        tenant="acme",
        channel="whatsapp",
        account_ref="wa-1",
        match={"phone_number_id": "1065"},
        messages_from="whatsapp",
    ),
}

PRIVACY = PrivacySettings(
    customer_keys={"acme": Secret("customer key of the tests")},
    agent_keys={"acme": Secret("agent key of the tests, another")},
)


def hide(channel: str) -> Pseudonyms:
    """The pseudonyms of a test account."""
    account = ACCOUNTS[channel]
    return Pseudonyms(
        customer_key=b"customer key of the tests",
        agent_key=b"agent key of the tests, another",
        scope=f"{channel}/{account.account_ref}",
        key_id="1",
    )


def adapter(name: str) -> ChannelAdapter:
    return next(channel for channel in CHANNELS if channel.name == name)


@dataclass(frozen=True)
class Fixture:
    """A payload in the documented shape of its provider, and the file of the events it means."""

    channel: str
    path: Path
    expected: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", self.path.with_suffix(".events.jsonl"))

    @property
    def name(self) -> str:
        return f"{self.channel}/{self.path.stem}"

    @property
    def body(self) -> bytes:
        return self.path.read_bytes()

    @property
    def document(self) -> object:
        return json.loads(self.body)


def fixtures() -> list[Fixture]:
    """Every payload of every channel."""
    folder = Path(__file__).parent.parent / "channels"
    return [
        Fixture(channel.name, path)
        for channel in CHANNELS
        for path in sorted((folder / channel.name).glob("*.json"))
    ]


def signature(
    channel: str, body: bytes, *, at: int = NOW, secret: str | None = None
) -> dict[str, str]:
    """The headers by which a provider proves that it sent `body` at `at` (ms)."""
    key = secret if secret is not None else SECRETS[channel]
    seconds = str(at // 1000)
    match channel:
        case "generic":
            identifier = f"msg_{hashlib.sha256(body).hexdigest()[:20]}"
            signed = f"{identifier}.{seconds}.".encode() + body
            raw = base64.b64decode(key.removeprefix("whsec_"))
            digest = hmac.new(raw, signed, hashlib.sha256).digest()
            return {
                "webhook-id": identifier,
                "webhook-timestamp": seconds,
                "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
            }
        case "chatwoot":
            signed = f"{seconds}.".encode() + body
            digest_text = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
            return {
                "x-chatwoot-signature": f"sha256={digest_text}",
                "x-chatwoot-timestamp": seconds,
                "x-chatwoot-delivery": "d-1",
            }
        case _:
            digest_text = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
            return {"x-hub-signature-256": f"sha256={digest_text}"}


SIGNATURE_HEADER = {
    "generic": "webhook-signature",
    "chatwoot": "x-chatwoot-signature",
    "whatsapp": "x-hub-signature-256",
}


def request(
    channel: str, body: bytes, headers: Mapping[str, str] | None = None, *, now: int = NOW
) -> RawRequest:
    """A signed POST, unless other headers are given."""
    return RawRequest(
        method="POST",
        url=f"/hooks/{channel}/{ACCOUNTS[channel].account_ref}",
        headers=signature(channel, body) if headers is None else headers,
        body=body,
        received_at=now,
    )


def secrets(channel: str, *signing: str) -> Secrets:
    return Secrets(signing=signing or (SECRETS[channel],), token=TOKENS[channel])


def parse(channel: str, body: bytes) -> list[Draft | Skip]:
    return list(adapter(channel).parse(request(channel, body), ACCOUNTS[channel]))


def events(channel: str, body: bytes) -> Iterator[Envelope | Skip]:
    """The events of a body; what became none stays a Skip."""
    for item in parse(channel, body):
        if isinstance(item, Skip):
            yield item
        else:
            yield normalise(item, adapter(channel), ACCOUNTS[channel], hide(channel), NOW)


def account_settings() -> tuple[AccountSettings, ...]:
    """The same accounts as a process is configured with them."""
    return tuple(
        AccountSettings(
            channel=account.channel,
            account=account.account_ref,
            tenant=account.tenant,
            secrets=(Secret(SECRETS[name]),),
            verify_token=Secret(token) if (token := TOKENS[name]) else None,
            match=dict(account.match),
            options=dict(account.options),
            messages_from=account.messages_from,
        )
        for name, account in ACCOUNTS.items()
    )
