"""Chatwoot: messages of customers, agents and bots, notes, assignment, status, labels, CSAT.

Account webhooks (`message_*`, `conversation_*`), signed since February 2026. An older server that
cannot sign may prove itself by the account's token in the URL (`?token=`).

What its words mean here:
- `pending` is the bot's state: lifecycle `bot` where a bot shows (the conversation is created
  pending, a bot is assigned or wrote last), else `pending`. `pending -> open` hands over to
  people. Where people use pending by hand, set option `pending: people`: then it is always
  `pending` and no hand-over.
- A team is both `team` and `queue` of an assignment, since Chatwoot routes to teams. It goes by
  its name; option `team.<id>` renames it (and names a former team, of which only the id is sent).
- An update of a message tells neither what changed nor, but in the list of the conversation's
  newest, when: its delivery is known from there, and repeats of the same say nothing new.
- A change of status arrives with `conversation_status_changed`, or `conversation_updated`, or
  both, and label changes twice: ids are made of the change, so each counts once.
- The inbox's channel is the channel of the event.

`match` of an account: `account_id`, `inbox_id`.
Sources: Chatwoot user guide, "How to use webhooks"; its webhook listener and event presenters.
"""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt
from carewatch.channels.chatwoot.changes import changed, changes_of, created
from carewatch.channels.chatwoot.messages import message
from carewatch.channels.chatwoot.talk import Talk
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, get_id, get_list, get_object, need_text
from carewatch.channels.verify import Hmac, UrlToken, Verifier

SIGNATURE: Final = Hmac(
    "x-chatwoot-signature",
    pick=r"^sha256=([0-9a-f]{64})$",
    signed="{ts}.{body}",
    ts="x-chatwoot-timestamp",
    write="sha256={signature}",
)

_IGNORED: Final = (
    "contact_created", "contact_updated", "conversation_typing_off", "conversation_typing_on",
    "inbox_created", "inbox_updated", "webwidget_triggered",
)  # fmt: skip
"""Known, and no happening of a conversation (an opened widget is no message)."""


class Chatwoot:
    """`POST /hooks/chatwoot/{account}`."""

    name = "chatwoot"
    source_role: Literal["helpdesk"] = "helpdesk"
    version = "2"
    verifiers: tuple[Verifier, ...] = (SIGNATURE, UrlToken())
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Chatwoot has no handshake."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def body(item: object, path: str) -> Iterator[Draft | Skip]:
            return _body(as_object(item, path), path, account, request.received_at)

        return attempt(request.json(), "body", body)


ADAPTER: Final = Chatwoot()


def _body(body: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    event = need_text(body, "event")
    if event in _IGNORED:
        yield Skip(reason="ignored", path=path)
        return
    about_message = event in ("message_created", "message_updated")
    if not about_message and event not in (
        "conversation_created", "conversation_updated", "conversation_status_changed",
        "conversation_opened", "conversation_resolved",
    ):  # fmt: skip
        yield Skip(reason="unmapped", path=path)
        return
    conversation = get_object(body, "conversation") if about_message else body
    if _foreign(body, conversation, account):
        yield Skip(reason="wrong_account", path=path)
        return

    talk = Talk(conversation, account, received_at)
    if about_message:
        yield from message(body, event, path, talk)
        return
    if event == "conversation_created":
        yield from created(talk)
        return
    found = False
    for draft in changed(changes_of(body), talk):
        found = True
        yield draft
    if not found:
        yield Skip(reason="ignored", path=path)


def _foreign(body: Fields, conversation: Fields, account: Account) -> bool:
    """Whether the body names another account or inbox than the URL's."""
    stated: dict[str, set[str]] = {"account_id": set(), "inbox_id": set()}
    for source in (body, conversation):
        for name, values in stated.items():
            value = get_id(source, name)
            if value is not None:
                values.add(value)
        for item in get_list(source, "messages"):
            value = get_id(as_object(item, "messages"), "account_id")
            if value is not None:
                stated["account_id"].add(value)
    for name, nested in (("account_id", "account"), ("inbox_id", "inbox")):
        value = get_id(get_object(body, nested), "id")
        if value is not None:
            stated[name].add(value)
    return any(
        name in account.match and not values <= {account.match[name]}
        for name, values in stated.items()
    )
