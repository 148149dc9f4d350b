"""Webhooks as their providers would send them: fixtures, accounts and signatures."""

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from carewatch.channels import CHANNELS
from carewatch.channels.base import Account, ChannelAdapter, RawRequest, Secrets, Skip
from carewatch.channels.drafts import Draft
from carewatch.gateway.normalise import normalise
from carewatch.gateway.pseudonyms import Pseudonyms
from carewatch.settings import AccountSettings, PrivacySettings, Secret
from carewatch.wire.envelope import Envelope
from support.sender import BASE, NOW, Sender

__all__ = ["NOW"]

SENDERS: dict[str, Sender] = {
    channel.name: importlib.import_module(f"support.senders.{channel.name}").SENDER
    for channel in CHANNELS
}
SECRETS = {name: sender.secret for name, sender in SENDERS.items()}
TOKENS = {name: sender.token for name, sender in SENDERS.items()}
ACCOUNTS: dict[str, Account] = {name: sender.account for name, sender in SENDERS.items()}

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
        """The body as JSON; a form as the object of its fields."""
        if self.path.suffix == ".form":
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        return json.loads(self.body)

    def written(self, document: object) -> bytes:
        """A body like this one that says `document`."""
        if self.path.suffix == ".form":
            assert isinstance(document, dict)
            return urlencode({name: str(value) for name, value in document.items()}).encode()
        return json.dumps(document).encode()


def fixtures() -> list[Fixture]:
    """Every payload of every channel."""
    folder = Path(__file__).parent.parent / "channels"
    return [
        Fixture(channel.name, path)
        for channel in CHANNELS
        for path in sorted((folder / channel.name).iterdir())
        if path.suffix in (".json", ".form")
    ]


def url_of(channel: str) -> str:
    """The path of the channel's account at the gateway."""
    return f"/hooks/{channel}/{ACCOUNTS[channel].account_ref}"


def posted_to(channel: str, body: bytes) -> str:
    """The path to which a provider posts this body."""
    return url_of(channel) + SENDERS[channel].query(body)


def signature(
    channel: str, body: bytes, *, at: int = NOW, secret: str | None = None
) -> dict[str, str]:
    """The headers by which a provider proves that it sent `body` at `at` (ms)."""
    sender = SENDERS[channel]
    key = sender.secret if secret is None else secret
    return sender.sign(body, BASE + posted_to(channel, body), at, key)


def request(
    channel: str, body: bytes, headers: Mapping[str, str] | None = None, *, now: int = NOW
) -> RawRequest:
    """A signed POST, unless other headers are given."""
    return RawRequest(
        method="POST",
        url=posted_to(channel, body),
        public_url=BASE + posted_to(channel, body),
        headers=signature(channel, body) if headers is None else headers,
        body=body,
        received_at=now,
    )


def secrets(channel: str, *signing: str) -> Secrets:
    return Secrets(signing=signing or (SECRETS[channel],), token=TOKENS[channel])


def parse(channel: str, body: bytes, *, now: int = NOW) -> list[Draft | Skip]:
    return list(adapter(channel).parse(request(channel, body, now=now), ACCOUNTS[channel]))


def events(channel: str, body: bytes, *, now: int = NOW) -> Iterator[Envelope | Skip]:
    """The events of a body that arrives `now`; what became none stays a Skip."""
    return events_of(channel, body, ACCOUNTS[channel], now=now)


def events_of(
    channel: str, body: bytes, account: Account, *, now: int = NOW
) -> Iterator[Envelope | Skip]:
    """The same for an account that is set up in another way."""
    for item in adapter(channel).parse(request(channel, body, now=now), account):
        if isinstance(item, Skip):
            yield item
        else:
            yield normalise(item, adapter(channel), account, hide(channel), now)


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
