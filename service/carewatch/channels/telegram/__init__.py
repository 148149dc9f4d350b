"""Telegram: what people write to a bot, buttons, reactions, edits; conversations of a business.

A bot alone sees one side: nothing that it sends comes back, and there are no receipts. Whoever
connects a bot to a business account (Telegram Business) sees both: what the owner or a bot writes
in the owner's name, and deletions. In groups, members whose user ids the account lists in the
option `agents` (with commas) answer; so do anonymous administrators.

A conversation is a chat, a topic of it, or a chat of a business connection. Updates are numbered,
which puts messages of the same second in order. Buttons, votes and deletions state no time: the
arrival is theirs. The secret token proves the sender, not the body; no body names the bot.
`match` of an account: `business_connection_id`.
Source: Telegram Bot API, "Getting updates", "Available types".
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, get_id, get_object
from carewatch.channels.telegram import answers, messages
from carewatch.channels.telegram.update import Update
from carewatch.channels.verify import StaticHeader, Verifier

_KINDS: Final[dict[str, Callable[[Update], Iterator[Draft | Skip]]]] = {
    "message": messages.message,
    "edited_message": messages.edited,
    "business_message": messages.message,
    "edited_business_message": messages.edited,
    "channel_post": messages.message,
    "edited_channel_post": messages.edited,
    "deleted_business_messages": messages.deleted,
    "callback_query": answers.button,
    "message_reaction": answers.reaction,
    "poll_answer": answers.vote,
}
"""An update has one of these fields, or another that is not for us."""

_IGNORED: Final = (
    "business_connection", "chat_boost", "chat_join_request", "chat_member",
    "chosen_inline_result", "inline_query", "message_reaction_count", "my_chat_member", "poll",
    "pre_checkout_query", "purchased_paid_media", "removed_chat_boost", "shipping_query",
)  # fmt: skip
"""Known, and no happening of a conversation: memberships, settings, payments, counts."""


class Telegram:
    """`POST /hooks/telegram/{account}`."""

    name = "telegram"
    source_role: Literal["channel"] = "channel"
    version = "1"
    verifiers: tuple[Verifier, ...] = (StaticHeader("x-telegram-bot-api-secret-token"),)
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Telegram has no handshake."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def update(item: object, path: str) -> Iterator[Draft | Skip]:
            return _update(as_object(item, path), path, account, request.received_at)

        return attempt(request.json(), "body", update)


ADAPTER: Final = Telegram()


def _update(fields: Fields, path: str, account: Account, now: int) -> Iterator[Draft | Skip]:
    kind = next((name for name in _KINDS if name in fields), None)
    if kind is None:
        known = any(name in fields for name in _IGNORED)
        yield Skip(reason="ignored" if known else "unmapped", path=path)
        return
    update = Update(fields, get_object(fields, kind), f"{path}.{kind}", account, now)
    stated = update.connection or get_id(get_object(update.body, "message"), _CONNECTION)
    if stated is not None and account.match.get(_CONNECTION, stated) != stated:
        yield Skip(reason="wrong_account", path=update.path)
        return
    yield from _KINDS[kind](update)


_CONNECTION: Final = "business_connection_id"
