"""Standard Webhooks 1.0."""

import base64
import hashlib
import hmac

from carewatch.channels.base import Account
from support.sender import Sender


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del url
    identifier = f"msg_{hashlib.sha256(body).hexdigest()[:20]}"
    seconds = str(at // 1000)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identifier}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


SENDER = Sender(
    account=Account(tenant="acme", channel="generic", account_ref="web-1"),
    secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    header="webhook-signature",
    sign=sign,
    personal=("Ada", "ada@", "bob@", "arcel", "example.org", "visitor"),
    window_ms=300_000,
    batch="cloudevents_batch_with_a_broken_one",
)
