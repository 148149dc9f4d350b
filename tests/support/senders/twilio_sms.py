"""Twilio Messaging: forms, signed with the account's auth token."""

from carewatch.channels.base import Account
from support.sender import Sender
from support.senders.twilio import sign

SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="twilio_sms",
        account_ref="sms-1",
        match={"account_sid": "AC00000000000000000000000000000042"},
        messages_from="twilio_sms",
    ),
    secret="0123456789abcdef0123456789abcdef",
    header="x-twilio-signature",
    sign=sign,
    personal=(
        "Ada",
        "ada%40",
        "4915112345678",
        "4930123456",
        "5794982867201265",
        "72345",
        "example.org",
        "Unreachable",
        "SM000000000000000000000000000000",
    ),
    body="form",
)
