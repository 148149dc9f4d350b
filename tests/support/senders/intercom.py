"""Intercom: HMAC-SHA1 of the body, keyed by the client secret of the app."""

import hashlib
import hmac

from carewatch.channels.base import Account
from support.sender import Sender


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del url, at
    digest = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    return {"x-hub-signature": f"sha1={digest}"}


SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="intercom",
        account_ref="ic-1",
        match={"app_id": "a86dr8yl"},
        options={"team.814860": "logistics"},
    ),
    secret="client-secret-of-tests-0123456789ab",
    header="x-hub-signature",
    sign=sign,
    personal=(
        "Ada",
        "ada@",
        "ada-70",
        "Bob",
        "bob@",
        "12345678",
        "arcel",
        "example.org",
        "on its way",
    ),
)
