"""Intercom: messages of contacts, teammates and bots, notes, assignment, state, tags, ratings.

A notification tells its topic and holds the *whole* conversation: the newest part that fits the
topic is what happened, all else is history. So a message is known by the id of its part, however
many notifications repeat it, and everything else by the notification's own id.

What its words mean here:
- `closed` is resolved; a close with words is a message, too. `snoozed` keeps its end.
- A team is both `team` and `queue` of an assignment, by its number or the option `team.<id>`.
- A teammate is an agent; an operator, a workflow and Fin are bots. Where Fin took part and a bot
  assigns the conversation, that is the hand-over to people.
- `handling_time`, where Intercom states it, takes the place of what carewatch would measure.

`match` of an account: `app_id`. `options`: `team.<id>`, `channel` (of conversations whose source
the notification does not tell, default `web`).
Sources: Intercom developer documentation, "Webhook topics", "Webhook notifications"; the
conversation model of its OpenAPI description.
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, get_id, get_object, need_text
from carewatch.channels.intercom import changes, messages
from carewatch.channels.intercom.talk import Talk
from carewatch.channels.verify import Hmac, Verifier

SIGNATURE: Final = Hmac(
    "x-hub-signature", alg="sha1", pick=r"^sha1=([0-9a-f]{40})$", write="sha1={signature}"
)

TOPICS: Final[dict[str, Callable[[Talk], Iterator[Draft]]]] = {
    "conversation.user.created": messages.begun_by_customer,
    "conversation.user.replied": messages.of_customer,
    "conversation.admin.single.created": messages.begun_by_agent,
    "conversation.admin.replied": messages.of_staff,
    "conversation.operator.replied": messages.of_staff,
    "conversation.admin.noted": messages.note,
    "conversation.admin.assigned": changes.assigned,
    "conversation.admin.open.assigned": changes.assigned,
    "conversation.admin.closed": changes.closed,
    "conversation.admin.opened": changes.opened,
    "conversation.admin.snoozed": changes.snoozed,
    "conversation.admin.unsnoozed": changes.opened,
    "conversation.deleted": changes.deleted,
    "conversation.priority.updated": changes.prioritised,
    "conversation.rating.added": changes.rated,
    "conversation_part.redacted": messages.redacted,
    "conversation_part.tag.created": changes.tagged,
}
"""What each topic becomes."""

_IGNORED: Final = (
    "conversation.contact.attached", "conversation.contact.detached",
    "conversation.company.updated", "conversation.read", "ping",
)  # fmt: skip
_OF_OTHERS: Final = (
    "admin", "article", "company", "contact", "content_stat", "event", "job", "message",
    "subscription", "user", "visitor",
)  # fmt: skip
"""Kinds of topics that are about no conversation."""


class Intercom:
    """`POST /hooks/intercom/{account}`."""

    name = "intercom"
    source_role: Literal["helpdesk"] = "helpdesk"
    version = "1"
    verifiers: tuple[Verifier, ...] = (SIGNATURE,)
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Intercom has no handshake but a signed `ping`."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def body(item: object, path: str) -> Iterator[Draft | Skip]:
            return _notification(as_object(item, path), path, account, request.received_at)

        return attempt(request.json(), "body", body)


ADAPTER: Final = Intercom()


def _notification(
    body: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    topic = need_text(body, "topic")
    app = get_id(body, "app_id")
    if "app_id" in account.match and app != account.match["app_id"]:
        yield Skip(reason="wrong_account", path=path)
        return
    read = TOPICS.get(topic)
    if read is None:
        known = topic in _IGNORED or topic.partition(".")[0] in _OF_OTHERS
        yield Skip(reason="ignored" if known else "unmapped", path=path)
        return
    item = get_object(get_object(body, "data"), "item")
    found = False
    for draft in read(Talk(body, item, account, received_at)):
        found = True
        yield draft
    if not found:
        yield Skip(reason="ignored", path=path)
