"""Twilio's contact centre: forms signed by their fields, JSON by its hash in the URL."""

import hashlib
import re

from carewatch.channels.base import Account
from support.sender import Sender
from support.senders import twilio

_FORM = re.compile(rb"\w+=")


def query(body: bytes) -> str:
    """Event Streams put the hash of what they post into the address."""
    return "" if _FORM.match(body) else f"?bodySHA256={hashlib.sha256(body).hexdigest()}"


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    """Of JSON no fields are signed: its hash stands in the URL."""
    return twilio.sign(body if _FORM.match(body) else b"", url, at, secret)


SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="twilio_events",
        account_ref="te-1",
        match={
            "account_sid": "AC00000000000000000000000000000042",
            "workspace_sid": "WS00000000000000000000000000000007",
        },
        options={"queue.WQ00000000000000000000000000000001": "orders", "bots": "answer-bot"},
    ),
    secret="0123456789abcdef0123456789abcdef",
    header="x-twilio-signature",
    sign=sign,
    query=query,
    personal=(
        "Ada",
        "ADA",
        "ada@",
        "Bob",
        "bob_40",
        "bob@",
        "4915112345678",
        "493012345678",
        "100012345",
        "1234567890abcdef",
        "arcel",
        "example.org",
    ),
    batch="messages_of_both_sides",
)
