"""Instagram messaging: customers' messages, story replies, echoes, receipts, unsent messages.

What the professional account sends is echoed; an app is named only for some of what is sent
through the API (`options`: `app.<id>: bot`, `agent` or `system`), all else is people. The apps of
the Facebook product and of the Instagram product sign with different secrets: give both.

People are known by an id of this account alone. `match` of an account: `instagram_id`.
Source: Meta for Developers, Instagram Platform, "Webhooks", "Messaging".
"""

from typing import Final

from carewatch.channels.meta.inbox import Inbox

_PUBLIC: Final = ("comments", "live_comments", "mentions", "story_insights")
"""Changes of the account that are told in `changes[]`: what is public, no messages."""

ADAPTER: Final = Inbox(name="instagram", of="instagram", page="instagram_id", public=_PUBLIC)
