"""Telegram: the secret token of setWebhook in a header; the body is not signed."""

from carewatch.channels.base import Account
from support.sender import Sender


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del body, url, at
    return {"x-telegram-bot-api-secret-token": secret}


SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="telegram",
        account_ref="bot-1",
        match={"business_connection_id": "VRwcGhsaLUZkAAAAAAAAAQABMzQ"},
        options={"agents": "7001122334, 7001122335"},
    ),
    secret="Secret_token-of-the-tests_0123456789",
    header="x-telegram-bot-api-secret-token",
    sign=sign,
    personal=(
        "Ada",
        "Bob",
        "Eve",
        "ada_example",
        "bob_support",
        "15112345678",
        "5517234980",
        "7001122334",
        "6120044871",
        "1002233445566",
        "VRwcGhsaLUZk",
        "Guten Tag",
    ),
    signs_body=False,
)
