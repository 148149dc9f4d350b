"""One page's or professional account's threads: who is who, when it was, which ids it has."""

from typing import Final, Literal

from carewatch.channels.base import Account
from carewatch.channels.drafts import (
    ActorDraft,
    ConversationId,
    CustomerId,
    Draft,
    MessageId,
    Occurred,
    Quality,
)
from carewatch.channels.fields import Fields, get_id, get_object, need_id
from carewatch.channels.times import occurred

Name = Literal["messenger", "instagram"]
Side = Literal["agent", "bot", "system"]
_SIDES: Final[dict[str, Side]] = {"agent": "agent", "bot": "bot", "system": "system"}


class Thread:
    """What every item of `messaging[]` says of its thread.

    The option `app.<id>` of the account tells who stands behind an app; one that is not named,
    and no app at all (the inbox of the page), is people.
    """

    def __init__(
        self, item: Fields, channel: Name, business: str, account: Account, now: int
    ) -> None:
        self.item = item
        self.channel = channel
        self.account = account
        self._business = business
        self._now = now
        stamp = item.get("timestamp")
        unreadable = isinstance(stamp, bool) or not isinstance(stamp, int | str)
        self.stamp = None if unreadable else str(stamp)
        self.sent_by_business = get_id(get_object(item, "sender"), "id") == business

    def person(self, *, outbound: bool) -> CustomerId:
        """The customer: whoever is not the page. People have another id at every page."""
        party = get_object(self.item, "recipient" if outbound else "sender")
        return CustomerId(self.channel, get_id(party, "id") or need_id(party, "user_ref"))

    def mid(self, value: str) -> MessageId:
        return MessageId(self.channel, value, shared=True)

    def at(self, stamp: str | None) -> Occurred:
        """Milliseconds; summaries of lead ads and samples of the dashboard come in seconds."""
        quality: Quality = "ms" if len(stamp or "") > len("1767607200") else "s"
        return occurred(stamp, "s_or_ms", self._now, quality)

    def side_of(self, app: str | None) -> Side:
        """Who stands behind an app."""
        return _SIDES.get(self.account.options.get(f"app.{app}", ""), "agent")

    def by_business(self, message: Fields) -> ActorDraft:
        """Who wrote for the business: known by the app alone, and never which person."""
        app = get_id(message, "app_id")
        named = app is not None and f"app.{app}" in self.account.options
        return ActorDraft(kind=self.side_of(app), confidence="stated" if named else "derived")

    def draft(
        self, event_type: str, key: str, person: CustomerId, actor: ActorDraft | None = None
    ) -> Draft:
        """What all drafts of this item share; without `actor` the customer did it."""
        return Draft(
            type=event_type,
            key=key,
            occurred=self.at(self.stamp),
            channel=self.channel,
            conversation=ConversationId(self.channel, f"{self._business}:{person.value}"),
            customer=person,
            actor=actor or ActorDraft(kind="customer", id=person),
        )
