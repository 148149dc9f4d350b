"""One webhook delivery: where it goes, what it says, and the signature its provider would add."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal, assert_never

Adapter = Literal["generic", "chatwoot", "whatsapp"]

STALE_BY_MS: Final = 3_600_000
"""How old a stale signature claims to be: far outside every provider's replay window."""


class Fault(Enum):
    """What is wrong with a delivery, on purpose."""

    UNSIGNED = auto()
    FORGED = auto()
    STALE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One account of the gateway, seen from the provider: its URL, its secret, its own id.

    `provider_account` is what the provider's payload names: the account id of Chatwoot, the phone
    number id of WhatsApp. The generic payload names none.
    """

    adapter: Adapter
    account: str
    tenant: str
    secret: str
    provider_account: str

    @property
    def path(self) -> str:
        return f"/hooks/{self.adapter}/{self.account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One delivery, due at `at_ms`; `delivery` is the provider's own id of it."""

    at_ms: int
    door: Door
    body: bytes
    delivery: str
    expect_status: int = 200
    fault: Fault | None = None
    dead_letter: bool = False

    def headers(self, now: int) -> dict[str, str]:
        """The headers of an attempt at `now`: a provider signs each attempt afresh."""
        signed_at = now // 1000
        if self.fault is Fault.STALE:
            signed_at -= STALE_BY_MS // 1000
        headers = {"Content-Type": "application/json"}
        if self.fault is Fault.UNSIGNED:
            return headers
        secret = self.door.secret
        if self.fault is Fault.FORGED:
            secret = _other_secret(secret)
        match self.door.adapter:
            case "generic":
                headers |= standard_webhooks_headers(secret, self.delivery, signed_at, self.body)
            case "chatwoot":
                headers |= chatwoot_headers(secret, self.delivery, signed_at, self.body)
            case "whatsapp":
                headers |= meta_headers(secret, self.body)
            case _:
                assert_never(self.door.adapter)
        return headers


def standard_webhooks_headers(
    secret: str, webhook_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Standard Webhooks 1.0: base64 HMAC-SHA256 of `id.timestamp.body`, key behind `whsec_`."""
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def chatwoot_headers(secret: str, delivery: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Chatwoot: hex HMAC-SHA256 of `timestamp.body`; a retry keeps its delivery id."""
    signed = b"%d.%s" % (timestamp, body)
    return {
        "X-Chatwoot-Delivery": delivery,
        "X-Chatwoot-Timestamp": str(timestamp),
        "X-Chatwoot-Signature": "sha256=" + hmac.digest(secret.encode(), signed, "sha256").hex(),
    }


def meta_headers(secret: str, body: bytes) -> dict[str, str]:
    """WhatsApp Cloud, Messenger, Instagram: hex HMAC-SHA256 of the raw body, no time stamp."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()}


def _other_secret(secret: str) -> str:
    """A secret of the same form that is not this one."""
    digest = hashlib.sha256(b"forged:" + secret.encode()).digest()
    return "whsec_" + base64.b64encode(digest).decode()
