"""Facebook Messenger: customers' messages and buttons, echoes, receipts, ratings, thread control.

Everything that the page sends is echoed, whoever sends it, and told apart by the app it was sent
with: name the apps in `options` (`app.<id>: bot`, `agent` or `system`); an app that is not named
is people, as is the inbox, which has no app id. Answers to the customer feedback template are
ratings, thumbs for a message as well.

People are known by an id of this page alone. `match` of an account: `page_id`.
Source: Messenger Platform, "Webhook events reference".
"""

from typing import Final

from carewatch.channels.meta.inbox import Inbox

_PUBLIC: Final = (
    "conversations", "feed", "group_feed", "leadgen", "live_videos", "mention", "ratings",
    "page_change_proposal", "page_upcoming_change", "inbox_labels", "message_context",
)  # fmt: skip
"""Changes of the page that are told in `changes[]`: posts, comments and settings, no messages."""

ADAPTER: Final = Inbox(name="messenger", of="page", page="page_id", public=_PUBLIC)
