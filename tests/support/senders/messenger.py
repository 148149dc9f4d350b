"""Messenger: Meta's signature over the body."""

from carewatch.channels.base import Account
from support.sender import Sender, entries
from support.senders.meta import sign

SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="messenger",
        account_ref="page-1",
        match={"page_id": "104508901353867"},
        options={"app.1517776481860111": "bot", "app.2262510160704936": "system"},
    ),
    secret="app-secret-of-tests-0123456789ab",
    token="verify-token-of-tests",
    header="x-hub-signature-256",
    sign=sign,
    personal=(
        "Ada",
        "ada@",
        "Bob",
        "15112345678",
        "151 12345678",
        "5794982867201265",
        "6120044871300541",
        "m_2OF0H5fb2HNRyjM0rt2FVBAaDQp",
        "example.org",
        "Lead summary",
        "heute alles",
    ),
    batch="two_entries_and_a_broken_item",
    parts=entries,
    keys_are_data=("questions", "app_roles"),
)
