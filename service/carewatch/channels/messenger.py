"""Facebook Messenger: customers' messages and buttons, echoes, receipts, ratings, thread control.

Everything that the page sends is echoed, whoever sends it, and told apart by the app it was sent
with: name the apps in `options` (`app.<id>: bot`, `agent` or `system`); an app that is not named
is people, as is the inbox, which has no app id. Answers to the customer feedback template are
ratings, thumbs for a message as well.

People are known by an id of this page alone. `match` of an account: `page_id`.
Source: Messenger Platform, "Webhook events reference".
"""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels import meta
from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields
from carewatch.channels.meta.messaging import in_entry
from carewatch.channels.verify import Verifier

_PUBLIC: Final = (
    "conversations", "feed", "group_feed", "leadgen", "live_videos", "mention", "ratings",
    "page_change_proposal", "page_upcoming_change", "inbox_labels", "message_context",
)  # fmt: skip
"""Changes of the page that are told in `changes[]`: posts, comments and settings, no messages."""


class Messenger:
    """`POST /hooks/messenger/{account}`; GET answers Meta's subscription handshake."""

    name = "messenger"
    source_role: Literal["channel"] = "channel"
    version = "1"
    verifiers: tuple[Verifier, ...] = (meta.SIGNATURE,)
    body_limit: int | None = meta.BODY_LIMIT
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        del account
        return meta.subscription_challenge(request, secrets)

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def entry(fields: Fields, path: str) -> Iterator[Draft | Skip]:
            return in_entry(
                fields,
                path,
                account,
                request.received_at,
                channel="messenger",
                page="page_id",
                public=_PUBLIC,
            )

        return meta.each_entry(request.json(), "page", entry)


ADAPTER: Final = Messenger()
