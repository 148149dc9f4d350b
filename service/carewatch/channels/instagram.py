"""Instagram messaging: customers' messages, story replies, echoes, receipts, unsent messages.

What the professional account sends is echoed; an app is named only for some of what is sent
through the API (`options`: `app.<id>: bot`, `agent` or `system`), all else is people. The apps of
the Facebook product and of the Instagram product sign with different secrets: give both.

People are known by an id of this account alone. `match` of an account: `instagram_id`.
Source: Meta for Developers, Instagram Platform, "Webhooks", "Messaging".
"""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels import meta
from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields
from carewatch.channels.meta.messaging import in_entry
from carewatch.channels.verify import Verifier

_PUBLIC: Final = ("comments", "live_comments", "mentions", "story_insights")
"""Changes of the account that are told in `changes[]`: what is public, no messages."""


class Instagram:
    """`POST /hooks/instagram/{account}`; GET answers Meta's subscription handshake."""

    name = "instagram"
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
                channel="instagram",
                page="instagram_id",
                public=_PUBLIC,
            )

        return meta.each_entry(request.json(), "instagram", entry)


ADAPTER: Final = Instagram()
