"""Zendesk: tickets and their comments, messaging of the agent workspace, Sunshine Conversations.

Three kinds of webhooks, all of which may go to one account:
- event webhooks (`zen:event-type:ticket.*`, `...:messaging_ticket.message_added`), signed;
- a webhook of triggers that posts our own template, signed too: Zendesk has no event for a rating
  (docs/channels/zendesk.md shows the template);
- Sunshine Conversations v2 (`events[]`), which proves itself by its shared secret in `x-api-key`.

What its words mean here:
- The ticket is the conversation, its requester the customer, `hold` is snoozed. A group is both
  `team` and `queue` of an assignment; webhooks name it by number, option `group.<id>` by its name.
- The first comment is told twice, as the description of the new ticket and as a comment: both give
  one id. On tickets of messaging, comments are transcripts: the messages themselves count.
- Who did something is a user: the requester is the customer, -1 the system (triggers, automations),
  the users of option `bots` (their ids with commas between) are programs, all others agents.
- Ratings by thumb are the scale 0 to 1, others 1 to the number that the template states.

`match` of an account: `account_id`, `brand_id`, `app_id` (Sunshine). `options`: `group.<id>`,
`bots`, `via.<name>` (the channel of tickets that came by <name>), `channel` (that of messages:
answers do not say it, so it is one for all; default `web`).
Sources: Zendesk developer documentation, "Webhook event types: ticket events", "messaging ticket
events", "Verifying webhooks"; Sunshine Conversations API v2, "Webhooks".
"""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt, each
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, get_id, get_object, need_text
from carewatch.channels.verify import Hmac, StaticHeader, Verifier
from carewatch.channels.zendesk import ratings, sunshine
from carewatch.channels.zendesk.changes import CHANGES, changed, created
from carewatch.channels.zendesk.comments import comment_added, message_added
from carewatch.channels.zendesk.ticket import Ticket

SIGNATURE: Final = Hmac(
    "x-zendesk-webhook-signature",
    enc="base64",
    signed="{ts}{body}",
    ts="x-zendesk-webhook-signature-timestamp",
    ts_form="iso",
)

_TICKET: Final = "zen:event-type:ticket."
_MESSAGE: Final = "zen:event-type:messaging_ticket.message_added"

_IGNORED: Final = (
    "attachment_linked_to_comment", "attachment_redacted_from_comment", "brand_changed",
    "custom_field_changed", "custom_status_changed", "description_changed", "email_ccs_changed",
    "external_id_changed", "followers_changed", "form_changed", "next_sla_breach_changed",
    "organization_changed", "problem_link_changed", "requester_changed", "schedule_changed",
    "sla_policy_changed", "subject_changed", "submitter_changed", "task_due_at_changed",
    "type_changed",
)  # fmt: skip
"""Changes of a ticket that no metric looks at."""

_OF_OTHERS: Final = (
    "agent", "article", "community_post", "messaging_live_metrics", "omnichannel_config",
    "organization", "user",
)  # fmt: skip
"""Domains of events that are about no conversation."""


class Zendesk:
    """`POST /hooks/zendesk/{account}`."""

    name = "zendesk"
    source_role: Literal["helpdesk"] = "helpdesk"
    version = "1"
    verifiers: tuple[Verifier, ...] = (SIGNATURE, StaticHeader("x-api-key"))
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Zendesk has no handshake."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def body(item: object, path: str) -> Iterator[Draft | Skip]:
            fields = as_object(item, path)
            if "events" in fields:
                return _sunshine(fields, account, request.received_at)
            return _event(fields, path, account, request.received_at)

        return attempt(request.json(), "body", body)


ADAPTER: Final = Zendesk()


def _sunshine(body: Fields, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    if _foreign(account, "app_id", get_id(get_object(body, "app"), "id")):
        yield Skip(reason="wrong_account", path="body.app")
        return
    yield from each(
        body.get("events"),
        "events",
        lambda item, path: sunshine.event(as_object(item, path), path, account, received_at),
    )


def _event(body: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    kind = need_text(body, "type")
    brand = get_id(get_object(body, "detail"), "brand_id")
    if _foreign(account, "account_id", get_id(body, "account_id")) or _foreign(
        account, "brand_id", brand
    ):
        yield Skip(reason="wrong_account", path=path)
    elif kind == ratings.TYPE:
        yield ratings.rating(body, account, received_at)
    elif kind == _MESSAGE:
        yield message_added(body, account, received_at)
    elif kind.startswith(_TICKET):
        yield from _ticket(kind.removeprefix(_TICKET), path, Ticket(body, account, received_at))
    else:
        domain = kind.removeprefix("zen:event-type:").partition(".")[0]
        yield Skip(reason="ignored" if domain in _OF_OTHERS else "unmapped", path=path)


def _ticket(kind: str, path: str, ticket: Ticket) -> Iterator[Draft | Skip]:
    if kind == "created":
        yield from created(ticket)
    elif kind == "comment_added":
        yield comment_added(ticket) or Skip(reason="ignored", path=path)
    elif kind in CHANGES:
        yield changed(kind, ticket) or Skip(reason="ignored", path=path)
    else:
        yield Skip(reason="ignored" if kind in _IGNORED else "unmapped", path=path)


def _foreign(account: Account, name: str, stated: str | None) -> bool:
    """Whether the body names another account than the URL's; what names none is the URL's."""
    return name in account.match and stated is not None and stated != account.match[name]
