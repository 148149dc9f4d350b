"""EventBridge: an API destination that sends the key of its connection with each request."""

from carewatch.channels.base import Account
from support.sender import Sender


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del body, url, at
    return {"x-api-key": secret, "user-agent": "Amazon/EventBridge/ApiDestinations"}


SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="eventbridge",
        account_ref="eb-1",
        match={
            "account": "111122223333",
            "instance": "9aa5b6c0-1111-4222-8333-944455556666",
            "organization": "11111111-2222-4333-8444-555555555555",
        },
        options={
            "queue.7c1f5e0a-dddd-4eee-8fff-000000000001": "orders",
            "queue.6a5b4c3d-0000-4000-8000-000000000001": "orders",
        },
    ),
    secret="key-of-the-connection-of-tests-01",
    header="x-api-key",
    sign=sign,
    personal=(
        "Ada",
        "ada@",
        "bob.agent",
        "4915112345678",
        "493012345678",
        "b0b00000",
        "arcel",
        "example.org",
        "angry",
    ),
    signs_body=False,
    batch="array_of_events",
)
