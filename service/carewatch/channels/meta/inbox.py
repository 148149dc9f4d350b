"""What Messenger and Instagram are alike in: an inbox behind Meta's signature and handshake."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from carewatch.channels import meta
from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields
from carewatch.channels.meta.messaging import in_entry
from carewatch.channels.verify import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """`POST /hooks/{name}/{account}`; GET answers Meta's subscription handshake.

    `of` is what the body calls the object, `page` the key of `match` that names the account,
    `public` the changes that are known and no messages.
    """

    name: Literal["messenger", "instagram"]
    of: str
    page: str
    public: tuple[str, ...]
    source_role: Literal["channel"] = "channel"
    version: str = "1"
    verifiers: tuple[Verifier, ...] = (meta.SIGNATURE,)
    body_limit: int | None = meta.BODY_LIMIT
    remembers: tuple[str, ...] = ()
    success: Reply = OK

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
                channel=self.name,
                page=self.page,
                public=self.public,
            )

        return meta.each_entry(request.json(), self.of, entry)
