"""The items of `messaging[]` and `standby[]`, which Messenger and Instagram share, to drafts.

`standby[]` holds what another app of the page is answering: the same messages, under the same ids,
so that they count once whichever way they arrive.

Who wrote what is said on the business's side by an app id alone: the option `app.<id>` of the
account says `agent`, `bot` or `system` for each; an app that is not named, and no app at all (the
page's inbox), is people. Control of a thread that passes between people and bots is a hand-over.
Source: Messenger Platform, "Webhook events reference", "Conversation routing"; Instagram
Messaging, "Webhooks".
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from carewatch.channels.base import Account, Skip, each
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, get_object, need_id, need_text
from carewatch.channels.meta import each_change, messages, signals
from carewatch.channels.meta.thread import Name, Thread

_PARSERS: Final[dict[str, Callable[[Thread, Fields], Iterator[Draft]]]] = {
    "message": messages.message,
    "message_edit": messages.edited,
    "postback": messages.postback,
    "reaction": messages.reaction,
    "delivery": signals.delivery,
    "read": signals.read,
    "messaging_feedback": signals.feedback,
    "response_feedback": signals.thumb,
    "pass_thread_control": signals.control,
    "take_thread_control": signals.control,
}
"""An item has one of these fields, or another that is not for us."""

_IGNORED: Final = (
    "account_linking", "app_roles", "game_play", "optin", "payment", "policy_enforcement",
    "pre_checkout", "referral", "request_thread_control",
)  # fmt: skip
"""Known, and no happening of a conversation; to ask for a thread changes nothing yet."""


def in_entry(
    entry: Fields,
    path: str,
    account: Account,
    received_at: int,
    *,
    channel: Name,
    page: str,
    public: Sequence[str],
) -> Iterator[Draft | Skip]:
    """Everything in the lists of an entry.

    `page` is what `match` of the account calls the entry's id, `public` are the fields of
    `changes[]` that tell of posts and comments. A change may also hold what belongs in
    `messaging[]`: so do the samples that the app dashboard sends.
    """
    business = need_id(entry, "id")
    if account.match.get(page, business) != business:
        yield Skip(reason="wrong_account", path=path)
        return

    def item(value: object, at: str) -> Iterator[Draft | Skip]:
        fields = as_object(value, at)
        name = next((name for name in _PARSERS if name in fields), None)
        if name is None:
            known = any(name in fields for name in _IGNORED)
            yield Skip(reason="ignored" if known else "unmapped", path=at)
            return
        thread = Thread(fields, channel, business, account, received_at)
        found = list(_PARSERS[name](thread, get_object(fields, name)))
        yield from found
        if not found:
            yield Skip(reason="ignored", path=at)

    def change(fields: Fields, at: str) -> Iterator[Draft | Skip]:
        if need_text(fields, "field") in public:
            return iter((Skip(reason="ignored", path=at),))
        return item(fields.get("value"), f"{at}.value")

    for name in ("messaging", "standby"):
        yield from each(entry.get(name), f"{path}.{name}", item)
    yield from each_change(entry, path, change)
