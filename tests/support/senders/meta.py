"""Meta's signature: HMAC-SHA256 of the body as it is sent, keyed by the app secret."""

import hashlib
import hmac


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del url, at
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}"}
