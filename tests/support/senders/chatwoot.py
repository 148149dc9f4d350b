"""Chatwoot since February 2026: a signature over time and body."""

import hashlib
import hmac

from carewatch.channels.base import Account
from support.sender import Sender


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del url
    seconds = str(at // 1000)
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "x-chatwoot-signature": f"sha256={digest}",
        "x-chatwoot-timestamp": seconds,
        "x-chatwoot-delivery": "d-1",
    }


SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="chatwoot",
        account_ref="cw-1",
        match={"account_id": "1", "inbox_id": "3"},
        options={"team.3": "billing-team"},
    ),
    secret="chatwoot-webhook-secret-of-tests",
    header="x-chatwoot-signature",
    sign=sign,
    personal=(
        "Ada",
        "ada@",
        "Bob",
        "bob@",
        "15112345678",
        "arcel",
        "wamid",
        "pubsub",
        "example.org",
        "chat.example",
    ),
    window_ms=300_000,
    keys_are_data=("changed_attributes",),
)
