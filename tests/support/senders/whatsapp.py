"""WhatsApp Cloud API: Meta's signature over the body."""

from carewatch.channels.base import Account
from support.sender import Sender, entries
from support.senders.meta import sign

SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="whatsapp",
        account_ref="wa-1",
        match={"phone_number_id": "1065"},
        messages_from="whatsapp",
    ),
    secret="app-secret-of-tests-0123456789ab",
    token="verify-token-of-tests",
    header="x-hub-signature-256",
    sign=sign,
    personal=(
        "Ada",
        "15112345678",
        "15199999999",
        "4930123456",
        "arcel",
        "ckchen",
        "wamid",
        "wacid",
        "US.13491208655302741918",
        "On its way",
    ),
    batch="two_entries_two_changes_two_messages",
    parts=entries,
)
