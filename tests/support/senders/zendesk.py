"""Zendesk: a signature over time and body; the time is written as RFC 3339 without fractions."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from carewatch.channels.base import Account
from support.sender import Sender


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del url
    written = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret.encode(), written.encode() + body, hashlib.sha256).digest()
    return {
        "x-zendesk-account-id": "12514403",
        "x-zendesk-webhook-id": "01F1KRFQ6BG29CNWFR60NK5FNY",
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": written,
    }


def events(document: object) -> list[object]:
    """A body of Sunshine Conversations, one body per event."""
    assert isinstance(document, dict)
    return [document | {"events": [event]} for event in document["events"]]


SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="zendesk",
        account_ref="zd-1",
        match={"account_id": "12514403", "app_id": "5f8dd2af1a1f1a000cf1d101"},
        options={"group.8447320466430": "logistics", "bots": "8447388090900, 8447388090901"},
    ),
    secret="dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3RpbmdfYW5kX25v",
    other_secret="YW5vdGhlcl9zZWNyZXRfdGhhdF9pc19ub3RfdGhpcw==",
    header="x-zendesk-webhook-signature",
    sign=sign,
    personal=(
        "Ada",
        "ada@",
        "Bob",
        "bob@",
        "Carl",
        "12345678",
        "arcel",
        "example.org",
        "warehouse",
    ),
    window_ms=300_000,
    batch="sunshine_batch",
    parts=events,
)
