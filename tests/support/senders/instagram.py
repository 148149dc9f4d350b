"""Instagram messaging: Meta's signature over the body."""

from carewatch.channels.base import Account
from support.sender import Sender, entries
from support.senders.meta import sign

SENDER = Sender(
    account=Account(
        tenant="acme",
        channel="instagram",
        account_ref="ig-1",
        match={"instagram_id": "17841405822304914"},
        options={"app.1517776481860111": "bot"},
    ),
    secret="app-secret-of-tests-0123456789ab",
    token="verify-token-of-tests",
    header="x-hub-signature-256",
    sign=sign,
    personal=(
        "Ada",
        "Bob",
        "ada.example",
        "1254459154682919",
        "aWdfZAG1faXRlbTox",
        "example.org",
        "Einen Moment",
        "in Rot",
    ),
    batch="two_entries",
    parts=entries,
)
